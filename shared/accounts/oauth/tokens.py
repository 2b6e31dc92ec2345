"""Access tokens for AUTH XOAUTH2: from memory, from what the account's workers share, or else from the token endpoint,
which one worker at a time asks, some minutes before the token in use ends.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from shared.accounts.model import Account
from shared.accounts.oauth.endpoint import Issued, TokenEndpoint, TokenRefused, TokenUnavailable
from shared.accounts.oauth.grants import token_request
from shared.accounts.oauth.settings import NEEDED_SECRET, OAuth, OAuthSecrets
from shared.accounts.oauth.token_table import Lease, SharedTokens, Tokens, TokenTable, stamp
from shared.accounts.table import AccountTable
from shared.aws.threads import in_thread
from shared.clock import Clock, Millis
from shared.errors import StorageError
from shared.identifiers import digest
from shared.observability import logger

LOOK_AGAIN: Final[Millis] = 250  # while another worker obtains the token
LOOKS: Final = 40  # so ten seconds; then the line waits instead
_MAX_KEPT = 1_000

type _Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Source:
    """Where an account's tokens come from, at one version of it."""

    account: Account
    oauth: OAuth
    secrets: OAuthSecrets = field(repr=False)

    @property
    def username(self) -> str:
        return self.account.username or ""

    @property
    def issued_for(self) -> str:
        """The same for the same settings and secrets. Only kept sealed: it could be searched for weak secrets."""
        return digest("token", self.username, self.oauth.model_dump_json(), self.secrets.model_dump_json())

    @property
    def lineage(self) -> str:
        """The same as long as newer refresh tokens replace the same first one."""
        return digest("lineage", self.oauth.token_url, self.oauth.client_id, self.secrets.refresh_token or "")

    def access_token_in(self, shared: SharedTokens) -> Tokens | None:
        found = shared.tokens
        return found if found is not None and found.issued_for == self.issued_for else None

    def refresh_token_in(self, shared: SharedTokens) -> str | None:
        """The newest one known."""
        found = shared.tokens
        newer = found.refresh_token if found is not None and found.lineage == self.lineage else None
        return newer or self.secrets.refresh_token


class AccessTokens:
    """Of all accounts that this process works for. Belongs to one event loop."""

    def __init__(
        self,
        *,
        accounts: AccountTable,
        table: TokenTable,
        endpoint: TokenEndpoint,
        clock: Clock,
        pause: Callable[[Millis], Awaitable[None]],
    ) -> None:
        self._accounts = accounts
        self._table = table
        self._endpoint = endpoint
        self._clock = clock
        self._pause = pause
        self._kept: dict[_Key, tuple[int, Tokens]] = {}
        self._unwritten: dict[_Key, tuple[Lease, Tokens]] = {}
        self._searches: dict[tuple[_Key, int, str | None], asyncio.Task[Tokens]] = {}

    async def get(self, account: Account, *, refused: str | None = None) -> str:
        """An access token; with `refused`, another than that one, which the relay did not take.

        Raises TokenRefused, TokenUnavailable, StorageError.
        """
        key = (account.tenant_id, account.id)
        version, kept = self._kept.get(key, (0, None))
        is_current = kept is not None and version == account.version and kept.is_fresh(self._clock())
        if kept is not None and is_current and kept.access_token != refused:
            return kept.access_token
        # A task of its own: a caller that gives up must not lose a refresh token that is on its way to us.
        search_key = (key, account.version, refused)
        search = self._searches.get(search_key)
        if search is None:
            search = self._searches[search_key] = asyncio.create_task(self._search(account, refused))
            search.add_done_callback(lambda done: self._end_search(search_key, done))
        tokens = await asyncio.shield(search)
        if len(self._kept) >= _MAX_KEPT:
            self._kept.clear()
        self._kept[key] = (account.version, tokens)
        return tokens.access_token

    def _end_search(self, key: tuple[_Key, int, str | None], search: asyncio.Task[Tokens]) -> None:
        self._searches.pop(key, None)
        if not search.cancelled():
            search.exception()  # whoever waits for it raises it; perhaps nobody does any more

    async def _search(self, account: Account, refused: str | None) -> Tokens:
        await self._write_what_could_not_be_written(account)
        source = await in_thread(self._source, account)
        for _ in range(LOOKS):
            shared = await in_thread(self._table.read, account)
            found = source.access_token_in(shared)
            if found is not None and found.access_token == refused:
                found = None
            if found is not None and found.is_fresh(self._clock()):
                return found
            if shared.stamp > stamp(account):
                # The newer settings' tokens must not be overwritten. The next visit reads them.
                raise TokenUnavailable("the account was changed meanwhile", code="account_changed")
            lease = await in_thread(self._table.lease, account, shared)
            if lease is not None:
                return await self._obtain(source, shared, lease, meanwhile=found)
            if found is not None and found.is_usable(self._clock()):
                return found
            await self._pause(LOOK_AGAIN)
        raise TokenUnavailable("another worker takes too long to obtain an access token", code="token_awaited")

    def _source(self, account: Account) -> _Source:
        if account.oauth is None:
            raise TokenRefused("the account has no OAuth settings")
        return _Source(account, account.oauth, self._accounts.oauth_secrets(account))

    async def _obtain(self, source: _Source, shared: SharedTokens, lease: Lease, *, meanwhile: Tokens | None) -> Tokens:
        """Asks the endpoint and shares what it gives. While it cannot be reached, `meanwhile` serves to its end."""
        refresh_token = source.refresh_token_in(shared)
        try:
            issued = await self._ask(source, refresh_token)
        except TokenUnavailable as error:
            await in_thread(self._table.give_back, lease)
            if meanwhile is not None and meanwhile.is_usable(self._clock()):
                tenant_id, account_id = source.account.tenant_id, source.account.id
                logger.info("access token not renewed", tenant_id=tenant_id, account_id=account_id, error=error.code)
                return meanwhile
            raise
        except BaseException:
            await in_thread(self._table.give_back, lease)
            raise
        tokens = self._tokens(source, issued, refresh_token)
        # Before anything else: a provider that replaces refresh tokens may take no older one any more.
        await self._write(lease, tokens)
        logger.info("access token obtained", tenant_id=source.account.tenant_id, account_id=source.account.id)
        return tokens

    async def _ask(self, source: _Source, refresh_token: str | None) -> Issued:
        oauth, secrets = source.oauth, source.secrets
        try:
            form = token_request(
                oauth, secrets, refresh_token=refresh_token, username=source.username, now=self._clock()
            )
        except ValueError as error:
            raise TokenRefused(f"{NEEDED_SECRET[oauth.grant]} cannot be read: {error}") from error
        return await self._endpoint.ask(oauth.token_url, form)

    def _tokens(self, source: _Source, issued: Issued, used: str | None) -> Tokens:
        now = self._clock()
        newest = issued.refresh_token or used
        is_configured = newest is None or newest == source.secrets.refresh_token
        return Tokens(
            access_token=issued.access_token,
            issued_at=now,
            expires_at=now + issued.lifetime,
            issued_for=source.issued_for,
            refresh_token=None if is_configured else newest,
            lineage=None if is_configured else source.lineage,
        )

    async def _write(self, lease: Lease, tokens: Tokens) -> None:
        key = (lease.account.tenant_id, lease.account.id)
        try:
            is_written = await in_thread(self._table.write, lease, tokens)
        except StorageError:
            self._unwritten[key] = (lease, tokens)
            raise
        if not is_written:
            logger.warning("access token not shared: another worker was quicker", tenant_id=key[0], account_id=key[1])

    async def _write_what_could_not_be_written(self, account: Account) -> None:
        unwritten = self._unwritten.pop((account.tenant_id, account.id), None)
        if unwritten is not None:
            await self._write(*unwritten)
