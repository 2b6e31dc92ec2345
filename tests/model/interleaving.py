"""Runs actors one call at a time, so that a test decides what happens between any two calls of the real code.

An actor is a coroutine, such as one invocation of a Lambda. All share one event loop, whose clock is the test's: time
passes only when told to. Whatever an actor hands to a thread (`shared.aws.threads.in_thread`) runs in a thread of its
own that holds still before each call of a fake service, until the test lets that one call happen. Exactly one thread
runs at any instant, so a run is as deterministic as the choices that drive it.

An actor can be killed wherever it holds still, as Lambda kills a function: nothing of it reaches a service any more.
"""

import asyncio
import selectors
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from enum import Enum, auto
from typing import Any, ClassVar

from shared.clock import SECOND, Millis
from shared.errors import StorageError, StorageUnavailable
from tests.unit.clock import SettableClock

CALL_TAKES: Millis = 5
LONGEST_CALL: Millis = 45 * SECOND  # as shared/aws/clients.py bounds a call with its retries; then it has failed
MOST_CALLS = 1_000  # of one actor
_CANCELLATIONS = 5


class Violation(AssertionError):
    """The code under test broke a promise."""


class Killed(BaseException):
    """Ends a thread of a killed actor."""


class Fault(Enum):
    """What goes wrong with one call."""

    REFUSED = auto()  # nothing happens, and the caller is told that it failed
    UNANSWERED = auto()  # it happens, and the caller is told that it failed
    REPEATED = auto()  # it happens, its answer is lost, and the client library makes the call once more


class Actor:
    """One coroutine with everything it started. `dies_at` is when its Lambda is stopped."""

    def __init__(self, name: str, dies_at: Millis) -> None:
        self.name = name
        self.dies_at = dies_at
        self.is_alive = True
        self.hurries = False  # it holds still no more
        self.calls = 0
        self.waits = 0
        self.next_fault: Fault | None = None
        self.steps: list[_Job | _Pause] = []
        self.tasks: list[asyncio.Task[Any]] = []

    @property
    def is_done(self) -> bool:
        return not self.is_alive or (bool(self.tasks) and self.tasks[0].done())

    def is_before(self, call: object) -> bool:
        """Whether it holds still before a call of that name."""
        return any(step.label == call for step in self.steps)

    def take_fault(self) -> Fault | None:
        fault, self.next_fault = self.next_fault, None
        return fault


_job: ContextVar["_Job"] = ContextVar("job")
_actor: ContextVar[Actor] = ContextVar("actor")


def current_actor() -> Actor | None:
    """The actor whose code is running."""
    job = _job.get(None)
    return job.actor if job is not None else _actor.get(None)


class _Hand(threading.Thread):
    """A thread that works jobs, and only runs while the test's own thread waits for it."""

    _idle: ClassVar["list[_Hand]"] = []

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._go, self._back = threading.Lock(), threading.Lock()
        self._go.acquire()
        self._back.acquire()
        self._work: Callable[[], None] | None = None
        self.start()

    @classmethod
    def take(cls, work: Callable[[], None]) -> "_Hand":
        hand = cls._idle.pop() if cls._idle else cls()
        hand._work = work
        return hand

    def go_on(self) -> None:
        """Called by the test's thread: returns when the job holds still or has ended."""
        self._go.release()
        self._back.acquire()
        if self._work is None:
            self._idle.append(self)

    def hold_still(self) -> None:
        """Called by this thread itself."""
        self._back.release()
        self._go.acquire()

    def run(self) -> None:
        while True:
            self._go.acquire()
            if self._work is not None:
                self._work()
            self._work = None
            self._back.release()


class _Job:
    """A blocking function of an actor, in a thread that holds still before each of its calls."""

    def __init__(
        self, actor: Actor, work: Callable[[], Any], done: "asyncio.Future[Any]", clock: SettableClock
    ) -> None:
        self.actor = actor
        self._work = work
        self._done = done
        self._clock = clock
        self._hand = _Hand.take(self._execute)
        self._result: Any = None
        self._error: BaseException | None = None
        self._has_ended = False
        self.label = "start"
        self.since = clock()

    def resume(self) -> None:
        self._hand.go_on()
        if not self._has_ended:
            return
        if self in self.actor.steps:
            self.actor.steps.remove(self)
        if self._done.cancelled():
            return
        if self._error is not None:
            self._done.set_exception(self._error)
        else:
            self._done.set_result(self._result)

    def hold_still(self, label: str) -> None:
        self.label, self.since = label, self._clock()
        self._hand.hold_still()
        if not self.actor.is_alive:
            raise Killed

    def _execute(self) -> None:
        _job.set(self)
        try:
            if not self.actor.is_alive:
                raise Killed
            self._result = self._work()
        except BaseException as error:
            self._error = error
        self._has_ended = True


class _Pause:
    """An actor's own coroutine, holding still."""

    def __init__(self, label: str, resumed: "asyncio.Future[None]", since: Millis) -> None:
        self.label = label
        self.since = since
        self.resumed = resumed

    def resume(self) -> None:
        if not self.resumed.done():
            self.resumed.set_result(None)


class _StopWhenIdle(selectors.SelectSelector):
    """Stops the loop where it would sleep."""

    def __init__(self) -> None:
        super().__init__()
        self.stop: Callable[[], None] = lambda: None
        self.sleeps_for: float | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout > 0:
            self.sleeps_for = timeout
            self.stop()
        return []


class _SteppedLoop(asyncio.SelectorEventLoop):
    """An event loop on the test's clock, whose executor is the interleaving's."""

    def __init__(self, clock: SettableClock) -> None:
        self._test_clock = clock
        self._began_at = clock()
        self.idle = _StopWhenIdle()
        super().__init__(self.idle)
        self.idle.stop = self.stop
        self.set_task_factory(_of_actor)
        self.set_exception_handler(lambda _loop, _context: None)  # what is left of killed actors

    def time(self) -> float:
        # From its beginning: timers are compared by nanoseconds, which a float of the time since 1970 does not hold.
        return (self._test_clock() - self._began_at) / SECOND

    def run_in_executor[*Ts, T](
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> "asyncio.Future[T]":
        done: asyncio.Future[T] = self.create_future()
        actor = _actor.get()
        if not actor.is_alive:
            done.cancel()
            return done
        if actor.hurries:
            _settle(done, lambda: func(*args))
            return done
        job = _Job(actor, lambda: func(*args), done, self._test_clock)
        actor.steps.append(job)
        job.resume()
        return done


def _of_actor(
    loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], context: Context | None = None, **options: Any
) -> "asyncio.Task[Any]":
    task = asyncio.Task(coroutine, loop=loop, context=context, **options)
    actor = _actor.get() if context is None else context[_actor]
    actor.tasks.append(task)
    return task


def _settle[T](done: "asyncio.Future[T]", work: Callable[[], T]) -> None:
    try:
        done.set_result(work())
    except Exception as error:
        done.set_exception(error)


class Interleaving:
    """The actors, and the test's hand on them."""

    def __init__(self, clock: SettableClock) -> None:
        self.clock = clock
        self.actors: list[Actor] = []
        self.calls = 0
        self._loop = _SteppedLoop(clock)
        self._not_begun: dict[Actor, Coroutine[Any, Any, None]] = {}

    # -- for fake services ------------------------------------------------------------------------------------------

    def call[T](self, name: str, effect: Callable[[], T], *, repeats_safely: bool = False) -> T:
        """One call of a service: holds still, then has its effect at once. Outside of actors it just has it.

        `repeats_safely`: the service recognises a repeated call (tokens of transactions, deduplication).
        """
        actor = current_actor()
        if actor is None:
            return effect()
        if not actor.hurries and (job := _job.get(None)) is not None:
            job.hold_still(name)
            took_too_long = self.clock() - job.since > LONGEST_CALL
            fault = Fault.REFUSED if took_too_long else actor.take_fault()
        else:
            fault = actor.take_fault()
        self._count(actor)
        if fault is Fault.REFUSED:
            raise StorageUnavailable(f"{name}: not reached, says the test")
        if fault is Fault.UNANSWERED:
            with suppress(StorageError):
                effect()
            raise StorageUnavailable(f"{name}: no answer, says the test")
        if fault is Fault.REPEATED and not repeats_safely:
            with suppress(StorageError):
                effect()
        return effect()

    async def hold_still(self, label: str) -> None:
        """A point of a coroutine at which the test decides how long it takes."""
        actor = _actor.get()
        if not actor.hurries:
            resumed: asyncio.Future[None] = self._loop.create_future()
            pause = _Pause(label, resumed, self.clock())
            actor.steps.append(pause)
            try:
                await resumed
            finally:
                actor.steps.remove(pause)
        self._count(actor)

    def _count(self, actor: Actor) -> None:
        self.clock.advance(CALL_TAKES)
        self.calls += 1
        actor.calls += 1
        if actor.calls > MOST_CALLS:
            raise Violation(f"{actor.name} makes call after call and comes to no end")

    @staticmethod
    async def sleep(duration: Millis) -> None:
        await asyncio.sleep(duration / SECOND)

    # -- for the test -----------------------------------------------------------------------------------------------

    def start(self, actor: Actor, work: Coroutine[Any, Any, None], *, at_once: bool = False) -> None:
        """The actor begins with its first step, or `at_once`, up to its first call."""
        self.actors.append(actor)
        self._not_begun[actor] = work
        if at_once:
            self._begin(actor)

    def _begin(self, actor: Actor) -> None:
        work = self._not_begun.pop(actor, None)
        if work is not None:
            context = copy_context()
            context.run(_actor.set, actor)
            self._loop.create_task(work, context=context)
            self._run_until_still()

    def step(self, actor: Actor, *, latest_first: bool = False) -> None:
        """Lets one call of the actor happen; one that only waits for time gets it."""
        self._begin(actor)
        if actor.steps:
            actor.steps[-1 if latest_first else 0].resume()
        elif not actor.is_done:
            self._let_wait(actor)
        self._run_until_still()

    def _let_wait(self, actor: Actor) -> None:
        actor.waits += 1
        sleeps_for = self._loop.idle.sleeps_for
        if sleeps_for is None or actor.waits > MOST_CALLS:
            where = [str(task.get_stack()) for task in actor.tasks if not task.done()]
            raise Violation(f"{actor.name} waits for what never comes: {where}")
        self.clock.advance(int(sleeps_for * SECOND) + 1)

    def run_to_end(self, actor: Actor) -> None:
        """Lets all calls of the actor happen, with nothing in between."""
        actor.hurries = True
        while not actor.is_done:
            self.step(actor)

    def kill(self, actor: Actor) -> None:
        actor.is_alive = False
        if actor in self._not_begun:
            self._not_begun.pop(actor).close()
        for step in list(actor.steps):
            if isinstance(step, _Job):
                step.resume()
        for _ in range(_CANCELLATIONS):
            for task in actor.tasks:
                task.cancel()
            self._run_until_still()

    def pass_time(self, duration: Millis) -> list[Actor]:
        """Returns the actors that were stopped because their time was over."""
        self.clock.advance(duration)
        self._run_until_still()
        late = [actor for actor in self.actors if self.clock() >= actor.dies_at]
        for actor in late:
            self.kill(actor)
        return late

    def close(self) -> None:
        for actor in list(self.actors):
            self.kill(actor)
        self._loop.close()

    def _run_until_still(self) -> None:
        self._loop.run_forever()
        for actor in [each for each in self.actors if each.is_done]:
            self.actors.remove(actor)
            if actor.is_alive:
                actor.tasks[0].result()
                left = [step.label for step in actor.steps] + [str(each) for each in actor.tasks if not each.done()]
                if left:
                    raise Violation(f"{actor.name} has returned, but something of it goes on: {left}")
