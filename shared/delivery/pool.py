"""Sessions kept open between mails, and between invocations of a warm function.

Lazy: a session is opened when one is needed. Each belongs to one account at one version of its settings. No lock is
held while talking to a relay, so a slow or dead one delays nobody else. Concurrency is the caller's: it acquires as
many as the account may have.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from shared.accounts.model import Account
from shared.clock import SECOND, Clock, Millis
from shared.delivery.authentication import Credentials
from shared.delivery.opening import open_session
from shared.delivery.session import Session, SessionDied
from shared.delivery.transmission import Envelope, Outcome
from shared.outgoing.guard import Guard

TRUSTED_IDLE: Millis = 2 * SECOND  # used this recently, a session is taken to be alive without asking


@dataclass(frozen=True, slots=True)
class SessionKey:
    """Everything that makes a session: the version stands for host, port, TLS mode and credentials."""

    tenant_id: str
    account_id: str
    version: int
    kept_for: Millis  # without a mail

    @classmethod
    def of(cls, account: Account) -> "SessionKey":
        return cls(account.tenant_id, account.id, account.version, account.idle_seconds * SECOND)


class PooledSession:
    """A session in use, replaced when it is used up. Not for two mails at a time."""

    def __init__(self, pool: "Pool", account: Account, credentials: Credentials | None) -> None:
        self._pool = pool
        self._account = account
        self._credentials = credentials
        self._session: Session | None = None
        self.was_kept = False

    async def make_ready(self) -> None:
        """Sees to it that the next mail finds an open session. Raises SessionFault if none can be had."""
        session = self._session
        if session is not None and (not session.is_open or session.mails >= self._account.batch_size):
            await self.release()
        if self._session is None:
            self._session = await self._pool.take(self._account, self._credentials)

    async def transmit(self, envelope: Envelope, message: bytes, *, seconds: float) -> Outcome:
        """Needs `make_ready`. Raises SessionDied if the connection was gone at MAIL FROM; `was_kept` then tells
        whether a fresh one is worth a try."""
        if self._session is None:
            raise SessionDied("no session is open")
        self.was_kept = self._session.mails > 0
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
        if session.mails >= account.batch_size:
            await session.close()
            return
        self._idle.setdefault(SessionKey.of(account), []).append(session)

    async def sweep(self) -> None:
        """Closes what has been idle for longer than its account says: relays drop it some time, and count it until
        they do."""
        stale: list[Session] = []
        for key, sessions in list(self._idle.items()):
            oldest = self._clock() - key.kept_for
            stale += [session for session in sessions if session.last_used < oldest]
            self._idle[key] = [session for session in sessions if session.last_used >= oldest]
            if not self._idle[key]:
                del self._idle[key]
        await _close_all(stale)

    async def close_idle(self, account: Account) -> None:
        """Closes the account's idle sessions, of whatever version, with QUIT."""
        keys = [each for each in self._idle if (each.tenant_id, each.account_id) == (account.tenant_id, account.id)]
        await _close_all([session for key in keys for session in self._idle.pop(key)])

    async def close(self) -> None:
        """Closes every idle session with QUIT."""
        idle, self._idle = self._idle, {}
        await _close_all([session for sessions in idle.values() for session in sessions])


async def _close_all(sessions: Sequence[Session]) -> None:
    """All at once: each may take seconds to answer QUIT."""
    await asyncio.gather(*(session.close() for session in sessions))
