"""Storages in the table `registry`. They go with their tenant, whose partition is purged as a whole."""

from dataclasses import dataclass

from shared.aws.attributes import Item
from shared.aws.dynamodb import Attr, ItemKey, Key, Table
from shared.aws.kms import SecretSealer
from shared.clock import Clock
from shared.errors import ConditionFailed, Conflict, InvalidInput, NotFound
from shared.storages.allowed import AllowedBuckets
from shared.storages.model import S3StorageSettings, Storage


def storage_key(tenant_id: str, name: str) -> ItemKey:
    """The key of the storage's item."""
    return ItemKey(f"TENANT#{tenant_id}", f"STORAGE#{name}")


@dataclass(frozen=True, slots=True)
class StoragePage:
    """`next` is the name to go on after, None on the last page."""

    storages: list[Storage]
    next: str | None


class StorageTable:
    """Raises StorageUnavailable from every method when DynamoDB or KMS cannot be reached."""

    def __init__(self, registry: Table, sealer: SecretSealer, allowed: AllowedBuckets, clock: Clock) -> None:
        self._table = registry
        self._sealer = sealer
        self._allowed = allowed
        self._clock = clock

    def get(self, tenant_id: str, name: str) -> Storage:
        """Raises NotFound."""
        item = self._table.get(storage_key(tenant_id, name))
        if item is None:
            raise NotFound(f"tenant {tenant_id} has no storage {name}")
        return Storage.model_validate(item)

    def page(self, tenant_id: str, *, limit: int, after: str | None = None) -> StoragePage:
        """The tenant's storages whose name comes after `after`, in order of name."""
        key = storage_key(tenant_id, "")
        resume = None if after is None else storage_key(tenant_id, after).item
        page = self._table.query(Key("pk").eq(key.pk) & Key("sk").begins_with(key.sk), limit=limit, resume=resume)
        found = [Storage.model_validate(item) for item in page.items]
        return StoragePage(found, str(page.resume["sk"]).removeprefix(key.sk) if page.resume else None)

    def put(self, tenant_id: str, name: str, settings: S3StorageSettings) -> tuple[Storage, bool]:
        """The storage, and whether it is new. Raises InvalidInput for a bucket that the role may not read and for a
        secret that is missing, Conflict when somebody else changed it at the same time."""
        item = self._table.get(storage_key(tenant_id, name))
        before = Storage.model_validate(item) if item else None
        self._refuse_bucket_of_others(tenant_id, settings)
        now = self._clock()
        storage = Storage(
            tenant_id=tenant_id,
            name=name,
            kind=settings.kind,
            bucket=settings.bucket,
            prefix=settings.prefix,
            region=settings.region,
            endpoint_url=settings.endpoint_url,
            access_key_id=settings.access_key_id,
            sealed_secret_access_key=self._sealed_secret(tenant_id, name, settings, before),
            version=before.version + 1 if before else 1,
            created_at=before.created_at if before else now,
            updated_at=now,
        )
        condition = Attr("version").eq(before.version) if before else Attr("pk").not_exists()
        try:
            self._table.put(_to_item(storage), condition=condition)
        except ConditionFailed as error:
            raise Conflict(f"storage {name} was changed at the same time: read it and try again") from error
        return storage, before is None

    def delete(self, tenant_id: str, name: str) -> None:
        """Raises NotFound."""
        try:
            self._table.delete(storage_key(tenant_id, name), condition=Attr("pk").exists())
        except ConditionFailed as error:
            raise NotFound(f"tenant {tenant_id} has no storage {name}") from error

    def secret_access_key(self, storage: Storage) -> str | None:
        """The secret, opened; None for a storage that the role reads."""
        if storage.sealed_secret_access_key is None:
            return None
        owner = _secret_owner(storage.name)
        return self._sealer.open(storage.sealed_secret_access_key, tenant=storage.tenant_id, owner=owner)

    def _refuse_bucket_of_others(self, tenant_id: str, settings: S3StorageSettings) -> None:
        if settings.access_key_id is None and not self._allowed.cover(tenant_id, settings.bucket, settings.prefix):
            raise InvalidInput(
                f"bucket: the instance may not read {settings.bucket}/{settings.prefix} for this tenant: give "
                "access_key_id and secret_access_key, or have the operator add it to attachment_buckets",
                code="bucket_refused",
                pointer="/bucket",
            )

    def _sealed_secret(
        self, tenant_id: str, name: str, settings: S3StorageSettings, before: Storage | None
    ) -> bytes | None:
        if settings.access_key_id is None:
            return None
        if settings.secret_access_key is not None:
            secret = settings.secret_access_key.get_secret_value()
            return self._sealer.seal(secret, tenant=tenant_id, owner=_secret_owner(name))
        if before is None or before.sealed_secret_access_key is None:
            raise InvalidInput(
                "an access_key_id needs its secret_access_key", code="missing_field", pointer="/secret_access_key"
            )
        if (before.access_key_id, before.endpoint_url) != (settings.access_key_id, settings.endpoint_url):
            # Else whoever may edit a storage could have calls signed with a secret that they cannot read.
            raise InvalidInput(
                "a new access_key_id or endpoint_url needs the secret_access_key again",
                code="missing_field",
                pointer="/secret_access_key",
            )
        return before.sealed_secret_access_key


def _secret_owner(name: str) -> str:
    return f"storage/{name}"


def _to_item(storage: Storage) -> Item:
    fields: Item = storage.model_dump(exclude_none=True)
    return storage_key(storage.tenant_id, storage.name).item | fields | {"kind": storage.kind.value}
