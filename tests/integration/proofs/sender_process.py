"""The process of a sender that can be killed: the real one, whose AWS and time are the test's, at the other end of a
pipe. `killable.py` is that end."""

import asyncio
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, cast

from functions.sender import handler
from shared.aws import clients
from shared.aws.attributes import Item
from shared.aws.connections import Answer, Connections
from shared.aws.dynamodb import Condition, ItemKey, Page, Table, Update, Write
from shared.aws.sqs import FifoQueue
from shared.clock import HOUR, Millis
from shared.delivery.sender import Sender
from shared.errors import MailProxyError
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
class Failure:
    """An error of ours on its way over the pipe."""

    kind: type[MailProxyError]
    fields: dict[str, object]

    def rebuilt(self) -> MailProxyError:
        error = self.kind.__new__(self.kind)
        error.__dict__.update(self.fields)
        return error


@dataclass(frozen=True, slots=True)
class TableCall:
    """A call to a table of the test's, by the method's name."""

    table: str
    method: str
    arguments: tuple[Any, ...]
    options: dict[str, Any]

    def carried_out(self, tables: Iterable[Table]) -> object:
        """The result, or a `Failure`."""
        table = next(each for each in tables if each.name == self.table)
        try:
            return getattr(table, self.method)(*self.arguments, **self.options)
        except MailProxyError as error:
            return Failure(type(error), error.__dict__)


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

    def answer(self, call: Call | TableCall) -> Any:
        with self._lock:
            self._pipe.send(call)
            answer = self._pipe.recv()
        if isinstance(answer, Failure):
            raise answer.rebuilt()
        return answer

    def tell(self, what: Held | Done) -> None:
        with self._lock:
            self._pipe.send(what)


class _TableOfTheTest(Table):
    """Each call goes over the pipe."""

    def __init__(self, test: _Test, name: str) -> None:
        self._test = test
        self.name = name

    def get(self, key: ItemKey) -> Item | None:
        return cast("Item | None", self._called("get", key))

    def put(self, item: Item, condition: Condition | None = None) -> None:
        self._called("put", item, condition)

    def update(self, change: Update) -> Item:
        return cast("Item", self._called("update", change))

    def delete(self, key: ItemKey, condition: Condition | None = None) -> None:
        self._called("delete", key, condition)

    def query(self, condition: Condition, **options: Any) -> Page:
        return cast("Page", self._called("query", condition, **options))

    def batch_get(self, keys: Iterable[ItemKey]) -> dict[ItemKey, Item]:
        return cast("dict[ItemKey, Item]", self._called("batch_get", list(keys)))

    def batch_write(self, puts: Iterable[Item] = (), deletes: Iterable[ItemKey] = ()) -> None:
        self._called("batch_write", list(puts), list(deletes))

    def transact(self, writes: Sequence[Write]) -> None:
        self._called("transact", list(writes))

    def _called(self, method: str, *arguments: object, **options: object) -> object:
        return self._test.answer(TableCall(self.name, method, arguments, options))


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

    def post(connections: Connections, headers: Mapping[str, str], body: bytes, path: str = "/") -> Answer:
        return cast("Answer", test.answer(Call(connections.host, dict(headers), body, path)))

    Connections.post = post  # type: ignore[assignment,method-assign]
    vars(handler)["Table"] = lambda _service, name: _TableOfTheTest(test, name)
    settings: SenderSettings = pipe.recv()
    assignment: Assignment = pipe.recv()  # from here on, what comes are answers
    clock = SettableClock(assignment.now)

    async def pause(duration: Millis) -> None:
        clock.advance(duration)

    parts = handler.build_parts(settings, clock=clock, draw=lambda: 0.5, pause=pause)
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
