"""The process of a sender that can be killed: the real one, whose AWS and time are the test's, at the other end of a
pipe. `killable.py` is that end."""

import asyncio
import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import cast

from functions.sender.handler import build_parts
from shared.aws import clients
from shared.aws.connections import Answer, Connections
from shared.aws.sqs import FifoQueue
from shared.clock import HOUR, Millis
from shared.delivery.sender import Sender
from shared.lines.attendance import Attendant, Disposition
from shared.lines.head import Heads
from shared.lines.wakeups import WakeUp, WakeUps
from shared.settings import SenderSettings
from tests.unit.clock import SettableClock


@dataclass(frozen=True, slots=True)
class Call:
    """A call to AWS."""

    host: str
    headers: dict[str, str]
    body: bytes
    path: str


@dataclass(frozen=True, slots=True)
class Held:
    """The wake-up is kept by its visibility."""

    until: Millis


@dataclass(frozen=True, slots=True)
class Assignment:
    """One invocation."""

    wake_up: WakeUp
    now: Millis
    deadline: Millis


@dataclass(frozen=True, slots=True)
class Done:
    """It has ended."""

    disposition: Disposition
    now: Millis


class _Test:
    """The other end: one call at a time."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()

    def answer(self, call: Call) -> Answer:
        with self._lock:
            self._pipe.send(call)
            return cast("Answer", self._pipe.recv())

    def tell(self, what: Held | Done) -> None:
        with self._lock:
            self._pipe.send(what)


class _HeldByTheTest(WakeUps):
    """SQS's own clock runs in real time; the test ends holds by itself."""

    def __init__(self, settings: SenderSettings, test: _Test, clock: SettableClock) -> None:
        super().__init__({kind: FifoQueue(clients.sqs(), url) for kind, url in settings.queue_urls.items()})
        self._test = test
        self._clock = clock

    def hold(self, wake_up: WakeUp, duration: Millis) -> None:
        super().hold(wake_up, max(duration, HOUR))
        self._test.tell(Held(self._clock() + duration))


async def _serve(pipe: Connection) -> None:
    test = _Test(pipe)

    def post(connections: Connections, headers: dict[str, str], body: bytes, path: str = "/") -> Answer:
        return test.answer(Call(connections.host, headers, body, path))

    Connections.post = post  # type: ignore[method-assign]
    settings: SenderSettings = pipe.recv()
    assignment: Assignment = pipe.recv()  # from here on, what comes are answers
    clock = SettableClock(assignment.now)

    async def pause(duration: Millis) -> None:
        clock.advance(duration)

    parts = build_parts(settings, clock=clock, draw=lambda: 0.5, pause=pause)
    attendant = Attendant(Heads(parts.messages), _HeldByTheTest(settings, test, clock), clock)
    while True:
        disposition = await attendant.attend(assignment.wake_up, Sender(parts).work, deadline=assignment.deadline)
        test.tell(Done(disposition, clock.now))
        assignment = await asyncio.to_thread(pipe.recv)
        clock.now = max(clock.now, assignment.now)


def main(descriptor: int) -> None:
    """Until the test closes its end."""
    with Connection(descriptor) as pipe, suppress(EOFError):
        asyncio.run(_serve(pipe))
    os._exit(0)  # sessions with the relay end with the process
