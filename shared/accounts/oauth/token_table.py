"""The access token that all workers of an account share, in the table `messages`, and the lease of the one worker that
obtains the next.

Here too lies the newest refresh token where the provider replaces it at each use: the senders may not write to
`registry`. Everything secret is sealed in one envelope. `serial` counts writes, so that nobody overwrites what they
have not read.
"""

import uuid
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict

from shared.accounts.model import Account
from shared.aws.attributes import Item
from shared.aws.dynamodb import Attr, ItemKey, Table, Update
from shared.aws.envelopes import Envelope, EnvelopeSealer
from shared.clock import DAY, MINUTE, SECOND, Clock, Millis, ttl_seconds
from shared.errors import ConditionFailed

LEASE: Millis = MINUTE  # longer than a call to the endpoint and the write after it
_KEPT: Millis = DAY  # after its end, an access token with which nothing precious is kept
_EARLY: Millis = 5 * MINUTE
_LAST_USE: Millis = 30 * SECOND


class Tokens(BaseModel):
    """As sealed. `issued_for` and `lineage` tell which settings the access token and the refresh token come from."""

    model_config = ConfigDict(frozen=True)

    access_token: str
    issued_at: Millis
    expires_at: Millis
    issued_for: str
    refresh_token: str | None = None
    lineage: str | None = None

    def is_fresh(self, now: Millis) -> bool:
        """Whether it need not be replaced yet: it lives for five minutes more, or for a quarter of its life."""
        return now < self._before_end(_EARLY)

    def is_usable(self, now: Millis) -> bool:
        """Whether the relay can be expected to take it."""
        return now < self._before_end(_LAST_USE)

    def _before_end(self, margin: Millis) -> Millis:
        return self.expires_at - min(margin, (self.expires_at - self.issued_at) // 4)


@dataclass(frozen=True, slots=True)
class SharedTokens:
    """The item as read. `stamp` orders the account's versions, over its deletion and making anew."""

    serial: int = 0
    stamp: tuple[Millis, int] = (0, 0)
    leased_until: Millis = 0
    tokens: Tokens | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to obtain the account's next token, with the envelope to put it into."""

    account: Account = field(repr=False)
    id: str
    serial: int
    envelope: Envelope = field(repr=False)


class TokenTable:
    """Raises StorageError from every method when DynamoDB or KMS cannot be reached, or refuse."""

    def __init__(self, messages: Table, envelopes: EnvelopeSealer, clock: Clock) -> None:
        self._table = messages
        self._envelopes = envelopes
        self._clock = clock

    def read(self, account: Account) -> SharedTokens:
        """What is there, opened."""
        item = self._table.get(token_key(account.tenant_id, account.id))
        if item is None:
            return SharedTokens()
        sealed = item.get("sealed_tokens")
        opened = None
        if isinstance(sealed, bytes):
            text = self._envelopes.open(sealed, tenant=account.tenant_id, owner=_owner(account.id))
            opened = Tokens.model_validate_json(text)
        return SharedTokens(
            serial=_integer(item, "serial"),
            stamp=(_integer(item, "account_created_at"), _integer(item, "account_version")),
            leased_until=_integer(item, "leased_until"),
            tokens=opened,
        )

    def lease(self, account: Account, seen: SharedTokens) -> Lease | None:
        """None when another worker has the lease, or has written since `seen`.

        The envelope is made before the token is asked for: once there, it takes one write to keep it.
        """
        now = self._clock()
        if seen.leased_until > now:
            return None
        envelope = self._envelopes.prepare(tenant=account.tenant_id, owner=_owner(account.id))
        lease_id, serial = uuid.uuid4().hex, seen.serial + 1
        changes: Item = {"lease": lease_id, "leased_until": now + LEASE, "serial": serial}
        if seen.tokens is None:
            changes["ttl"] = ttl_seconds(now + _KEPT)
        condition = Attr("serial").eq(seen.serial) if seen.serial else Attr("pk").not_exists()
        try:
            self._table.update(Update(token_key(account.tenant_id, account.id), set=changes, condition=condition))
        except ConditionFailed as failed:
            if failed.item is None or failed.item.get("lease") != lease_id:  # else our own write, repeated
                return None
        return Lease(account, lease_id, serial, envelope)

    def write(self, lease: Lease, tokens: Tokens) -> bool:
        """Shares `tokens` and ends the lease. False when the lease was lost meanwhile: then nothing is written."""
        account = lease.account
        item = token_key(account.tenant_id, account.id).item | {
            "serial": lease.serial + 1,
            "account_created_at": account.created_at,
            "account_version": account.version,
            "sealed_tokens": lease.envelope.seal(tokens.model_dump_json()),
        }
        if tokens.refresh_token is None:
            item["ttl"] = ttl_seconds(tokens.expires_at + _KEPT)
        try:
            self._table.put(item, condition=Attr("lease").eq(lease.id))
        except ConditionFailed as failed:
            # A write that was repeated because its answer got lost meets itself.
            return failed.item is not None and failed.item.get("sealed_tokens") == item["sealed_tokens"]
        return True

    def give_back(self, lease: Lease) -> None:
        """Ends the lease with nothing obtained."""
        key = token_key(lease.account.tenant_id, lease.account.id)
        ours = Attr("lease").eq(lease.id)
        changes: Item = {"serial": lease.serial + 1}
        try:
            self._table.update(Update(key, set=changes, remove=["lease", "leased_until"], condition=ours))
        except ConditionFailed:
            return

    def forget(self, tenant_id: str, account_id: str) -> None:
        """With the account go its tokens."""
        self._table.delete(token_key(tenant_id, account_id))


def token_key(tenant_id: str, account_id: str) -> ItemKey:
    """The key of the account's tokens."""
    return ItemKey(f"ACCOUNT#{tenant_id}#{account_id}", "TOKEN")


def stamp(account: Account) -> tuple[Millis, int]:
    """Orders the versions of an account, over its deletion and making anew."""
    return account.created_at, account.version


def _owner(account_id: str) -> str:
    # The senders may seal for owners of this form only.
    return f"token/{account_id}"


def _integer(item: Item, name: str) -> int:
    value = item.get(name)
    return value if isinstance(value, int) else 0
