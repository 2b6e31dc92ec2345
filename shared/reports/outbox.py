"""The outbox: a tenant's events that are not yet acknowledged, in pages, as the work of its report line.

A page is written before the states it tells of, so a crash between repeats an event rather than loses it. What has been
acknowledged moves to the tenant's event log, where it stays for as long as the instance says. What nobody takes leaves
after `UNREPORTED_KEPT`.

Pages are compressed, since each event is paid for three times by its size: when it is told, logged, and removed.
"""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from pydantic import TypeAdapter

from shared.aws.attributes import Item
from shared.aws.dynamodb import ItemKey, Key, Put, Table
from shared.clock import DAY, MINUTE, Millis, ttl_seconds
from shared.identifiers import due_at_of, due_key, new_ulid
from shared.lines.line import HEAD_SORT_KEY, Line, reports_line
from shared.reports.events import PushedEvent, ReportEvent

MAX_EVENTS_A_PAGE = 150
MAX_PAGE_BYTES = 200_000  # before compression, and unless a single event has more: an item takes 400 KB
_COMPRESSION = 1  # the fastest: events of a page are so alike that it leaves a quarter of them
# Whatever the log's retention is: what was never told is the last to be dropped.
UNREPORTED_KEPT: Millis = 90 * DAY
# Pages this far apart share no item of the log, so that an event lies there near its time.
LOGGED_TOGETHER_WITHIN: Millis = MINUTE

_EVENT = TypeAdapter(PushedEvent)
_EVENTS = TypeAdapter(list[PushedEvent])


@dataclass(frozen=True, slots=True)
class OutboxPage:
    """The events of one commit; `sort_key` orders pages by the time they are due."""

    line: Line
    sort_key: str
    events: tuple[PushedEvent, ...]

    @property
    def key(self) -> ItemKey:
        return self.line.work_key(self.sort_key)

    @property
    def due_at(self) -> Millis:
        return due_at_of(self.sort_key)

    def to_item(self) -> Item:
        return self.key.item | {
            "events": zlib.compress(_EVENTS.dump_json(list(self.events), exclude_defaults=True), _COMPRESSION),
            "ttl": ttl_seconds(self.due_at + UNREPORTED_KEPT),
        }

    @classmethod
    def from_item(cls, line: Line, item: Item) -> "OutboxPage":
        events = item["events"]
        if not isinstance(events, bytes):
            raise TypeError("a page of events is stored compressed")
        return cls(line, str(item["sk"]), tuple(_EVENTS.validate_json(zlib.decompress(events))))


def new_page(tenant_id: str, events: Sequence[PushedEvent], *, due_at: Millis, now: Millis) -> OutboxPage:
    """A page for a tenant's report line."""
    return OutboxPage(reports_line(tenant_id), due_key(due_at, new_ulid(now)), tuple(events))


def put_page(tenant_id: str, event: ReportEvent, now: Millis) -> Put:
    """The action of a transaction that reports one event."""
    return Put(new_page(tenant_id, [PushedEvent(event=event)], due_at=now, now=now).to_item())


def log_partition(tenant_id: str) -> str:
    """Where a tenant's acknowledged events are kept."""
    return f"EVENTS#{tenant_id}"


class Outbox:
    """The pages of every tenant."""

    def __init__(self, messages: Table) -> None:
        self._table = messages

    def write(self, tenant_id: str, events: Sequence[ReportEvent], now: Millis, *, replayed: bool = False) -> None:
        """The head of the report line must have been announced before."""
        for part in _parts(PushedEvent(event=each, replayed=replayed) for each in events):
            self._table.put(new_page(tenant_id, part, due_at=now, now=now).to_item())

    def put(self, page: OutboxPage) -> None:
        self._table.put(page.to_item())

    def first(self, line: Line, *, limit: int) -> list[OutboxPage]:
        """The first pages of the line, due or not."""
        condition = Key("pk").eq(line.partition) & Key("sk").lt(HEAD_SORT_KEY)
        page = self._table.query(condition, limit=limit)
        return [OutboxPage.from_item(line, item) for item in page.items]

    def between(self, line: Line, low: str, high: str, *, limit: int) -> tuple[list[OutboxPage], bool]:
        """The first pages with keys from `low` to `high`, and whether those are all."""
        condition = Key("pk").eq(line.partition) & Key("sk").between(low, high)
        page = self._table.query(condition, limit=limit)
        return [OutboxPage.from_item(line, item) for item in page.items], page.resume is None

    def acknowledge(
        self, pages: Sequence[OutboxPage], taken: Sequence[PushedEvent], now: Millis, *, kept: Millis
    ) -> None:
        """Moves what was taken to the event log, in few items, where it stays for `kept`, and the pages out of their
        line. What was replayed is in the log already, or was.

        All of one line, in order. A crash in between pushes them again, and may log them twice.
        """
        log: Item = {
            "pk": log_partition(pages[0].line.tenant_id),
            "acknowledged_at": now,
            "ttl": ttl_seconds(now + kept),
        }
        done = {pushed.event.event_id for pushed in taken}
        news = [
            replace(
                page,
                events=tuple(each for each in page.events if each.event.event_id in done and not each.replayed),
            )
            for page in pages
        ]
        self._table.batch_write(puts=[page.to_item() | log for page in _together(news)])
        self._table.batch_write(deletes=[page.key for page in pages])


def _together(pages: Iterable[OutboxPage]) -> Iterator[OutboxPage]:
    """As many whole pages as fit into an item each, under the key of the last of them.

    So no event moves to before its own page: whoever pulls events, and has read up to there, would miss it.
    """
    joined: OutboxPage | None = None
    began = size = 0
    for page in pages:
        if not page.events:
            continue
        length = sum(_size(each) for each in page.events)
        if joined is not None:
            fits = len(joined.events) + len(page.events) <= MAX_EVENTS_A_PAGE and size + length <= MAX_PAGE_BYTES
            if fits and page.due_at - began <= LOGGED_TOGETHER_WITHIN:
                joined, size = replace(page, events=joined.events + page.events), size + length
                continue
            yield joined
        joined, began, size = page, page.due_at, length
    if joined is not None:
        yield joined


def _parts(events: Iterable[PushedEvent]) -> Iterator[list[PushedEvent]]:
    """In order, as many as fit into an item each."""
    part: list[PushedEvent] = []
    size = 0
    for event in events:
        length = _size(event)
        if part and (len(part) == MAX_EVENTS_A_PAGE or size + length > MAX_PAGE_BYTES):
            yield part
            part, size = [], 0
        part.append(event)
        size += length
    if part:
        yield part


def _size(event: PushedEvent) -> int:
    """In bytes, as stored."""
    return len(_EVENT.dump_json(event, exclude_defaults=True))
