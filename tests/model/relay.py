"""The tenants' side of the world: a relay that sessions end at, and an endpoint that takes reports. Both answer as the
test says, keep what they took, and hold still where a real peer may take its time."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum, auto

from shared.accounts.model import Account
from shared.delivery.authentication import Credentials
from shared.delivery.pool import Pool, PooledSession
from shared.delivery.replies import Reply, Scope, Stage, Verdict
from shared.delivery.transmission import Answered, Envelope, LineFault, MailFailed, Outcome, RecipientReply, taken
from shared.outgoing.http import Answer, CallFailed, GuardedHttp
from shared.reports.events import ReportEvent
from tests.model.interleaving import Actor, Interleaving, current_actor

_CALL_SECONDS = 30


class Reaction(Enum):
    """What the relay does with a mail."""

    TAKES = auto()
    PUTS_OFF = auto()  # 451 after the text
    REFUSES = auto()  # 550 after the text
    CLOSES = auto()  # 421 at MAIL
    BREAKS = auto()  # the connection is lost at RCPT
    TAKES_IN_SILENCE = auto()  # the connection is lost after the final dot; the mail was taken
    LOSES = auto()  # the same, and the mail was not taken

    @property
    def takes(self) -> bool:
        return self in (Reaction.TAKES, Reaction.TAKES_IN_SILENCE)


@dataclass(frozen=True, slots=True, eq=False)
class Try:
    """A mail that the sender began to hand over."""

    mail_id: str
    text: str
    actor: Actor | None


class Relay:
    """`began` is told of each try, before the relay answers."""

    def __init__(self, interleaving: Interleaving, began: Callable[[Try], None]) -> None:
        self._interleaving = interleaving
        self._began = began
        self.reactions: deque[Reaction] = deque()  # of the next mails; then it takes them
        self.taken: list[Try] = []
        self.unanswered: list[Try] = []  # taken, and it could not say so
        self.under_way: list[Try] = []

    async def transmit(self, envelope: Envelope, message: bytes) -> Outcome:
        await self._interleaving.hold_still("MAIL")
        text = message.rpartition(b"\r\n\r\n")[2].decode().strip()
        this = Try(envelope.recipients[0].partition("@")[0], text, current_actor())
        self._began(this)
        self.under_way.append(this)
        reaction = self.reactions.popleft() if self.reactions else Reaction.TAKES
        try:
            if reaction.takes:
                self.taken.append(this)
            await self._interleaving.hold_still("reply")
        except asyncio.CancelledError:  # given up by the sender's own time-out, or killed
            reaction = Reaction.TAKES_IN_SILENCE
            raise
        finally:
            self.under_way.remove(this)
            if reaction is Reaction.TAKES_IN_SILENCE and this in self.taken:
                self.unanswered.append(this)
        return _outcome(reaction, envelope)


def _outcome(reaction: Reaction, envelope: Envelope) -> Outcome:
    match reaction:
        case Reaction.TAKES:
            return Answered(tuple(taken(envelope.recipients, Reply(250, "taken"))))
        case Reaction.PUTS_OFF:
            return _refusal(envelope, Reply(451, "later"), permanent=False)
        case Reaction.REFUSES:
            return _refusal(envelope, Reply(550, "no"), permanent=True)
        case Reaction.CLOSES:
            return LineFault(Scope.RELAY, Stage.MAIL, "closing", 421)
        case Reaction.BREAKS:
            return LineFault(Scope.RELAY, Stage.RCPT, "connection lost")
        case Reaction.TAKES_IN_SILENCE | Reaction.LOSES:
            return MailFailed("no answer after the mail's text", permanent=False, unknown_outcome=True)


def _refusal(envelope: Envelope, reply: Reply, *, permanent: bool) -> Answered:
    verdict = Verdict(Scope.MESSAGE, permanent)
    return Answered(tuple(RecipientReply(each, reply, verdict) for each in envelope.recipients))


class _ModelSession(PooledSession):
    """Gives a mail up after its time, as `Session` does."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self.was_kept = False

    async def make_ready(self) -> None:
        """It always is."""

    async def transmit(self, envelope: Envelope, message: bytes, *, seconds: float) -> Outcome:
        try:
            async with asyncio.timeout(seconds):
                return await self._relay.transmit(envelope, message)
        except TimeoutError:
            return MailFailed("no answer after the mail's text", permanent=False, unknown_outcome=True)


class ModelPool(Pool):
    """Sessions with one relay, that cost nothing to open."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    @asynccontextmanager
    async def acquire(self, account: Account, credentials: Credentials | None) -> AsyncIterator[PooledSession]:
        yield _ModelSession(self._relay)

    async def sweep(self) -> None:
        """Nothing is kept."""

    async def close_idle(self, account: Account) -> None:
        """Nothing is kept."""


class Endpoint(GuardedHttp):
    """A tenant's endpoint for reports. `failures`: how many of the next calls fail."""

    def __init__(self, interleaving: Interleaving) -> None:
        self._interleaving = interleaving
        self.failures = 0
        self.events: list[ReportEvent] = []

    async def post(self, url: str, *, body: bytes, headers: Mapping[str, str]) -> Answer:
        try:
            async with asyncio.timeout(_CALL_SECONDS):
                return await self._answer(body)
        except TimeoutError as error:
            raise CallFailed("no answer in time") from error

    async def _answer(self, body: bytes) -> Answer:
        await self._interleaving.hold_still("POST")
        if self.failures:
            self.failures -= 1
            raise CallFailed("unreachable, says the test")
        self.events += [ReportEvent.model_validate(each) for each in json.loads(body)["delivery_report"]]
        await self._interleaving.hold_still("reply")
        # A line whose endpoint wants quiet comes to rest; without that it would be called every few minutes.
        return Answer(200, b'{"ok": true, "next_sync_after": 9999999999}')
