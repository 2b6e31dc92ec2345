"""What the line's tenant, account and instance say, read anew for each visit."""

from dataclasses import dataclass

from shared.accounts.model import Account
from shared.accounts.table import account_from_item, account_key
from shared.aws.dynamodb import Table
from shared.delivery.authentication import Credentials, CredentialsReader
from shared.instance.model import Instance
from shared.instance.table import INSTANCE_KEY, stored_instance_from_item
from shared.lines.line import Line
from shared.suppression.table import marker_key
from shared.tenants.model import Tenant
from shared.tenants.table import tenant_from_item, tenant_key


@dataclass(frozen=True, slots=True)
class Standing:
    """`tenant` or `account` is None when it is gone; `paused` is the instance."""

    tenant: Tenant | None
    account: Account | None
    instance: Instance
    paused: bool = False
    has_suppressions: bool = False

    @property
    def is_being_deleted(self) -> bool:
        """Whether the tenant is: its lines then rest until they are purged."""
        return self.tenant is not None and self.tenant.deleting_since is not None


class StandingReader:
    """Reads what a visit must know before it may send."""

    def __init__(self, *, registry: Table, credentials: CredentialsReader) -> None:
        self._registry = registry
        self._credentials = credentials

    def read(self, line: Line) -> Standing:
        """One strongly consistent read of them all."""
        tenant = tenant_key(line.tenant_id)
        account = account_key(line.tenant_id, line.account_id)
        suppressions = marker_key(line.tenant_id)
        found = self._registry.batch_get((tenant, account, INSTANCE_KEY, suppressions))
        instance = stored_instance_from_item(found.get(INSTANCE_KEY))
        return Standing(
            tenant=tenant_from_item(found[tenant]) if tenant in found else None,
            account=account_from_item(found[account]) if account in found else None,
            instance=instance.settings,
            paused=instance.paused,
            has_suppressions=suppressions in found,
        )

    def credentials(self, account: Account | None) -> Credentials | None:
        """None for an account that sends without AUTH."""
        return self._credentials.read(account)
