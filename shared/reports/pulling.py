"""Reads a tenant's events, whether its endpoint has acknowledged them or not, for tenants that pull.

Reading on from a place misses none. Keys order events by the time of their writing, and a writer may be late: so only
what is older than the line's grace is read, before which nothing is written any more. An event moves to later keys only
(from the outbox to the log; in the outbox when it was refused): what has moved meanwhile is met once more.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.aws.dynamodb import Table
from shared.clock import LAST_INSTANT, Clock, Millis
from shared.identifiers import DUE_KEY_PATTERN, due_at_of, due_before
from shared.lines.line import reports_line
from shared.reports.events import PushedEvent, ReportEvent
from shared.reports.log import EventLog, LoggedPage
from shared.reports.outbox import Outbox, OutboxPage

BEGINNING = "0"
PLACE_PATTERN = rf"^(0|[0-9]{{13}}|{DUE_KEY_PATTERN.strip('^$')}(@[0-9a-f]{{32}})?)$"


@dataclass(frozen=True, slots=True)
class PulledEvent:
    """`recorded_at`: when it was due to be pushed, to the minute; of a refused one, when it was to be pushed again.
    `acknowledged_at` is None while the endpoint has not taken it.
    """

    event: ReportEvent
    recorded_at: Millis
    acknowledged_at: Millis | None


@dataclass(frozen=True, slots=True)
class PulledPage:
    """`place` is where to go on, now or later; `complete` says that there is nothing behind it yet."""

    events: tuple[PulledEvent, ...]
    place: str
    complete: bool


@dataclass(frozen=True, slots=True)
class _Found:
    """`page` is the key of the page that it lies in."""

    page: str
    pulled: PulledEvent


class EventReader:
    """Raises StorageUnavailable when DynamoDB cannot be reached."""

    def __init__(self, messages: Table, clock: Clock) -> None:
        self._outbox = Outbox(messages)
        self._log = EventLog(messages)
        self._clock = clock

    def read(self, tenant_id: str, place: str, *, until: Millis | None, limit: int) -> PulledPage:
        """At most `limit` events after `place`, recorded before `until`, in the order of their pages."""
        line = reports_line(tenant_id)
        page_key, _, event_id = place.partition("@")
        settled = self._clock() - line.grace
        high = due_before(min(settled, LAST_INSTANT if until is None else until) - 1)
        if high <= page_key:
            return PulledPage((), place, complete=True)
        # In this order: what moves to the log meanwhile is met twice rather than never.
        waiting, all_waiting = self._outbox.between(line, page_key, high, limit=limit + 1)
        logged, all_logged = self._log.between(tenant_id, page_key, high, limit=limit + 1)
        ends = [
            pages[-1].sort_key
            for pages, is_all in ((waiting, all_waiting), (logged, all_logged))
            if pages and not is_all
        ]
        end = min(ends, default=high)
        both: list[OutboxPage | LoggedPage] = [*waiting, *logged]
        pages = sorted((page for page in both if page.sort_key <= end), key=lambda page: page.sort_key)
        found = list(_each_once(pages, page_key, event_id))
        if len(found) > limit:
            last = found[limit - 1]
            place = f"{last.page}@{last.pulled.event.event_id}"
        elif ends:
            place = end
        elif found:
            place = found[-1].page
        return PulledPage(tuple(each.pulled for each in found[:limit]), place, not ends and len(found) <= limit)


def place_at(instant: Millis) -> str:
    """Before everything that is recorded at `instant` or later."""
    return due_before(instant - 1)


def _each_once(pages: list[OutboxPage | LoggedPage], page_key: str, event_id: str) -> Iterator[_Found]:
    """The events after the place. Those of its own page begin behind the one that was read last, which may be gone."""
    seen: set[str] = set()
    for page in pages:
        events = [each for each in page.events if not each.replayed]  # they lie in the log, or did
        if page.sort_key == page_key:
            events = _behind(events, event_id)
        acknowledged_at = page.acknowledged_at if isinstance(page, LoggedPage) else None
        for pushed in events:
            if pushed.event.event_id not in seen:
                seen.add(pushed.event.event_id)
                yield _Found(page.sort_key, PulledEvent(pushed.event, due_at_of(page.sort_key), acknowledged_at))


def _behind(events: list[PushedEvent], event_id: str) -> list[PushedEvent]:
    if not event_id:
        return []
    ids = [each.event.event_id for each in events]
    return events[ids.index(event_id) + 1 :] if event_id in ids else events
