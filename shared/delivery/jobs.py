"""A claimed slice as the mails that are still to be sent: states, contents, and what earlier tries decided."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.aws.dynamodb import ItemKey, Table
from shared.messages.model import RECIPIENTS_SORT_KEY, Content, Mail, Status
from shared.messages.payloads import PayloadStore
from shared.messages.slices import Entry, Slice
from shared.messages.table import MailTable, RecipientResult, recipients_from_item


@dataclass(frozen=True, slots=True)
class Job:
    """One mail to be sent. `content` is None when it is no longer kept."""

    entry: Entry
    mail: Mail
    content: Content | None
    before: tuple[RecipientResult, ...] = ()


class JobLoader:
    """Loads a claimed slice in a few batch reads, whatever its size."""

    def __init__(self, *, messages: Table, mails: MailTable, payloads: PayloadStore) -> None:
        self._messages = messages
        self._mails = mails
        self._payloads = payloads

    def load(self, claimed: Slice) -> list[Job]:
        """The live mails of the slice, in order. A mail is live if its state names this slice and generation."""
        states = self._mails.get_many(claimed.line.tenant_id, (entry.mail_id for entry in claimed.entries))
        live = [
            (entry, states[entry.mail_id])
            for entry in claimed.entries
            if entry.mail_id in states and _is_live(states[entry.mail_id], entry, claimed)
        ]
        contents = self._payloads.load(mail for _, mail in live)
        # A mail sent again on its tenant's word counts its attempts anew, and keeps the recipients who have it.
        results = self._earlier_results([mail for _, mail in live if mail.attempts > 0 or mail.generation > 1])
        return [Job(entry, mail, contents.get(mail.id), tuple(results.get(mail.id, ()))) for entry, mail in live]

    def already_sent(self, claimed: Slice) -> list[tuple[Mail, Content | None]]:
        """The mails of the slice that a worker which died had sent. Whether it has told so, only their events know."""
        states = self._mails.get_many(claimed.line.tenant_id, (entry.mail_id for entry in claimed.entries))
        sent = [
            mail
            for entry in claimed.entries
            if (mail := states.get(entry.mail_id)) is not None
            and mail.status is Status.SENT
            and _is_of(mail, entry, claimed)
        ]
        contents = self._payloads.load(sent)
        return [(mail, contents.get(mail.id)) for mail in sent]

    def _earlier_results(self, mails: Sequence[Mail]) -> dict[str, list[RecipientResult]]:
        keys = {mail.id: ItemKey(mail.partition, RECIPIENTS_SORT_KEY) for mail in mails}
        if not keys:
            return {}
        found = self._messages.batch_get(keys.values())
        return {mail_id: recipients_from_item(found[key]) for mail_id, key in keys.items() if key in found}


def _is_live(mail: Mail, entry: Entry, claimed: Slice) -> bool:
    return mail.status.is_unsent and _is_of(mail, entry, claimed)


def _is_of(mail: Mail, entry: Entry, claimed: Slice) -> bool:
    return mail.generation == entry.generation and mail.slice_key == claimed.sort_key
