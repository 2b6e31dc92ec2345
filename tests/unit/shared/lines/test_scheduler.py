"""The scheduler's run, over as many generations as it takes, with injected time."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import pytest

from shared.clock import MINUTE, SECOND, Millis
from shared.errors import StorageUnavailable
from shared.lines.chores import Chores
from shared.lines.head import Heads
from shared.lines.line import Line, LineKind, account_line, activation_line, due_shard
from shared.lines.run import Lease, Run
from shared.lines.scheduler import MAX_CHORES, MAX_GENERATIONS, RunResult, Scheduler
from shared.lines.wakeups import WakeUps
from tests.model.in_memory_table import MESSAGES_INDEXES, InMemoryTable
from tests.unit.clock import NOON, SettableClock
from tests.unit.shared.lines.lane import RoundsInTurn

GENERATION: Millis = 50 * SECOND
CHORE = activation_line("acme", "x")


class Killed(BaseException):
    """Lambda ends the process: nothing of it runs on."""


class CountedWakeUps(WakeUps):
    """Each call takes some time, as SQS does."""

    def __init__(self, clock: SettableClock, takes: Millis = 0) -> None:
        self._clock = clock
        self._takes = takes
        self.sent: Counter[Line] = Counter()

    def send_all(self, lines: Sequence[Line]) -> None:
        if lines:
            self._clock.advance(self._takes)
            self.sent.update(lines)


class System:
    """A scheduler whose next generations are kept until the test has them run."""

    def __init__(
        self,
        clock: SettableClock,
        *,
        takes: Millis = 0,
        chore: Callable[[Line, Millis], bool] = lambda _line, _deadline: True,
    ) -> None:
        self.clock = clock
        self.messages = InMemoryTable("messages", MESSAGES_INDEXES)
        self.heads = Heads(self.messages)
        self.wake_ups = CountedWakeUps(clock, takes)
        self.next: list[Run] = []
        self.runs = 0
        self.scheduler = Scheduler(
            rounds=RoundsInTurn(self.heads, self.wake_ups, clock),
            chores=Chores(self.heads, {LineKind.ACTIVATION: chore}, clock),
            lease=Lease(self.messages),
            go_on=self._go_on,
            clock=clock,
            new_id=self._new_id,
        )

    def announce(self, *lines: Line) -> None:
        for line in lines:
            self.heads.announce(line, NOON, NOON - MINUTE)

    def minute(self, *, deadline: Millis | None = None) -> RunResult | None:
        """EventBridge's call."""
        return self.scheduler.run(deadline=deadline or self.clock() + GENERATION)

    def generation(self) -> RunResult | None:
        """The call that the generation before has made."""
        return self.scheduler.run(self.next.pop(0), deadline=self.clock() + GENERATION)

    def to_the_end(self, first: RunResult | None) -> list[RunResult]:
        """All generations of a run."""
        results = [first]
        while self.next:
            results.append(self.generation())
        return [each for each in results if each is not None]

    def _go_on(self, run: Run) -> None:
        self.next.append(run)

    def _new_id(self) -> str:
        self.runs += 1
        return f"run {self.runs}"


def activations() -> Iterator[Line]:
    return (activation_line("acme", f"b{number}") for number in itertools.count())


def accounts(count: int) -> list[Line]:
    return [account_line(LineKind.MEDIUM, "acme", f"a{number}") for number in range(count)]


def test_twenty_thousand_lines_are_woken_once_each_over_as_many_generations_as_that_takes(clock: SettableClock) -> None:
    system = System(clock, takes=SECOND)
    lines = accounts(20_000)
    system.announce(*lines)

    results = system.to_the_end(system.minute())

    assert system.wake_ups.sent == Counter(lines)
    assert len(results) >= 5
    assert [each.generation for each in results] == list(range(1, len(results) + 1))
    assert [each.is_over for each in results] == [False] * (len(results) - 1) + [True]
    assert sum(each.woken for each in results) == 20_000


def test_lines_that_become_due_in_the_course_of_a_run_are_left_to_the_next(clock: SettableClock) -> None:
    """Else a run would never end while lines are woken faster than they are worked."""
    system = System(clock, takes=20 * SECOND)
    system.announce(*accounts(50))

    results = system.to_the_end(system.minute())

    assert len(results) > 1
    assert set(system.wake_ups.sent.values()) == {1}
    clock.advance(MINUTE)
    system.to_the_end(system.minute())
    assert set(system.wake_ups.sent.values()) == {2}


def test_while_a_run_is_under_way_the_schedule_begins_no_other(clock: SettableClock) -> None:
    system = System(clock, takes=GENERATION)
    system.announce(*accounts(100))
    system.minute()
    assert system.next
    sent = system.wake_ups.sent.total()

    assert system.minute() is None
    assert system.wake_ups.sent.total() == sent

    system.to_the_end(None)
    assert system.minute() is not None


def test_a_generation_that_is_called_twice_works_once(clock: SettableClock) -> None:
    """Lambda promises an asynchronous call at least once."""
    system = System(clock, takes=20 * SECOND)
    system.announce(*accounts(1_000))
    system.minute()
    (again,) = system.next

    assert system.generation() is not None
    assert system.scheduler.run(again, deadline=clock() + GENERATION) is None


def test_a_killed_scheduler_costs_two_minutes_and_the_next_run_goes_on_with_the_lines_that_were_left(
    clock: SettableClock,
) -> None:
    system = System(clock)
    due = accounts(1_000)
    system.announce(*due)
    calls = iter(range(1_000))
    send_all = system.wake_ups.send_all

    def killed(lines: Sequence[Line]) -> None:
        if lines and next(calls) == 4:
            raise Killed
        send_all(lines)

    system.wake_ups.send_all = killed  # type: ignore[method-assign]
    with pytest.raises(Killed):
        system.minute()
    system.wake_ups.send_all = send_all  # type: ignore[method-assign]

    clock.advance(MINUTE)
    assert system.minute() is None
    clock.advance(MINUTE)
    result = system.minute()

    assert result is not None
    assert set(system.wake_ups.sent) == set(due)


def test_a_generation_that_comes_after_another_run_has_begun_does_nothing(clock: SettableClock) -> None:
    system = System(clock, takes=20 * SECOND)
    system.announce(*accounts(1_000))
    system.minute()
    (late,) = system.next
    clock.advance(2 * MINUTE)

    assert system.minute() is not None
    assert system.scheduler.run(late, deadline=clock() + GENERATION) is None


def test_a_late_generation_that_nobody_replaced_goes_on(clock: SettableClock) -> None:
    system = System(clock, takes=20 * SECOND)
    system.announce(*accounts(1_000))
    system.minute()
    clock.advance(2 * MINUTE)
    assert system.generation() is not None


def test_a_run_that_cannot_call_itself_leaves_the_rest_to_the_next_minute(clock: SettableClock) -> None:
    system = System(clock, takes=20 * SECOND)
    lines = accounts(1_000)
    system.announce(*lines)

    def unreachable(_run: Run) -> None:
        raise StorageUnavailable("Lambda Invoke: unreachable")

    system.scheduler._go_on = unreachable
    first = system.minute()
    assert first is not None
    assert first.is_over
    assert 0 < first.woken < 1_000

    system.scheduler._go_on = system.next.append
    system.to_the_end(system.minute())
    assert set(system.wake_ups.sent) == set(lines)


def test_a_run_that_fails_does_not_hold_up_the_next(clock: SettableClock) -> None:
    def broken(_line: Line, _deadline: Millis) -> bool:
        raise RuntimeError("a mistake")

    system = System(clock, chore=broken)
    system.announce(CHORE, *accounts(1))
    with pytest.raises(RuntimeError):
        system.minute()
    system.announce(*accounts(2))
    assert system.minute() is not None
    assert set(system.wake_ups.sent) == set(accounts(2))


def test_generations_are_bounded(clock: SettableClock) -> None:
    system = System(clock)
    system.announce(*accounts(1))
    first = system.minute(deadline=clock())  # no time at all: nothing is done
    assert first is not None
    results = [first]
    while system.next:
        run = system.next.pop(0)
        result = system.scheduler.run(run, deadline=clock())
        assert result is not None
        results.append(result)

    assert len(results) == MAX_GENERATIONS
    assert results[-1].is_over
    assert system.minute() is not None
    assert set(system.wake_ups.sent) == set(accounts(1))


class TestChores:
    def test_have_a_third_of_each_generation_while_there_are_lines_and_go_on_with_the_run(
        self, clock: SettableClock
    ) -> None:
        spent: list[Millis] = []

        def long(_line: Line, deadline: Millis) -> bool:
            spent.append(max(0, deadline - clock()))
            clock.now = max(clock(), deadline)
            return False

        system = System(clock, takes=SECOND, chore=long)
        chore = next(line for line in activations() if line.due_shard == due_shard(0))  # which is looked at first
        system.announce(chore, *accounts(10_000))

        results = system.to_the_end(system.minute())

        assert len(spent) == len(results) >= 4
        assert min(spent) >= GENERATION // 3 - SECOND  # a page is under way when the lines' time is up
        assert set(system.wake_ups.sent) == set(accounts(10_000))

    def test_do_not_hold_up_the_next_round_when_all_lines_are_woken(self, clock: SettableClock) -> None:
        def long(_line: Line, deadline: Millis) -> bool:
            clock.now = deadline
            return False

        system = System(clock, chore=long)
        system.announce(CHORE, *accounts(3))

        result = system.minute()
        assert result is not None
        assert (result.woken, result.chores_left, result.is_over) == (3, 1, True)
        again = system.minute()
        assert again is not None
        assert again.chores_left == 1

    def test_that_are_too_many_to_take_along_are_met_again(self, clock: SettableClock) -> None:
        done: set[Line] = set()

        def quick(line: Line, _deadline: Millis) -> bool:
            clock.advance(100)
            done.add(line)
            return True

        system = System(clock, takes=30 * SECOND, chore=quick)
        chores = list(itertools.islice(activations(), 3 * MAX_CHORES))
        system.announce(*chores, *accounts(500))

        system.to_the_end(system.minute())
        for _ in range(5):
            system.to_the_end(system.minute())
        assert done == set(chores)
