"""Interleavings that broke something once, each told as it happened."""

from collections.abc import Iterator

import pytest

from shared.clock import MINUTE, SECOND
from shared.lines.head import Head
from shared.lines.line import LineKind, account_line
from shared.messages.model import Status
from tests.model.interleaving import Fault
from tests.model.promises import Worker
from tests.model.relay import Reaction
from tests.model.world import ACCOUNT, TENANT, World

LINE = account_line(LineKind.LOW, TENANT, ACCOUNT)


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.close()


def worker_of(world: World) -> Worker:
    worker = world.deliver(LineKind.LOW)
    assert worker is not None
    return worker


def head(world: World) -> Head:
    item = world.messages.get(LINE.head_key)
    assert item is not None
    return Head.from_item(item)


def status(world: World, mail_id: str) -> Status:
    mail = world.promises.mail(mail_id)
    assert mail is not None
    return mail.status


def test_a_worker_knows_its_own_claim_when_the_answer_to_it_was_lost_and_the_call_repeated(world: World) -> None:
    """It took the claim for another worker's, and let the line wait until its own deadline."""
    world.go_on(world.submit(["a"]))
    worker = worker_of(world)
    world.go_on(worker, "Query")  # for the first slice; the claim comes next
    world.go_on(worker, "UpdateItem")
    worker.next_fault = Fault.REPEATED

    world.go_on(worker)

    assert status(world, "a") is Status.SENT
    world.calm()


def test_a_worker_that_takes_over_from_a_dead_one_knows_its_own_claim_as_well(world: World) -> None:
    world.go_on(world.submit(["a"]))
    dead = worker_of(world)
    world.go_on(dead, "MAIL")
    world.kill(dead)
    world.pass_time(150 * SECOND)
    worker = worker_of(world)
    world.go_on(worker, "Query")
    world.go_on(worker, "UpdateItem")
    world.go_on(worker, 1)
    assert worker.is_before("UpdateItem")  # the claim was found, and has run out
    worker.next_fault = Fault.REPEATED

    world.go_on(worker)

    assert status(world, "a") is Status.SENT
    world.calm()


def test_lines_are_opened_by_the_call_that_repeats_an_activation_cut_off_before_it_opened_them(world: World) -> None:
    """The second call found the tenant active, and left the lines closed for a quarter of an hour."""
    world.go_on(world.submit(["a"]))
    world.go_on(world.suspend(None))
    world.go_on(worker_of(world))
    assert head(world).is_blocked(world.clock())
    cut_off = world.activate(None)
    world.go_on(cut_off, "UpdateItem")
    world.go_on(cut_off, 1)
    world.kill(cut_off)
    assert head(world).is_blocked(world.clock())

    world.go_on(world.activate(None))

    assert not head(world).is_blocked(world.clock())
    world.go_on(worker_of(world))
    assert status(world, "a") is Status.SENT
    world.calm()


def test_lines_are_opened_by_the_call_that_repeats_switching_a_tenant_on(world: World) -> None:
    """As with the activation."""
    world.go_on(world.submit(["a"]))
    world.go_on(world.switch_tenant(active=False))
    world.go_on(worker_of(world))
    cut_off = world.switch_tenant(active=True)
    world.go_on(cut_off, "PutItem")
    world.go_on(cut_off, 1)
    world.kill(cut_off)

    world.go_on(world.switch_tenant(active=True))

    assert not head(world).is_blocked(world.clock())
    world.calm()


def test_a_worker_leaves_a_line_that_was_opened_while_its_wake_up_passed_into_other_hands(world: World) -> None:
    """Its wait was recorded too late, and it went on beside the worker that had come for the mended account."""
    world.go_on(world.submit(["a"]))
    world.relay.reactions.append(Reaction.CLOSES)
    first = worker_of(world)
    world.go_on(first, "reply")
    world.go_on(first, "ChangeMessageVisibility")
    world.go_on(first, 1)
    assert first.is_before("UpdateItem")  # the record of the wait
    world.pass_time(10 * SECOND)
    world.go_on(world.mend_account())
    second = worker_of(world)
    world.go_on(second, "MAIL")
    visited = head(world)

    world.go_on(first)

    assert head(world) == visited
    world.go_on(second)
    assert status(world, "a") is Status.SENT
    world.calm()


def test_a_lost_wake_up_delays_mail_by_no_more_than_two_minutes(world: World) -> None:
    world.go_on(world.submit(["a"]))
    world.lose_wake_ups()

    world.pass_time(MINUTE)
    world.go_on(world.make_round())
    world.go_on(worker_of(world))

    assert status(world, "a") is Status.SENT
    world.calm()


def test_mail_added_by_many_calls_wakes_its_line_once(world: World) -> None:
    for number in range(20):
        world.go_on(world.submit([f"m{number}"]))

    assert len(world.queues[LineKind.LOW].messages) == 1
    world.calm()


def test_mail_added_by_many_calls_while_a_worker_is_busy_wakes_its_line_once_more(world: World) -> None:
    world.go_on(world.submit(["a"]))
    busy = worker_of(world)
    world.go_on(busy, "MAIL")
    for number in range(20):
        world.go_on(world.submit([f"m{number}"]))

    assert len(world.queues[LineKind.LOW].messages) == 2  # that of the busy one, and the next
    world.go_on(busy)
    world.calm()
