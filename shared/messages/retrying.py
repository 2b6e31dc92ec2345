"""Sending a failed mail again, on its tenant's word: a new generation, as if it had never been tried."""

from shared.accounts.table import AccountTable
from shared.aws.dynamodb import Attr, Delete, Put, Table, Update, Write
from shared.clock import Clock, Millis, ttl_seconds
from shared.errors import Conflict, TransactionRefused
from shared.identifiers import due_key, new_ulid
from shared.lines.line import part_of
from shared.lines.lines import Lines
from shared.messages.model import Mail, MailEvent, Status
from shared.messages.payloads import KEPT
from shared.messages.slices import Entry, Slice, put_new
from shared.messages.table import MailTable, recipients_key, recipients_to_item


class Retrying:
    """Raises StorageUnavailable when DynamoDB cannot be reached; nothing has changed then."""

    def __init__(
        self, *, messages: Table, mails: MailTable, accounts: AccountTable, lines: Lines, clock: Clock
    ) -> None:
        self._messages = messages
        self._mails = mails
        self._accounts = accounts
        self._lines = lines
        self._clock = clock

    def retry(self, tenant_id: str, mail_id: str) -> Mail:
        """The mail, pending and due now. Recipients who have it already do not get it again.

        Raises NotFound; Conflict when the mail has not failed, or (code `content_gone`) its content is not kept.
        """
        mail = self._mails.get(tenant_id, mail_id)
        if mail.status is not Status.ERROR:
            raise Conflict(f"message {mail_id} is {mail.status.value}: only a failed one can be sent again")
        now = self._clock()
        again = _renewed(mail, self._part(mail), now)
        self._lines.announce(again.line, now)
        new = Slice(again.line, again.slice_key, (Entry(again.id, again.generation),), batch_code=again.batch_code)
        unchanged = Attr("generation").eq(mail.generation) & Attr("status").eq(mail.status.value)
        kept = Update(mail.payload_item_key, set={"ttl": ttl_seconds(now + KEPT)}, condition=Attr("pk").exists())
        try:
            self._messages.transact(
                [kept, Put(again.to_item(), condition=unchanged), put_new(new), self._without_failures(mail)]
            )
        except TransactionRefused as refused:
            if 0 in refused.failed:
                raise Conflict(
                    f"the content of message {mail_id} is no longer kept: submit it again under a new id",
                    code="content_gone",
                ) from refused
            raise Conflict(f"message {mail_id} was changed at the same time: ask for its status") from refused
        self._lines.wake(again.line)
        return again

    def _part(self, mail: Mail) -> int:
        """By the account as it is now, which need not have as many lines as when the mail was submitted."""
        account = self._accounts.existing(mail.tenant_id, [mail.account_id]).get(mail.account_id)
        return part_of(mail.id, account.parallelism) if account else 0

    def _without_failures(self, mail: Mail) -> Write:
        """Who has the mail stays decided; all others are open again."""
        took = [each for each in self._mails.recipients(mail) if each.status == Status.SENT]
        return Put(recipients_to_item(mail, took)) if took else Delete(recipients_key(mail))


def _renewed(mail: Mail, part: int, now: Millis) -> Mail:
    return mail.model_copy(
        update={
            "status": Status.PENDING,
            "generation": mail.generation + 1,
            "part": part,
            "slice_key": due_key(now, new_ulid(now)),
            "due_at": now,
            "attempts": 0,
            "first_attempt_at": None,
            "waited": 0,
            "finished_at": None,
            "expires_at": None,
            "reported_at": None,
        }
    ).with_event(MailEvent(type="retried", at=now))
