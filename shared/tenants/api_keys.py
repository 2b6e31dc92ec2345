"""API keys of tenants in the table `registry`: made, found by their SHA-256, replaced and revoked.

A key is told once and never kept. A tenant has one live key, and for a while after it was replaced the one before. An
item beside them, the key ring, names both, so that they can be revoked without being known.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.aws.attributes import Item, Value
from shared.aws.dynamodb import Attr, Check, Condition, Delete, ItemKey, Put, Table, Write
from shared.clock import DAY, HOUR, Millis, ttl_seconds
from shared.errors import Conflict, TransactionRefused
from shared.tenants.keys import NOT_BEING_DELETED, tenant_key

DEFAULT_OVERLAP: Millis = HOUR
MAX_OVERLAP: Millis = 7 * DAY
_KEY_BYTES = 32  # 43 characters of URL-safe base64
_ID_LENGTH = 16
_TRIES = 3


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key. It is valid until `expires_at`, which is None for one without end."""

    sha256: str
    tenant_id: str
    created_at: Millis
    expires_at: Millis | None = None

    @property
    def id(self) -> str:
        """Names the key in answers; tells nothing of it."""
        return self.sha256[:_ID_LENGTH]

    def is_valid(self, now: Millis) -> bool:
        return self.expires_at is None or now < self.expires_at

    def ending_by(self, instant: Millis) -> "ApiKey":
        """The key with an end that is not after `instant`."""
        return replace(self, expires_at=instant if self.expires_at is None else min(instant, self.expires_at))

    @property
    def key(self) -> ItemKey:
        return _api_key_key(self.sha256)

    def to_item(self) -> Item:
        item: Item = self.key.item | {"tenant_id": self.tenant_id, "created_at": self.created_at}
        if self.expires_at is not None:
            item |= {"expires_at": self.expires_at, "ttl": ttl_seconds(self.expires_at)}
        return item


@dataclass(frozen=True, slots=True)
class Rotation:
    """`secret` is the new key itself, told here once; `previous` is the one before, while it is still valid."""

    secret: str
    current: ApiKey
    previous: ApiKey | None


@dataclass(frozen=True, slots=True)
class _Ring:
    """A tenant's keys, the live one first. `revision` counts changes, so that two calls cannot each leave a key."""

    tenant_id: str
    revision: int = 0
    keys: tuple[ApiKey, ...] = ()

    @property
    def unchanged(self) -> Condition:
        return Attr("revision").eq(self.revision) if self.revision else Attr("pk").not_exists()

    def put(self, keys: Sequence[ApiKey]) -> Put:
        """The action of a transaction that makes `keys` the tenant's."""
        item: Item = {"revision": self.revision + 1, "keys": [_ring_entry(each) for each in keys]}
        return Put(_ring_key(self.tenant_id).item | item, condition=self.unchanged)


class ApiKeyTable:
    """Raises StorageUnavailable from every method when DynamoDB cannot be reached."""

    def __init__(self, registry: Table) -> None:
        self._table = registry

    def find(self, secret: str, now: Millis) -> ApiKey | None:
        """The key, None for an unknown or expired one. One read, by a hash: how long it takes tells nothing of keys."""
        sha256 = hashlib.sha256(secret.encode()).hexdigest()
        item = self._table.get(_api_key_key(sha256))
        if item is None:
            return None
        found = ApiKey(sha256, str(item["tenant_id"]), _integer(item, "created_at") or 0, _integer(item, "expires_at"))
        return found if found.is_valid(now) else None

    def rotate(self, tenant_id: str, *, now: Millis, expires_at: Millis | None, overlap: Millis) -> Rotation:
        """A new key. The one before stays valid for `overlap`, if it would not have ended sooner; older ones end now.

        Raises Conflict when the tenant's keys are being changed by another call, or the tenant is being deleted.
        """
        ring = self._ring(tenant_id)
        secret, current = _new_key(tenant_id, now, expires_at)
        old = [each for each in ring.keys if each.is_valid(now)]
        kept = [each.ending_by(now + overlap) for each in old[:1]] if overlap > 0 else []
        ended = [each for each in ring.keys if each.sha256 not in {kept_key.sha256 for kept_key in kept}]
        writes: list[Write] = [
            Check(tenant_key(tenant_id), Attr("pk").exists() & NOT_BEING_DELETED),
            ring.put([current, *kept]),
            *(Put(each.to_item()) for each in (current, *kept)),
            *(Delete(each.key) for each in ended),
        ]
        try:
            self._table.transact(writes)
        except TransactionRefused as error:
            raise Conflict(f"the keys of tenant {tenant_id} were changed at the same time: try again") from error
        return Rotation(secret, current, kept[0] if kept else None)

    def revoke(self, tenant_id: str) -> None:
        """Ends all keys of the tenant; without any, nothing happens."""
        for _ in range(_TRIES):
            ring = self._ring(tenant_id)
            if not ring.keys:
                return
            try:
                self._table.transact([ring.put([]), *(Delete(each.key) for each in ring.keys)])
            except TransactionRefused:
                continue
            return
        raise Conflict(f"the keys of tenant {tenant_id} are being changed by other calls: try again")

    def forget(self, tenant_id: str) -> None:
        """Revokes, and leaves nothing. For a tenant that is being deleted: it gets no more keys."""
        ring = self._ring(tenant_id)
        for each in ring.keys:
            self._table.delete(each.key)
        self._table.delete(_ring_key(tenant_id))

    def _ring(self, tenant_id: str) -> _Ring:
        item = self._table.get(_ring_key(tenant_id))
        if item is None:
            return _Ring(tenant_id)
        entries = item["keys"]
        keys = tuple(_from_ring_entry(tenant_id, each) for each in entries) if isinstance(entries, list) else ()
        return _Ring(tenant_id, _integer(item, "revision") or 0, keys)


def first_key(tenant_id: str, now: Millis) -> tuple[str, list[Write]]:
    """The key of a tenant just made, to be shown once, and the actions of a transaction that make it valid."""
    secret, key = _new_key(tenant_id, now, None)
    return secret, [Put(key.to_item()), _Ring(tenant_id).put([key])]


def _new_key(tenant_id: str, now: Millis, expires_at: Millis | None) -> tuple[str, ApiKey]:
    secret = secrets.token_urlsafe(_KEY_BYTES)
    return secret, ApiKey(hashlib.sha256(secret.encode()).hexdigest(), tenant_id, now, expires_at)


def _api_key_key(sha256: str) -> ItemKey:
    return ItemKey(f"APIKEY#{sha256}", "APIKEY")


def _ring_key(tenant_id: str) -> ItemKey:
    return ItemKey(f"APIKEYS#{tenant_id}", "APIKEYS")


def _ring_entry(key: ApiKey) -> dict[str, Value]:
    return {"sha256": key.sha256, "created_at": key.created_at, "expires_at": key.expires_at}


def _from_ring_entry(tenant_id: str, entry: Value) -> ApiKey:
    if not isinstance(entry, dict):
        raise TypeError("an entry of a key ring is no map")
    return ApiKey(str(entry["sha256"]), tenant_id, _integer(entry, "created_at") or 0, _integer(entry, "expires_at"))


def _integer(item: Item, name: str) -> int | None:
    value = item.get(name)
    return value if isinstance(value, int) else None
