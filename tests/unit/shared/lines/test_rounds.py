"""The scheduler's round."""

import pytest

from shared.aws.dynamodb import Table
from shared.aws.sqs import FifoQueue
from shared.clock import DAY, HOUR, MINUTE, SECOND
from shared.errors import StorageError
from shared.lines.head import Heads
from shared.lines.line import LANES, LineKind, account_line, reports_line
from shared.lines.rounds import RoundResult, Rounds, Sweep
from shared.lines.wakeups import WakeUps
from tests.unit.clock import NOON, SettableClock
from tests.unit.shared.lines.lane import LINE, FailingQueue, due_lines, head_of, queued

LATER = NOON + 55 * SECOND
ALL = Sweep.of_all(NOON)
DONE = Sweep(NOON, {})


@pytest.fixture
def heads(messages: Table) -> Heads:
    return Heads(messages)


@pytest.fixture
def rounds(heads: Heads, queues: dict[LineKind, FifoQueue], clock: SettableClock) -> Rounds:
    return Rounds(heads, WakeUps(queues), clock)


def announce(heads: Heads, *accounts: str, lane: LineKind = LineKind.MEDIUM) -> None:
    """Lines that are due now."""
    for account in accounts:
        heads.announce(account_line(lane, "acme", account), NOON, NOON - MINUTE)


def test_every_line_that_is_due_is_woken_once_and_moves_a_minute_on(
    rounds: Rounds, heads: Heads, messages: Table, queue_urls: dict[LineKind, str]
) -> None:
    names = [f"a{number}" for number in range(35)]
    announce(heads, *names)

    assert rounds.make(ALL, deadline=LATER) == RoundResult(woken=35, blocked=0, failed=0, left=DONE)

    assert sorted(line.account_id for line in queued(queue_urls[LineKind.MEDIUM])) == sorted(names)
    for name in names:
        assert head_of(messages, account_line(LineKind.MEDIUM, "acme", name)).wake_at == NOON + MINUTE


def test_each_kind_of_line_is_woken_in_its_own_queue(
    rounds: Rounds, heads: Heads, queue_urls: dict[LineKind, str]
) -> None:
    lines = [*(account_line(lane, "acme", "main") for lane in LANES), reports_line("acme")]
    for line in lines:
        heads.announce(line, NOON, NOON - MINUTE)

    rounds.make(ALL, deadline=LATER)

    for line in lines:
        assert queued(queue_urls[line.kind]) == [line]


def test_what_is_not_due_is_left_alone(
    rounds: Rounds, heads: Heads, messages: Table, queue_urls: dict[LineKind, str]
) -> None:
    heads.announce(LINE, NOON + 1, NOON)

    assert rounds.make(ALL, deadline=LATER).woken == 0
    assert queued(queue_urls[LineKind.MEDIUM]) == []
    assert head_of(messages).wake_at == NOON + MINUTE


def test_a_line_that_nobody_works_is_woken_again_each_minute(
    rounds: Rounds, heads: Heads, clock: SettableClock, queue_urls: dict[LineKind, str]
) -> None:
    announce(heads, "main")

    woken = []
    for _ in range(3):
        woken.append(rounds.make(Sweep.of_all(clock()), deadline=clock() + MINUTE).woken)
        clock.advance(MINUTE)

    assert woken == [1, 1, 1]
    assert queued(queue_urls[LineKind.MEDIUM]) == [LINE] * 3


def test_a_blocked_line_only_moves_to_the_end_of_its_block(
    rounds: Rounds, heads: Heads, messages: Table, queue_urls: dict[LineKind, str]
) -> None:
    heads.announce(LINE, NOON, NOON - MINUTE)
    heads.block(LINE, head_of(messages), until=NOON + HOUR, waits=1)
    heads.announce(LINE, NOON, NOON - MINUTE)

    assert rounds.make(ALL, deadline=LATER) == RoundResult(woken=0, blocked=1, failed=0, left=DONE)

    assert head_of(messages).wake_at == NOON + HOUR
    assert queued(queue_urls[LineKind.MEDIUM]) == []


def test_a_line_is_woken_when_its_block_ends(
    rounds: Rounds, heads: Heads, messages: Table, clock: SettableClock, queue_urls: dict[LineKind, str]
) -> None:
    heads.announce(LINE, NOON, NOON)
    heads.block(LINE, head_of(messages), until=NOON + HOUR, waits=1)
    clock.advance(HOUR)

    assert rounds.make(Sweep.of_all(clock()), deadline=clock() + MINUTE).woken == 1
    assert queued(queue_urls[LineKind.MEDIUM]) == [LINE]


def test_a_head_that_changed_since_it_was_seen_keeps_its_new_time(
    heads: Heads, messages: Table, queues: dict[LineKind, FifoQueue], clock: SettableClock
) -> None:
    """A worker began, or unblocked, between the look at the index and the write."""

    class WorkerComesFirst(WakeUps):
        def send_all(self, lines: object) -> None:
            super().send_all([LINE])
            heads.visit(LINE, wake_at=NOON + DAY)

    announce(heads, "main")

    Rounds(heads, WorkerComesFirst(queues), clock).make(ALL, deadline=LATER)

    assert head_of(messages).wake_at == NOON + DAY


@pytest.mark.parametrize("unreachable", [LineKind.IMMEDIATE, LineKind.MEDIUM, LineKind.REPORTS])
def test_a_queue_that_cannot_be_reached_loses_nothing_and_holds_up_no_other(
    heads: Heads,
    queues: dict[LineKind, FifoQueue],
    queue_urls: dict[LineKind, str],
    clock: SettableClock,
    unreachable: LineKind,
) -> None:
    kinds = (LineKind.IMMEDIATE, LineKind.MEDIUM, LineKind.REPORTS)
    for kind in kinds:
        announce(heads, "main", lane=kind)
    broken = queues | {unreachable: FailingQueue()}

    result = Rounds(heads, WakeUps(broken), clock).make(ALL, deadline=LATER)

    assert result == RoundResult(woken=2, blocked=0, failed=1, left=DONE)
    line = account_line(unreachable, "acme", "main")
    assert due_lines(heads, NOON, line) == [line]
    assert Rounds(heads, WakeUps(queues), clock).make(ALL, deadline=LATER).woken == 1
    assert [len(queued(queue_urls[kind])) for kind in kinds] == [1, 1, 1]


def test_a_queue_that_is_gone_holds_up_no_other(
    heads: Heads, queues: dict[LineKind, FifoQueue], clock: SettableClock
) -> None:
    """Not every refusal of SQS is one that passes."""

    class Gone(FailingQueue):
        def send_batch(self, messages: object) -> None:
            raise StorageError("SQS SendMessageBatch: QueueDoesNotExist")

    announce(heads, "main", lane=LineKind.IMMEDIATE)
    announce(heads, "main", lane=LineKind.LOW)

    result = Rounds(heads, WakeUps(queues | {LineKind.IMMEDIATE: Gone()}), clock).make(ALL, deadline=LATER)

    assert (result.woken, result.failed) == (1, 1)


def test_what_time_does_not_suffice_for_is_left(rounds: Rounds, heads: Heads) -> None:
    announce(heads, *(f"a{number}" for number in range(20)))

    result = rounds.make(ALL, deadline=NOON)

    assert (result.woken, result.left) == (0, ALL)
    assert rounds.make(result.left, deadline=LATER).woken == 20


def test_a_line_of_a_kind_that_only_a_later_version_knows_holds_up_no_other(
    rounds: Rounds, heads: Heads, messages: Table
) -> None:
    announce(heads, "main")
    newer = messages.get(LINE.head_key)
    assert newer is not None
    messages.put(newer | {"pk": "LINE#newer#acme", "kind": "newer", "wake_at": NOON - 1})

    assert rounds.make(ALL, deadline=LATER).woken == 1


def test_a_round_without_anything_due_is_complete(rounds: Rounds) -> None:
    assert rounds.make(ALL, deadline=LATER) == RoundResult(woken=0, blocked=0, failed=0, left=DONE)
