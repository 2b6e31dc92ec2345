"""How much mail waits, counted in the slices that hold it: nothing is written to keep a count."""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.accounts.table import AccountTable
from shared.aws.attributes import Item
from shared.aws.dynamodb import Key, Table
from shared.clock import Clock, Millis
from shared.lines.line import HEAD_SORT_KEY
from shared.messages.slices import suspended_partition
from shared.tenants.model import Tenant


@dataclass(frozen=True, slots=True)
class WaitingCount:
    """`complete` is False when time ran out: there are more. What a sender holds just now still counts."""

    mails: int
    complete: bool


class WaitingMail:
    """Reads every slice of what is counted: of a million mails about 11,000."""

    def __init__(self, *, messages: Table, accounts: AccountTable, clock: Clock) -> None:
        self._messages = messages
        self._accounts = accounts
        self._clock = clock

    def count(self, tenant: Tenant, batch_code: str | None, *, within: Millis) -> WaitingCount:
        """The unsent mails of the tenant, or of one batch of it, scheduled ones and those put off included."""
        deadline, mails = self._clock() + within, 0
        for items in self._pages(tenant, batch_code):
            mails += sum(mails_in(item) for item in items if batch_code in (None, item.get("batch_code")))
            if self._clock() >= deadline:
                return WaitingCount(mails, complete=False)
        return WaitingCount(mails, complete=True)

    def _pages(self, tenant: Tenant, batch_code: str | None) -> Iterator[list[Item]]:
        aside = tenant.suspended_batches if batch_code is None else [batch_code]
        for each in aside:
            yield from self._partition(suspended_partition(tenant.id, each))
        for account in self._accounts.all(tenant.id):
            for line in account.lines:
                yield from self._partition(line.partition)

    def _partition(self, partition: str) -> Iterator[list[Item]]:
        condition = Key("pk").eq(partition) & Key("sk").lt(HEAD_SORT_KEY)
        resume: Item | None = None
        while True:
            page = self._messages.query(condition, resume=resume)
            yield page.items
            if page.resume is None:
                return
            resume = page.resume


def mails_in(item: Item) -> int:
    """How many mails a slice has, of its item."""
    entries = item.get("entries")
    return len(entries) if isinstance(entries, list) else 0
