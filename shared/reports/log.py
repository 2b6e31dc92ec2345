"""Reading a tenant's event log: what its endpoint has acknowledged, in order, for as long as the instance says.

An event lies under the key of its own page of the outbox or a later one, so that reading on from a place misses none.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.aws.attributes import Item
from shared.aws.dynamodb import Key, Table
from shared.clock import Millis
from shared.identifiers import due_at_of, due_before
from shared.lines.line import reports_line
from shared.messages.model import Mail
from shared.reports.events import PushedEvent, ReportEvent, event_id
from shared.reports.outbox import OutboxPage, log_partition

# The event of a mail is written within a second of its end, and the log has up to 150 events an item.
_LOOKED_AT = 8


@dataclass(frozen=True, slots=True)
class LoggedPage:
    """Events that were acknowledged together; `due_at` is when the last of them was due to be pushed."""

    sort_key: str
    events: tuple[PushedEvent, ...]
    acknowledged_at: Millis

    @property
    def due_at(self) -> Millis:
        return due_at_of(self.sort_key)


class EventLog:
    """Raises StorageUnavailable when DynamoDB cannot be reached."""

    def __init__(self, messages: Table) -> None:
        self._table = messages

    def after(self, tenant_id: str, place: str, *, limit: int) -> list[LoggedPage]:
        """The first pages whose sort key is greater than `place`; an empty place is before all."""
        condition = Key("pk").eq(log_partition(tenant_id)) & Key("sk").gt(place or "0")
        return [_logged(tenant_id, item) for item in self._table.query(condition, limit=limit).items]

    def between(self, tenant_id: str, low: str, high: str, *, limit: int) -> tuple[list[LoggedPage], bool]:
        """The first pages with keys from `low` to `high`, and whether those are all."""
        condition = Key("pk").eq(log_partition(tenant_id)) & Key("sk").between(low, high)
        page = self._table.query(condition, limit=limit)
        return [_logged(tenant_id, item) for item in page.items], page.resume is None

    def walk(self, tenant_id: str, place: str) -> Iterator[LoggedPage]:
        """Every page after `place`, read as it is asked for."""
        while pages := self.after(tenant_id, place, limit=_LOOKED_AT):
            yield from pages
            place = pages[-1].sort_key

    def reported_at(self, mail: Mail) -> Millis | None:
        """When the last report of a mail that is final was acknowledged; None when that is not known."""
        if mail.reported_at is not None or mail.finished_at is None:
            return mail.reported_at
        for page in self.after(mail.tenant_id, due_before(mail.finished_at - 1), limit=_LOOKED_AT):
            if any(tells_the_end_of(mail, pushed.event) for pushed in page.events):
                return page.acknowledged_at
        return None


def tells_the_end_of(mail: Mail, event: ReportEvent) -> bool:
    """Whether the event is the last report of the mail as it is now."""
    return event.id == mail.id and event.event_id == event_id(mail, mail.status.value)


def _logged(tenant_id: str, item: Item) -> LoggedPage:
    page = OutboxPage.from_item(reports_line(tenant_id), item)
    return LoggedPage(page.sort_key, page.events, int(str(item["acknowledged_at"])))
