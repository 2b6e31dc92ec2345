"""Publishes report events to an EventBridge bus, for consumers inside AWS (docs/event-bus.md).

What is published are the pages of the outbox as the table's stream tells of them, each event once by itself; and again,
under the same event id, when anything of it failed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shared.aws.attributes import Item
from shared.aws.eventbridge import MAX_BYTES, BusEvent, EventBus
from shared.clock import Millis
from shared.errors import StorageError
from shared.lines.line import Line, LineKind
from shared.observability import logger
from shared.reports.events import ReportEvent
from shared.reports.outbox import OutboxPage

SOURCE = "serverless-mail-proxy"
DETAIL_TYPE = "Delivery Report"


@dataclass(frozen=True, slots=True)
class NewPage:
    """An outbox page as it was written; `position` names its record in the stream."""

    position: str
    item: Item


class Publisher:
    """Publishes what the stream brings."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus

    def publish(self, pages: Sequence[NewPage]) -> str | None:
        """None when everything is published; else the position from which the stream is to be read again."""
        events = [(page.position, event) for page in pages for event in _bus_events(page)]
        try:
            done = self._bus.put([event for _, event in events])
        except StorageError as error:
            logger.error("events not published: read from the stream again", reason=error.detail)
            done = 0
        if done < len(events):
            logger.error("events left to publish", published=done, left=len(events) - done)
            return events[done][0]
        logger.info("published", pages=len(pages), events=done)
        return None


def _bus_events(page: NewPage) -> Iterator[BusEvent]:
    """Not those that are pushed again, since they were refused or replayed: the bus has had them."""
    line = Line(LineKind.REPORTS, str(page.item["pk"]).rpartition("#")[2])
    stored = OutboxPage.from_item(line, page.item)
    for pushed in stored.events:
        if not pushed.refusals and not pushed.replayed:
            yield _bus_event(pushed.event, stored.due_at)


def _bus_event(event: ReportEvent, at: Millis) -> BusEvent:
    whole = BusEvent(SOURCE, DETAIL_TYPE, event.model_dump_json(exclude_none=True), at)
    if whole.size <= MAX_BYTES:
        return whole
    # Hundreds of recipients, each with a long reply. The events API has them all.
    short = event.model_copy(update={"recipients": None}).model_dump_json(exclude_none=True)
    return BusEvent(SOURCE, DETAIL_TYPE, short, at)
