"""The outbox: a tenant's events that are not yet acknowledged, in pages, as the work of its report line.

A page is written before the states it tells of, so a crash between repeats an event rather than loses it. What has been
acknowledged moves to the tenant's event log, where it stays for `EVENTS_KEPT`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from shared.aws.attributes import Item
from shared.aws.dynamodb import ItemKey, Key, Put, Table
from shared.clock import DAY, Millis, ttl_seconds
from shared.identifiers import due_at_of, due_key, new_ulid
from shared.lines.line import HEAD_SORT_KEY, Line, reports_line
from shared.reports.events import PushedEvent, ReportEvent

MAX_EVENTS_A_PAGE = 150
MAX_PAGE_BYTES = 200_000  # unless a single event has more: an item takes 400 KB
EVENTS_KEPT: Millis = 30 * DAY

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
        return self.key.item | {"events": _EVENTS.dump_json(list(self.events), exclude_defaults=True).decode()}

    @classmethod
    def from_item(cls, line: Line, item: Item) -> "OutboxPage":
        events = _EVENTS.validate_json(str(item["events"]))
        return cls(line, str(item["sk"]), tuple(events))


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

    def write(self, tenant_id: str, events: Sequence[ReportEvent], now: Millis) -> None:
        """The head of the report line must have been announced before."""
        for part in _parts(PushedEvent(event=each) for each in events):
            self._table.put(new_page(tenant_id, part, due_at=now, now=now).to_item())

    def put(self, page: OutboxPage) -> None:
        self._table.put(page.to_item())

    def first(self, line: Line, *, limit: int) -> list[OutboxPage]:
        """The first pages of the line, due or not."""
        condition = Key("pk").eq(line.partition) & Key("sk").lt(HEAD_SORT_KEY)
        page = self._table.query(condition, limit=limit)
        return [OutboxPage.from_item(line, item) for item in page.items]

    def acknowledge(self, pages: Sequence[OutboxPage], taken: Sequence[PushedEvent], now: Millis) -> None:
        """Moves what was taken to the event log, in as few items as hold it, and the pages out of their line.

        All of one line. A crash in between pushes them again, and may log them twice.
        """
        log: Item = {"pk": log_partition(pages[0].line.tenant_id), "ttl": ttl_seconds(now + EVENTS_KEPT)}
        parts = list(_parts(taken))
        # Never more parts than pages: each page was such a part. Under the last keys, so that no event moves to before
        # its page: whoever pulls events, and has read up to there, would miss it.
        into = pages[len(pages) - len(parts) :]
        logged = [
            OutboxPage(page.line, page.sort_key, tuple(part)).to_item() | log
            for page, part in zip(into, parts, strict=True)
        ]
        self._table.batch_write(puts=logged)
        self._table.batch_write(deletes=[page.key for page in pages])


def _parts(events: Iterable[PushedEvent]) -> Iterator[list[PushedEvent]]:
    """In order, as many as fit into an item each."""
    part: list[PushedEvent] = []
    size = 0
    for event in events:
        length = len(_EVENT.dump_json(event, exclude_defaults=True))
        if part and (len(part) == MAX_EVENTS_A_PAGE or size + length > MAX_PAGE_BYTES):
            yield part
            part, size = [], 0
        part.append(event)
        size += length
    if part:
        yield part
