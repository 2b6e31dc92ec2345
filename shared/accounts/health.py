"""Whether an account's relay can be used: noted when its mail begins to wait, reported once, cleared when it flows."""

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

from shared.aws.dynamodb import Attr, Delete, ItemKey, Put, Table, Write
from shared.clock import Millis
from shared.errors import TransactionRefused
from shared.reports.events import AccountEvent, account_event
from shared.reports.outbox import put_page


class Fault(BaseModel):
    """Why the account waits: `scope` relay or account, the stage of the session, the relay's code and words."""

    model_config = ConfigDict(frozen=True)

    scope: str
    stage: str
    code: int | None = None
    reason: str
    since: Millis


class HealthTable:
    """One item an account, in the table `messages`, only while there is something wrong."""

    def __init__(self, messages: Table) -> None:
        self._table = messages

    def fault(self, tenant_id: str, account_id: str) -> Fault | None:
        """None while all is well."""
        item = self._table.get(_key(tenant_id, account_id))
        return Fault.model_validate(item) if item else None

    def faults(self, tenant_id: str, account_ids: Iterable[str]) -> dict[str, Fault]:
        """By account id, for those that have one."""
        found = self.faults_of((tenant_id, each) for each in account_ids)
        return {account_id: fault for (_, account_id), fault in found.items()}

    def faults_of(self, accounts: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Fault]:
        """The same of several tenants' accounts, by (tenant, account)."""
        keys = {each: _key(*each) for each in accounts}
        found = self._table.batch_get(keys.values())
        return {each: Fault.model_validate(found[key]) for each, key in keys.items() if key in found}

    def record_fault(self, tenant_id: str, account_id: str, fault: Fault) -> bool:
        """True if that is news; it is reported then, in the same transaction. The report line must be announced."""
        key = _key(tenant_id, account_id)
        is_news = Attr("pk").not_exists() | Attr("scope").ne(fault.scope)
        event = account_event(tenant_id, account_id, AccountEvent.WAITING, fault.since, fault.reason)
        return self._if_news(
            [
                Put(key.item | fault.model_dump(exclude_none=True), condition=is_news),
                put_page(tenant_id, event, fault.since),
            ]
        )

    def record_recovery(self, tenant_id: str, account_id: str, now: Millis) -> bool:
        """True if a fault was recorded; its end is reported in the same transaction."""
        event = account_event(tenant_id, account_id, AccountEvent.RECOVERED, now)
        return self._if_news(
            [
                Delete(_key(tenant_id, account_id), condition=Attr("pk").exists()),
                put_page(tenant_id, event, now),
            ]
        )

    def forget(self, tenant_id: str, account_id: str) -> None:
        """With the account."""
        self._table.delete(_key(tenant_id, account_id))

    def _if_news(self, writes: list[Write]) -> bool:
        try:
            self._table.transact(writes)
        except TransactionRefused:
            return False
        return True


def _key(tenant_id: str, account_id: str) -> ItemKey:
    return ItemKey(f"ACCOUNT#{tenant_id}#{account_id}", "HEALTH")
