"""Deletes mails that are done with and reported, sooner than their time to live would.

The event log is the list of what was reported, in order: walking it finds those mails without a search over all.
"""

from dataclasses import dataclass

from shared.clock import Clock, Millis
from shared.messages.removal import Removal
from shared.messages.table import MailTable
from shared.reports.events import ended_at
from shared.reports.log import EventLog, LoggedPage, tells_the_end_of


@dataclass(frozen=True, slots=True)
class CleanedUp:
    """`next` is the place in the log to go on after; None when it was walked to the end."""

    removed: int
    next: str | None


class Cleanup:
    """Raises StorageUnavailable when DynamoDB cannot be reached: the same call again does what is left."""

    def __init__(self, *, mails: MailTable, removal: Removal, log: EventLog, clock: Clock) -> None:
        self._mails = mails
        self._removal = removal
        self._log = log
        self._clock = clock

    def clean_up(self, tenant_id: str, *, older_than: Millis, after: str, within: Millis) -> CleanedUp:
        """Those whose last report was acknowledged longer ago than `older_than`. Stops when it has worked for `within`.

        Those that a worker still holds, or whose report was acknowledged out of turn, stay for another time.
        """
        began_at = self._clock()
        removed = 0
        for page in self._log.walk(tenant_id, after):
            if page.due_at > began_at - older_than:
                break
            if page.acknowledged_at <= began_at - older_than:
                removed += self._remove_those_of(tenant_id, page)
            if self._clock() >= began_at + within:
                return CleanedUp(removed, next=page.sort_key)
        return CleanedUp(removed, next=None)

    def _remove_those_of(self, tenant_id: str, page: LoggedPage) -> int:
        """Not those that were sent again since, of which another report is still to come."""
        events = {pushed.event.id: pushed.event for pushed in page.events if ended_at(pushed.event) is not None}
        mails = self._mails.get_many(tenant_id, (each for each in events if each is not None))
        ended = [mail for mail in mails.values() if tells_the_end_of(mail, events[mail.id])]
        return len(self._removal.remove_as_read(ended))
