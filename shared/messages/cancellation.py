"""Taking a mail back while nobody may be sending it: entry out of its slice, state, report, all or nothing."""

from shared.aws.dynamodb import Attr, Put, Table
from shared.clock import Clock, Millis
from shared.errors import Conflict, InFlight, TransactionRefused
from shared.instance.model import DEFAULT_RETENTION
from shared.lines.line import reports_line
from shared.lines.lines import Lines
from shared.messages.model import Mail, MailEvent, Status
from shared.messages.slices import Entry, SliceTable, without
from shared.messages.table import MailTable
from shared.reports.events import cancelled
from shared.reports.outbox import put_page

_TRIES = 3  # the slice may change under us: another mail of it cancelled, or a worker done with it


class Cancellation:
    """Raises StorageUnavailable when DynamoDB cannot be reached; nothing has changed then."""

    def __init__(self, *, messages: Table, mails: MailTable, slices: SliceTable, lines: Lines, clock: Clock) -> None:
        self._messages = messages
        self._mails = mails
        self._slices = slices
        self._lines = lines
        self._clock = clock

    def cancel(self, tenant_id: str, mail_id: str, *, retention: Millis = DEFAULT_RETENTION) -> Mail:
        """The cancelled mail, kept for `retention`; cancelling again changes nothing.

        Raises NotFound, InFlight while a worker holds the mail, Conflict when it is sent or failed already.
        """
        for _ in range(_TRIES):
            mail = self._mails.get(tenant_id, mail_id)
            if mail.status is Status.CANCELLED:
                return mail
            if not mail.status.is_unsent:
                raise Conflict(f"message {mail_id} is {mail.status.value}: only unsent mail can be cancelled")
            done = self._try(mail, retention)
            if done is not None:
                self._lines.wake(reports_line(tenant_id))
                return done
        raise InFlight(f"message {mail_id} is being worked on just now: try again in a moment")

    def _try(self, mail: Mail, retention: Millis) -> Mail | None:
        """None when the mail or its slice changed meanwhile."""
        found = self._slices.of_mail(mail)
        entry = Entry(mail.id, mail.generation)
        if found is None or entry not in found.entries:
            return None
        if found.claimed_by is not None:
            raise InFlight(f"message {mail.id} is being sent just now: ask again for its status")
        now = self._clock()
        noted = MailEvent(type="cancelled", at=now)
        ended = mail.with_event(noted, status=Status.CANCELLED, finished_at=now, expires_at=now + retention)
        unchanged = Attr("generation").eq(mail.generation) & Attr("slice_key").eq(mail.slice_key)
        self._lines.announce(reports_line(mail.tenant_id), now)
        try:
            self._messages.transact(
                [
                    without(found, entry),
                    Put(ended.to_item(), condition=unchanged & Attr("status").eq(mail.status.value)),
                    put_page(mail.tenant_id, cancelled(ended, now), now),
                ]
            )
        except TransactionRefused:
            return None
        return ended
