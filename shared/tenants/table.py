"""Tenants in the table `registry`."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.aws.attributes import Item
from shared.aws.dynamodb import Attr, Key, Put, Table, Update
from shared.aws.kms import SecretSealer
from shared.clock import Clock, Millis
from shared.errors import ConditionFailed, Conflict, NotFound, TransactionRefused
from shared.tenants.api_keys import first_key
from shared.tenants.keys import BY_KIND_INDEX, NOT_BEING_DELETED, Trace, tenant_key, trace_key
from shared.tenants.model import AuthMethod, Tenant, TenantSettings
from shared.tenants.signing import SigningTable

__all__ = ["BY_KIND_INDEX", "NewTenant", "TenantPage", "TenantTable", "tenant_from_item", "tenant_key"]


def tenant_from_item(item: Item) -> Tenant:
    """The tenant as stored."""
    return Tenant.model_validate(item)


@dataclass(frozen=True, slots=True)
class TenantPage:
    """`next` is the id to go on after, None on the last page."""

    tenants: list[Tenant]
    next: str | None


@dataclass(frozen=True, slots=True)
class NewTenant:
    """`api_key` and `signing_secret` are told here once; only the hash of the one is kept, and the other under KMS."""

    tenant: Tenant
    api_key: str
    signing_secret: str


class TenantTable:
    """Raises StorageUnavailable from every method when DynamoDB or KMS cannot be reached."""

    def __init__(self, registry: Table, sealer: SecretSealer, clock: Clock) -> None:
        self._table = registry
        self._sealer = sealer
        self._clock = clock

    def get(self, tenant_id: str) -> Tenant:
        """Raises NotFound; Conflict (`tenant_deleting`) for one that is being deleted."""
        tenant = self.find(tenant_id)
        if tenant.deleting_since is not None:
            raise Conflict(
                f"tenant {tenant_id} is being deleted: its id is free again once it is not found",
                code="tenant_deleting",
            )
        return tenant

    def find(self, tenant_id: str) -> Tenant:
        """As `get`, for those as well that are being deleted."""
        item = self._table.get(tenant_key(tenant_id))
        if item is None:
            raise NotFound(f"no tenant {tenant_id}")
        return tenant_from_item(item)

    def create(self, tenant_id: str, settings: TenantSettings) -> NewTenant | None:
        """The tenant together with its key and signing secret, or nothing of them. None when it exists already."""
        now = self._clock()
        tenant = self._tenant(tenant_id, settings, created_at=now, updated_at=now)
        api_key, keys = first_key(tenant_id, now)
        signing_secret, put_secret = SigningTable(self._table, self._sealer, self._clock).first(tenant_id)
        put_tenant = Put(_to_item(tenant), condition=Attr("pk").not_exists())
        try:
            self._table.transact([put_tenant, *keys, put_secret])
        except TransactionRefused:
            return None
        return NewTenant(tenant, api_key, signing_secret)

    def replace(self, existing: Tenant, settings: TenantSettings) -> Tenant:
        """Raises Conflict when somebody else changed the tenant since `existing` was read."""
        # Later than what it replaces, though it be the same millisecond: another change must not take it for unchanged.
        updated_at = max(self._clock(), existing.updated_at + 1)
        tenant = self._tenant(existing.id, settings, created_at=existing.created_at, updated_at=updated_at)
        held_back = {"suspended": existing.suspended, "suspended_batches": existing.suspended_batches}
        tenant = tenant.model_copy(update=held_back)
        unchanged = Attr("updated_at").eq(existing.updated_at) & NOT_BEING_DELETED
        try:
            self._table.put(_to_item(tenant), condition=unchanged)
        except ConditionFailed as error:
            raise Conflict(f"tenant {existing.id} was changed at the same time: read it and try again") from error
        return tenant

    def suspend(self, existing: Tenant, *, suspended: bool, batches: Sequence[str]) -> Tenant:
        """Sets what is suspended, and leaves a trace of each batch. Raises Conflict when somebody else changed the
        tenant since `existing` was read."""
        change: Item = {
            "suspended": suspended,
            "suspended_batches": list(batches),
            "updated_at": max(self._clock(), existing.updated_at + 1),  # so that no `replace` takes it for unchanged
        }
        unchanged = Attr("updated_at").eq(existing.updated_at) & NOT_BEING_DELETED
        for each in set(batches) - set(existing.suspended_batches):
            self._table.put(trace_key(existing.id, Trace.BATCH, each).item)
        try:
            return tenant_from_item(
                self._table.update(Update(tenant_key(existing.id), set=change, condition=unchanged))
            )
        except ConditionFailed as error:
            raise Conflict(f"tenant {existing.id} was changed at the same time: try again") from error

    def mark_for_deletion(self, tenant_id: str) -> Tenant:
        """From now on nothing is accepted, sent or pushed. Repeating it changes nothing. Raises NotFound."""
        mark: Item = {"deleting_since": self._clock(), "active": False}
        existing = Attr("pk").exists() & NOT_BEING_DELETED
        try:
            return tenant_from_item(self._table.update(Update(tenant_key(tenant_id), set=mark, condition=existing)))
        except ConditionFailed:
            return self.find(tenant_id)

    def settings_of(self, tenant: Tenant) -> TenantSettings:
        """What `replace` would take to leave the tenant as it is, secrets included."""
        secret = self.client_secret(tenant)
        auth: dict[str, str | None] = {"method": tenant.auth_method.value, "user": tenant.auth_user}
        auth["token" if tenant.auth_method is AuthMethod.BEARER else "password"] = secret
        fields = tenant.model_dump(include=set(TenantSettings.model_fields) - {"client_auth"})
        return TenantSettings.model_validate(fields | {"client_auth": auth})

    def page(self, *, limit: int, after: str | None = None) -> TenantPage:
        """The tenants whose id comes after `after`, in order of id."""
        resume = None if after is None else tenant_key(after).item | _index_key(after)
        page = self._table.query(Key("by_kind_pk").eq("TENANT"), index=BY_KIND_INDEX, limit=limit, resume=resume)
        tenants = [tenant_from_item(item) for item in page.items]
        return TenantPage(tenants, str(page.resume["by_kind_sk"]) if page.resume else None)

    def client_secret(self, tenant: Tenant) -> str | None:
        """The secret of `client_auth`, opened."""
        if tenant.sealed_auth is None:
            return None
        return self._sealer.open(tenant.sealed_auth, tenant=tenant.id, owner="client_auth")

    def _tenant(self, tenant_id: str, settings: TenantSettings, *, created_at: Millis, updated_at: Millis) -> Tenant:
        auth = settings.client_auth
        sealed = self._sealer.seal(auth.secret, tenant=tenant_id, owner="client_auth") if auth.secret else None
        return Tenant(
            id=tenant_id,
            auth_method=auth.method,
            auth_user=auth.user,
            sealed_auth=sealed,
            created_at=created_at,
            updated_at=updated_at,
            **settings.model_dump(exclude={"client_auth"}),
        )


def _to_item(tenant: Tenant) -> Item:
    fields: Item = tenant.model_dump(exclude_none=True)
    return tenant_key(tenant.id).item | _index_key(tenant.id) | fields


def _index_key(tenant_id: str) -> Item:
    return {"by_kind_pk": "TENANT", "by_kind_sk": tenant_id}
