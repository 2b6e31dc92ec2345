"""Sessions kept open between mails, and between invocations of a warm function.

Lazy: a session is opened when one is needed. Each belongs to one account at one version of its settings. No lock is
held while talking to a relay, so a slow or dead one delays nobody else. Concurrency is the caller's: it acquires as
many as the account may have.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from shared.accounts.model import Account
from shared.clock import SECOND, Clock, Millis
from shared.delivery.session import Credentials, Session, SessionDied, open_session
from shared.delivery.transmission import Envelope, Outcome
from shared.outgoing.guard import Guard

IDLE_LIMIT: Millis = 60 * SECOND
TRUSTED_IDLE: Millis = 2 * SECOND  # used this recently, a session is taken to be alive without asking
MAILS_A_SESSION = 100


@dataclass(frozen=True, slots=True)
class SessionKey:
    """Everything that makes a session: the version stands for host, port, TLS mode and credentials."""

    tenant_id: str
    account_id: str
    version: int

    @classmethod
    def of(cls, account: Account) -> "SessionKey":
        return cls(account.tenant_id, account.id, account.version)


class PooledSession:
    """A session in use. `transmit` replaces a kept session once, silently, if it died while it was idle."""

    def __init__(self, pool: "Pool", account: Account, credentials: Credentials | None) -> None:
        self._pool = pool
        self._account = account
        self._credentials = credentials
        self._session: Session | None = None

    async def transmit(self, envelope: Envelope, message: bytes, *, seconds: float) -> Outcome:
        """Raises SessionFault if no session can be had, SessionDied if even a fresh one died at MAIL FROM."""
        if self._session is None or not self._session.is_open or self._session.mails >= MAILS_A_SESSION:
            await self.release()
            self._session = await self._pool.take(self._account, self._credentials)
        kept = self._session.mails > 0
        try:
            return await self._session.transmit(envelope, message, seconds=seconds)
        except SessionDied:
            if not kept:
                raise
        self._session = await self._pool.open(self._account, self._credentials)
        return await self._session.transmit(envelope, message, seconds=seconds)

    async def release(self) -> None:
        """Back into the pool, if it can carry another mail."""
        session, self._session = self._session, None
        if session is not None:
            await self._pool.give_back(self._account, session)

    def abandon(self) -> None:
        """Closes the session whatever it is doing."""
        session, self._session = self._session, None
        if session is not None:
            session.abandon()


class Pool:
    """The idle sessions of all accounts that this process works for."""

    def __init__(self, *, guard: Guard, clock: Clock) -> None:
        self._guard = guard
        self._clock = clock
        self._idle: dict[SessionKey, list[Session]] = {}

    @asynccontextmanager
    async def acquire(self, account: Account, credentials: Credentials | None) -> AsyncIterator[PooledSession]:
        """A session, opened when first used. An exception, cancellation included, closes it."""
        pooled = PooledSession(self, account, credentials)
        try:
            yield pooled
        except BaseException:
            pooled.abandon()
            raise
        await pooled.release()

    async def take(self, account: Account, credentials: Credentials | None) -> Session:
        """A kept session that is alive, else a new one. Raises SessionFault."""
        idle = self._idle.get(SessionKey.of(account), [])
        while idle:
            session = idle.pop()  # the one used last is the likeliest alive
            if self._clock() - session.last_used < TRUSTED_IDLE or await session.is_alive():
                return session
        return await self.open(account, credentials)

    async def open(self, account: Account, credentials: Credentials | None) -> Session:
        return await open_session(account, credentials, guard=self._guard, clock=self._clock)

    async def give_back(self, account: Account, session: Session) -> None:
        if not session.is_open:
            return
        if session.mails >= MAILS_A_SESSION:
            await session.close()
            return
        self._idle.setdefault(SessionKey.of(account), []).append(session)

    async def sweep(self) -> None:
        """Closes what has been idle too long: relays drop it anyway, and count it until they do."""
        oldest = self._clock() - IDLE_LIMIT
        for key, sessions in list(self._idle.items()):
            stale = [session for session in sessions if session.last_used < oldest]
            kept = [session for session in sessions if session not in stale]
            if kept:
                self._idle[key] = kept
            else:
                del self._idle[key]
            for session in stale:
                await session.close()

    async def close(self) -> None:
        """Closes every idle session with QUIT."""
        idle, self._idle = self._idle, {}
        for sessions in idle.values():
            for session in sessions:
                await session.close()
