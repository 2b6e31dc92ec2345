"""The secrets that a tenant's reports are signed with (Standard Webhooks), in the table `registry`.

A tenant has one, which is shown when it is made and never again. While it is replaced, the one before stays in force
for a while beside it, so that the tenant can bring the new one to its endpoint without losing a call.
"""

import base64
import secrets
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from shared.aws.attributes import Item
from shared.aws.dynamodb import Attr, Condition, ItemKey, Put, Table
from shared.aws.kms import SecretSealer
from shared.clock import DAY, Clock, Millis
from shared.errors import ConditionFailed, Conflict

LONGEST_OVERLAP: Millis = 30 * DAY

_PREFIX = "whsec_"
_SECRET_BYTES = 32  # Standard Webhooks: 24 to 64
_OWNER = "signing"


class SigningSecrets(BaseModel):
    """As stored: what is in force, under KMS. `sealed_before` is in force until `before_until`."""

    model_config = ConfigDict(frozen=True)

    version: int
    sealed: bytes
    sealed_before: bytes | None = None
    before_until: Millis | None = None
    created_at: Millis

    def in_force(self, now: Millis) -> list[bytes]:
        """The newest first."""
        if self.sealed_before is None or (self.before_until or 0) <= now:
            return [self.sealed]
        return [self.sealed, self.sealed_before]


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A secret that is told here once. `before_until` is when the one before it ends; None if it is of no use now."""

    secret: str
    before_until: Millis | None


def signing_key(tenant_id: str) -> ItemKey:
    """The key of the tenant's signing secrets."""
    return ItemKey(f"TENANT#{tenant_id}", "SIGNING")


def signing_secrets_from_item(item: Item | None) -> SigningSecrets | None:
    """None for a tenant that has none: it was made before there were any, or its item was taken away."""
    return SigningSecrets.model_validate(item) if item is not None else None


class SigningTable:
    """Raises StorageUnavailable from every method when DynamoDB or KMS cannot be reached."""

    def __init__(self, registry: Table, sealer: SecretSealer, clock: Clock) -> None:
        self._table = registry
        self._sealer = sealer
        self._clock = clock

    def first(self, tenant_id: str) -> tuple[str, Put]:
        """A new secret, to be shown once, and the action of the transaction that makes its tenant."""
        secret = _new_secret()
        first = SigningSecrets(version=1, sealed=self._seal(tenant_id, secret), created_at=self._clock())
        return secret, Put(_to_item(tenant_id, first))

    def replace(self, tenant_id: str, *, overlap: Millis) -> NewSecret:
        """Signs with a new secret from now on, and for `overlap` with the newest before it as well.

        Raises Conflict when another call replaces it at the same time.
        """
        now = self._clock()
        before = signing_secrets_from_item(self._table.get(signing_key(tenant_id)))
        before_until = now + overlap if before is not None and overlap else None
        secret = _new_secret()
        new = SigningSecrets(
            version=before.version + 1 if before is not None else 1,
            sealed=self._seal(tenant_id, secret),
            sealed_before=before.sealed if before is not None and overlap else None,
            before_until=before_until,
            created_at=now,
        )
        unchanged: Condition = Attr("version").not_exists() if before is None else Attr("version").eq(before.version)
        try:
            self._table.put(_to_item(tenant_id, new), condition=unchanged)
        except ConditionFailed as error:
            detail = f"the signing secret of {tenant_id} was replaced at the same time: use that one, or try again"
            raise Conflict(detail) from error
        return NewSecret(secret, before_until)

    def opened(self, tenant_id: str, stored: SigningSecrets | None) -> list[str]:
        """The secrets to sign with now, the newest first."""
        sealed = stored.in_force(self._clock()) if stored is not None else []
        return [self._sealer.open(each, tenant=tenant_id, owner=_OWNER) for each in sealed]

    def _seal(self, tenant_id: str, secret: str) -> bytes:
        return self._sealer.seal(secret, tenant=tenant_id, owner=_OWNER)


def _new_secret() -> str:
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def _to_item(tenant_id: str, stored: SigningSecrets) -> Item:
    fields: Item = stored.model_dump(exclude_none=True)
    return signing_key(tenant_id).item | fields
