"""Any two of the things that happen to the mail proxy, in every situation, at every point of each other: the first
makes some of its calls, then the second some of its own, then each goes on to its end, if it is not killed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.clock import MINUTE, SECOND
from shared.lines.line import LineKind
from shared.messages.model import Priority
from tests.model.interleaving import Actor, Fault, Violation
from tests.model.relay import Reaction
from tests.model.runs import bounded, is_long
from tests.model.world import World

BATCH = "news"
MOST_CALLS = 40  # of one event, and then some
LONG_OUTAGE = 9  # refusals in a row: the waits between them have grown beyond a minute
ANNOUNCEMENT_FORGOTTEN = 40 * SECOND  # longer ago than a writer may take: the head may rest


# -- how things stand -----------------------------------------------------------------------------------------------


def mail_waits(world: World) -> None:
    world.go_on(world.submit(["a", "b"]))
    world.pass_time(ANNOUNCEMENT_FORGOTTEN)


def mail_of_a_batch_waits(world: World) -> None:
    world.go_on(world.submit(["a", "b"], batch_code=BATCH))
    world.pass_time(ANNOUNCEMENT_FORGOTTEN)


def a_batch_will_be_set_aside(world: World) -> None:
    mail_of_a_batch_waits(world)
    world.go_on(world.suspend(BATCH))


def a_batch_is_set_aside(world: World) -> None:
    a_batch_will_be_set_aside(world)
    _work(world)
    _stray_wake_up(world)


def mail_waits_for_its_time(world: World) -> None:
    world.go_on(world.submit(["a", "b"], delay=200 * SECOND))
    world.pass_time(ANNOUNCEMENT_FORGOTTEN)


def a_mail_was_put_off(world: World) -> None:
    mail_waits(world)
    world.relay.reactions.append(Reaction.PUTS_OFF)
    _work(world)
    _stray_wake_up(world)


def a_mail_is_tried_again(world: World) -> None:
    a_mail_was_put_off(world)
    world.pass_time(MINUTE)


def a_mail_has_failed(world: World) -> None:
    mail_waits(world)
    world.relay.reactions.append(Reaction.REFUSES)
    _work(world)
    world.pass_time(ANNOUNCEMENT_FORGOTTEN)
    _stray_wake_up(world)


def a_worker_has_died(world: World) -> None:
    mail_waits(world)
    worker = world.deliver(LineKind.LOW)
    if worker is not None:
        world.go_on(worker, "reply")
        world.kill(worker)
    world.pass_time(150 * SECOND)


def the_relay_is_out(world: World) -> None:
    """The line is closed, and somebody comes nevertheless."""
    the_relay_is_tried_again(world)
    _work(world)
    _stray_wake_up(world)


def the_relay_is_tried_again(world: World) -> None:
    """After an outage so long that the next wait will be a long one."""
    mail_waits(world)
    world.relay.reactions.extend([Reaction.CLOSES] * LONG_OUTAGE)
    for _ in range(LONG_OUTAGE - 1):
        _work(world)
        world.pass_time(15 * MINUTE)
        world.go_on(world.make_round())


def the_tenant_is_off(world: World) -> None:
    mail_waits(world)
    world.go_on(world.switch_tenant(active=False))
    _work(world)
    _stray_wake_up(world)


def _stray_wake_up(world: World) -> None:
    """So that a worker comes whatever is due."""
    world.lose_wake_ups()
    world.stray_wake_up(LineKind.LOW)


def _work(world: World) -> None:
    worker = world.deliver(LineKind.LOW)
    if worker is not None:
        world.go_on(worker)


SITUATIONS = (
    mail_waits,
    mail_of_a_batch_waits,
    a_batch_will_be_set_aside,
    a_batch_is_set_aside,
    mail_waits_for_its_time,
    a_mail_was_put_off,
    a_mail_is_tried_again,
    a_mail_has_failed,
    a_worker_has_died,
    the_relay_is_out,
    the_relay_is_tried_again,
    the_tenant_is_off,
)

# -- what happens -----------------------------------------------------------------------------------------------------


def more_mail(world: World) -> Actor:
    return world.submit(["c", "d"])


def mail_for_later(world: World) -> Actor:
    return world.submit(["c", "d"], delay=1000 * SECOND)


def the_same_mail_again(world: World) -> Actor:
    return world.submit(["a", "b"])


def other_content(world: World) -> Actor:
    return world.submit(["a"], text="two")


def the_same_in_a_batch(world: World) -> Actor:
    return world.submit(["a"], batch_code=BATCH)


def a_more_urgent_lane(world: World) -> Actor:
    return world.submit(["a"], text="two", priority=Priority.IMMEDIATE)


def cancelling(world: World) -> Actor:
    return world.cancel("a")


def retrying(world: World) -> Actor:
    return world.retry("a")


def mending(world: World) -> Actor:
    return world.mend_account()


def switching_off(world: World) -> Actor:
    return world.switch_tenant(active=False)


def switching_on(world: World) -> Actor:
    return world.switch_tenant(active=True)


def suspending_a_batch(world: World) -> Actor:
    return world.suspend(BATCH)


def activating_a_batch(world: World) -> Actor:
    return world.activate(BATCH)


def suspending_everything(world: World) -> Actor:
    return world.suspend(None)


def activating_everything(world: World) -> Actor:
    return world.activate(None)


def pausing(world: World) -> Actor:
    return world.pause(paused=True)


def resuming(world: World) -> Actor:
    return world.pause(paused=False)


def a_round(world: World) -> Actor:
    return world.make_round()


def a_worker(world: World) -> Actor | None:
    return world.deliver(LineKind.LOW)


def a_late_worker(world: World) -> Actor | None:
    """It starts when its wake-up is in other hands."""
    late = world.deliver(LineKind.LOW, late=300 * SECOND)
    world.pass_time(299 * SECOND)
    return late


def a_reporter(world: World) -> Actor | None:
    return world.deliver(LineKind.REPORTS)


EVENTS = (
    a_worker,
    more_mail,
    mail_for_later,
    the_same_mail_again,
    other_content,
    the_same_in_a_batch,
    a_more_urgent_lane,
    cancelling,
    retrying,
    mending,
    switching_off,
    switching_on,
    suspending_a_batch,
    activating_a_batch,
    suspending_everything,
    activating_everything,
    pausing,
    resuming,
    a_round,
    a_late_worker,
    a_reporter,
)


@dataclass(frozen=True)
class Case:
    """The first event comes `calls` calls far; then the second comes to its end, or `calls_of_second` calls far; then
    both go on. `fault`: what goes wrong with the next call of the first. `is_killed`: it does not go on.

    At the end SQS forgets all wake-ups: nothing may depend on them.
    """

    situation: Callable[[World], None]
    reaction: Reaction
    first: Callable[[World], Actor | None]
    calls: int
    second: Callable[[World], Actor | None]
    calls_of_second: int | None = None
    fault: Fault | None = None
    is_killed: bool = False

    def run(self) -> bool:
        """Whether the first did come so far without ending."""
        world = World()
        try:
            return self._run(world)
        finally:
            world.close()

    def _run(self, world: World) -> bool:
        self.situation(world)
        world.relay.reactions.append(self.reaction)
        first = self.first(world)
        if first is not None:
            world.go_on(first, self.calls)
        came_so_far = first is not None and not first.is_done
        second = self.second(world)
        if second is not None:
            world.go_on(second, self.calls_of_second)
        if first is not None:
            first.next_fault = self.fault
            if self.is_killed:
                world.kill(first)
            world.go_on(first)
        if second is not None:
            world.go_on(second)
        world.lose_wake_ups()
        world.calm()
        return came_so_far


@bounded(runs=400)
@given(
    st.builds(
        Case,
        st.sampled_from(SITUATIONS),
        st.sampled_from(Reaction),
        st.sampled_from(EVENTS),
        st.integers(0, 20),
        st.sampled_from(EVENTS),
        st.one_of(st.none(), st.none(), st.integers(1, 20)),
        st.sampled_from((None, None, *Fault)),
        st.booleans(),
    )
)
def test_two_things_that_happen_at_once_break_no_promise(case: Case) -> None:
    case.run()


CHANGES = (
    other_content,
    the_same_in_a_batch,
    a_more_urgent_lane,
    cancelling,
    retrying,
    suspending_a_batch,
    activating_a_batch,
)
long = pytest.mark.skipif(not is_long, reason="many minutes: make fuzz")


def run_all(cases: Iterator[Case]) -> None:
    """Runs each until the first event ends before it comes so far, and then the next of another kind."""
    ended: Case | None = None
    for case in cases:
        if ended is not None and replace(ended, calls=case.calls) == case:
            continue
        try:
            ended = None if case.run() else case
        except Violation as violation:
            raise AssertionError(f"{violation}: {case}") from violation


@long
@pytest.mark.timeout(0)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_no_moment_of_one_thing_is_a_bad_one_for_another(situation: Callable[[World], None]) -> None:
    reactions = (Reaction.TAKES, Reaction.PUTS_OFF, Reaction.CLOSES)
    kinds = product(reactions, EVENTS, EVENTS, range(MOST_CALLS))
    run_all(Case(situation, reaction, first, calls, second) for reaction, first, second, calls in kinds)


@long
@pytest.mark.timeout(0)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_no_moment_of_a_change_is_a_bad_one_for_any_moment_of_a_worker(situation: Callable[[World], None]) -> None:
    kinds = product(CHANGES, range(1, MOST_CALLS), range(MOST_CALLS))
    run_all(
        Case(situation, Reaction.PUTS_OFF, change, calls, a_worker, calls_of_second=calls_of_worker)
        for change, calls_of_worker, calls in kinds
    )


@long
@pytest.mark.timeout(0)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_nothing_is_lost_wherever_a_call_fails_or_somebody_dies(situation: Callable[[World], None]) -> None:
    kinds = product(Reaction, EVENTS, (None, *Fault), range(MOST_CALLS))
    run_all(
        Case(situation, reaction, event, calls, a_round, fault=fault, is_killed=fault is None)
        for reaction, event, fault, calls in kinds
    )
