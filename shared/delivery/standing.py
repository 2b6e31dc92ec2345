"""What the line's tenant, account and instance say, read anew for each visit."""

from dataclasses import dataclass

from shared.accounts.model import Account
from shared.accounts.table import AccountTable, account_from_item, account_key
from shared.aws.dynamodb import Table
from shared.delivery.session import Credentials
from shared.instance.model import Instance
from shared.instance.table import INSTANCE_KEY, instance_from_item
from shared.lines.line import Line
from shared.tenants.model import Tenant
from shared.tenants.table import tenant_from_item, tenant_key


@dataclass(frozen=True, slots=True)
class Standing:
    """`tenant` or `account` is None when it is gone."""

    tenant: Tenant | None
    account: Account | None
    instance: Instance


class StandingReader:
    """Reads what a visit must know before it may send."""

    def __init__(self, *, registry: Table, accounts: AccountTable) -> None:
        self._registry = registry
        self._accounts = accounts

    def read(self, line: Line) -> Standing:
        """One strongly consistent read of all three."""
        tenant = tenant_key(line.tenant_id)
        account = account_key(line.tenant_id, line.account_id)
        found = self._registry.batch_get((tenant, account, INSTANCE_KEY))
        return Standing(
            tenant=tenant_from_item(found[tenant]) if tenant in found else None,
            account=account_from_item(found[account]) if account in found else None,
            instance=instance_from_item(found.get(INSTANCE_KEY)),
        )

    def credentials(self, account: Account | None) -> Credentials | None:
        """None for an account that sends without AUTH."""
        if account is None or account.username is None:
            return None
        return Credentials(account.username, self._accounts.password(account) or "")
