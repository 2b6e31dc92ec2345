"""Accounts in the table `registry`."""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.accounts.model import Account, AccountSettings, secret_owner
from shared.accounts.oauth.settings import OAuth, OAuthSecrets, complete_secrets, stored
from shared.aws.attributes import Item
from shared.aws.dynamodb import Attr, Delete, ItemKey, Key, Put, Table
from shared.aws.envelopes import EnvelopeSealer
from shared.aws.kms import SecretSealer
from shared.clock import Clock
from shared.errors import ConditionFailed, Conflict, InvalidInput, NotFound, TransactionRefused
from shared.tenants.keys import BY_KIND_INDEX, Trace, trace_key


def account_key(tenant_id: str, account_id: str) -> ItemKey:
    """The key of the account's item."""
    return ItemKey(f"TENANT#{tenant_id}", f"ACCOUNT#{account_id}")


def account_from_item(item: Item) -> Account:
    """The account as stored."""
    return Account.model_validate(item)


@dataclass(frozen=True, slots=True)
class AccountPage:
    """`next` is the id to go on after, None on the last page."""

    accounts: list[Account]
    next: str | None


@dataclass(frozen=True, slots=True)
class AccountNames:
    """Accounts of several tenants, as (tenant, account). `next` is the pair to go on after, None on the last page."""

    names: list[tuple[str, str]]
    next: tuple[str, str] | None


class AccountTable:
    """Raises StorageUnavailable from every method when DynamoDB or KMS cannot be reached."""

    def __init__(self, registry: Table, sealer: SecretSealer, clock: Clock) -> None:
        self._table = registry
        self._sealer = sealer
        self._envelopes = EnvelopeSealer(sealer)
        self._clock = clock

    def get(self, tenant_id: str, account_id: str) -> Account:
        """Raises NotFound."""
        item = self._table.get(account_key(tenant_id, account_id))
        if item is None:
            raise NotFound(f"tenant {tenant_id} has no account {account_id}")
        return account_from_item(item)

    def existing(self, tenant_id: str, account_ids: Iterable[str]) -> dict[str, Account]:
        """Those of `account_ids` that exist, by id."""
        found = self._table.batch_get(account_key(tenant_id, each) for each in account_ids)
        return {account.id: account for account in map(account_from_item, found.values())}

    def page(self, tenant_id: str, *, limit: int, after: str | None = None) -> AccountPage:
        """The tenant's accounts whose id comes after `after`, in order of id."""
        key = account_key(tenant_id, "")
        condition = Key("pk").eq(key.pk) & Key("sk").begins_with(key.sk)
        resume = None if after is None else account_key(tenant_id, after).item
        page = self._table.query(condition, limit=limit, resume=resume)
        accounts = [account_from_item(item) for item in page.items]
        return AccountPage(accounts, str(page.resume["sk"]).removeprefix(key.sk) if page.resume else None)

    def all(self, tenant_id: str) -> list[Account]:
        """Every account of the tenant."""
        key = account_key(tenant_id, "")
        condition = Key("pk").eq(key.pk) & Key("sk").begins_with(key.sk)
        return [account_from_item(item) for item in self._table.query_all(condition)]

    def names(self, *, limit: int | None = None, after: tuple[str, str] | None = None) -> AccountNames:
        """The accounts of all tenants that come after `after`, in order of tenant and account; of one page of the
        index, which is some 500 accounts."""
        resume = account_key(*after).item | _index_key(*after) if after else None
        page = self._table.query(Key("by_kind_pk").eq("ACCOUNT"), index=BY_KIND_INDEX, limit=limit, resume=resume)
        return AccountNames([_name(item) for item in page.items], _name(page.resume) if page.resume else None)

    def put(self, tenant_id: str, account_id: str, settings: AccountSettings) -> tuple[Account, bool]:
        """The account, and whether it is new. Raises Conflict when somebody else changed it at the same time."""
        key = account_key(tenant_id, account_id)
        item = self._table.get(key)
        before = account_from_item(item) if item else None
        account = self._account(tenant_id, account_id, settings, before)
        condition = Attr("version").eq(before.version) if before else Attr("pk").not_exists()
        try:
            self._table.put(_to_item(account), condition=condition)
        except ConditionFailed as error:
            raise Conflict(f"account {account_id} was changed at the same time: read it and try again") from error
        return account, before is None

    def delete(self, tenant_id: str, account_id: str) -> None:
        """Leaves a trace. Raises NotFound."""
        trace = Put(trace_key(tenant_id, Trace.ACCOUNT, account_id).item)
        try:
            self._table.transact([Delete(account_key(tenant_id, account_id), condition=Attr("pk").exists()), trace])
        except TransactionRefused as error:
            raise NotFound(f"tenant {tenant_id} has no account {account_id}") from error

    def password(self, account: Account) -> str | None:
        """The password, opened."""
        if account.sealed_password is None:
            return None
        return self._sealer.open(account.sealed_password, tenant=account.tenant_id, owner=account.secret_owner)

    def oauth_secrets(self, account: Account) -> OAuthSecrets:
        """The secrets of `oauth`, opened; none for an account without it."""
        if account.sealed_oauth is None:
            return OAuthSecrets()
        owner = _oauth_owner(account.id)
        return OAuthSecrets.model_validate_json(
            self._envelopes.open(account.sealed_oauth, tenant=account.tenant_id, owner=owner)
        )

    def _account(self, tenant_id: str, account_id: str, settings: AccountSettings, before: Account | None) -> Account:
        now = self._clock()
        oauth, sealed_oauth = self._sealed_oauth(tenant_id, account_id, settings, before)
        return Account(
            tenant_id=tenant_id,
            id=account_id,
            host=settings.host,
            port=settings.port,
            tls=settings.tls,
            username=settings.username,
            sealed_password=self._sealed_password(tenant_id, account_id, settings, before),
            oauth=oauth,
            sealed_oauth=sealed_oauth,
            verify_certificate=settings.verify_certificate,
            ca_certificate=settings.ca_certificate,
            max_connections=settings.max_connections,
            batch_size=settings.batch_size,
            idle_seconds=settings.idle_seconds,
            parallelism=settings.parallelism,
            parts=max(settings.parallelism, before.parts if before else 1),
            limits=settings.limits,
            is_pec_account=settings.is_pec_account,
            pec_max_total_mb=settings.pec_max_total_mb,
            version=before.version + 1 if before else 1,
            created_at=before.created_at if before else now,
            updated_at=now,
        )

    def _sealed_password(
        self, tenant_id: str, account_id: str, settings: AccountSettings, before: Account | None
    ) -> bytes | None:
        if settings.username is None or settings.oauth is not None:
            return None
        if settings.password is not None:
            secret = settings.password.get_secret_value()
            return self._sealer.seal(secret, tenant=tenant_id, owner=secret_owner(account_id))
        if before is None or before.sealed_password is None:
            raise InvalidInput("a username needs a password, or oauth", code="missing_field", pointer="/password")
        if before.username != settings.username or before.host != settings.host:
            # Else whoever may edit an account could send a password that they cannot read to a host of theirs.
            raise InvalidInput(
                "a new host or username needs the password again", code="missing_field", pointer="/password"
            )
        return before.sealed_password

    def _sealed_oauth(
        self, tenant_id: str, account_id: str, settings: AccountSettings, before: Account | None
    ) -> tuple[OAuth | None, bytes | None]:
        if settings.oauth is None:
            return None, None
        kept = self.oauth_secrets(before) if before else OAuthSecrets()
        may_keep = before is not None and _oauth_target(before) == _oauth_target(settings)
        secrets = complete_secrets(settings.oauth, kept, may_keep=may_keep)
        sealed = self._envelopes.seal(
            secrets.model_dump_json(exclude_none=True), tenant=tenant_id, owner=_oauth_owner(account_id)
        )
        return stored(settings.oauth, secrets), sealed


def _oauth_owner(account_id: str) -> str:
    return f"{secret_owner(account_id)}/oauth"


def _oauth_target(account: Account | AccountSettings) -> tuple[str | None, ...]:
    """Where secrets go, and whom what they give speaks for."""
    oauth = account.oauth
    if oauth is None:
        return (account.host, account.username)
    return (account.host, account.username, oauth.token_url, oauth.client_id, oauth.subject)


def _to_item(account: Account) -> Item:
    fields: Item = account.model_dump(exclude_none=True)
    return account_key(account.tenant_id, account.id).item | _index_key(account.tenant_id, account.id) | fields


def _index_key(tenant_id: str, account_id: str) -> Item:
    return {"by_kind_pk": "ACCOUNT", "by_kind_sk": f"{tenant_id}#{account_id}"}


def _name(item: Item) -> tuple[str, str]:
    tenant_id, _, account_id = str(item["by_kind_sk"]).partition("#")
    return tenant_id, account_id
