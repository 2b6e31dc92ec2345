"""The scheduler's own work: done, gone on with, left to the next round; and lines opened after a pause."""

from collections.abc import Callable

import pytest

from shared.aws.dynamodb import Table
from shared.aws.sqs import FifoQueue
from shared.clock import MINUTE, SECOND
from shared.errors import StorageUnavailable
from shared.lines.chores import Chores
from shared.lines.head import Heads
from shared.lines.line import Line, LineKind, account_line, activation_line, reports_line, resumption_line
from shared.lines.lines import Lines
from shared.lines.resumption import Resumption
from shared.lines.rounds import Rounds, Sweep
from shared.lines.wakeups import WakeUps
from tests.unit.clock import NOON, SettableClock
from tests.unit.shared.lines.lane import head_item, head_of, queued

CHORE = activation_line("acme", "x")
LATER = NOON + 10 * MINUTE


@pytest.fixture
def heads(messages: Table) -> Heads:
    return Heads(messages)


@pytest.fixture
def lines(heads: Heads, queues: dict[LineKind, FifoQueue], clock: SettableClock) -> Lines:
    return Lines(heads, WakeUps(queues), clock)


def chores(heads: Heads, clock: SettableClock, chore: Callable[[Line, int], bool]) -> Chores:
    return Chores(heads, {LineKind.ACTIVATION: chore}, clock)


def test_a_round_hands_them_out_and_wakes_nobody(
    heads: Heads, queues: dict[LineKind, FifoQueue], queue_urls: dict[LineKind, str], clock: SettableClock
) -> None:
    for line in (CHORE, resumption_line(), account_line(LineKind.LOW, "acme", "main")):
        heads.announce(line, NOON, NOON - 2 * MINUTE)
    result = Rounds(heads, WakeUps(queues), clock).make(Sweep.of_all(NOON), deadline=LATER)
    assert set(result.chores) == {CHORE, resumption_line()}
    assert (result.woken, result.failed, result.left.is_done) == (1, 0, True)
    assert sum(len(queued(url)) for url in queue_urls.values()) == 1


def test_one_that_is_done_rests_once_nobody_can_be_adding_to_it(
    heads: Heads, messages: Table, clock: SettableClock
) -> None:
    heads.announce(CHORE, NOON, NOON)
    doing = chores(heads, clock, lambda _line, _deadline: True)
    assert doing.do([CHORE], deadline=LATER) == ()
    assert head_of(messages, CHORE).wake_at == NOON + MINUTE
    clock.advance(MINUTE)
    assert doing.do([CHORE], deadline=LATER) == ()
    assert "wake_at" not in head_item(messages, CHORE)


def test_one_that_is_not_done_is_due_again_at_once(heads: Heads, messages: Table, clock: SettableClock) -> None:
    heads.announce(CHORE, NOON, NOON)

    def unfinished(_line: Line, deadline: int) -> bool:
        clock.now = deadline
        return False

    assert chores(heads, clock, unfinished).do([CHORE], deadline=NOON + 50 * SECOND) == (CHORE,)
    assert head_of(messages, CHORE).wake_at == NOON + 50 * SECOND


def test_one_that_fails_is_due_again_in_a_minute(heads: Heads, messages: Table, clock: SettableClock) -> None:
    heads.announce(CHORE, NOON, NOON)

    def failing(_line: Line, _deadline: int) -> bool:
        raise StorageUnavailable("throttled")

    assert chores(heads, clock, failing).do([CHORE], deadline=NOON + 50 * SECOND) == (CHORE,)
    assert head_of(messages, CHORE).wake_at == NOON + 50 * SECOND + MINUTE


def test_one_whose_tenant_is_gone_is_done(heads: Heads, messages: Table, clock: SettableClock) -> None:
    assert chores(heads, clock, lambda _line, _deadline: False).do([CHORE], deadline=LATER) == ()
    assert head_item(messages, CHORE) == {}


def test_those_that_were_not_begun_go_before_those_that_were(heads: Heads, clock: SettableClock) -> None:
    """So that a long one does not keep the others from their time."""
    first, second, third = (activation_line("acme", name) for name in ("x", "y", "z"))
    for line in (first, second, third):
        heads.announce(line, NOON, NOON)

    def unfinished(_line: Line, _deadline: int) -> bool:
        clock.advance(30 * SECOND)
        return False

    left = chores(heads, clock, unfinished).do([first, second, third], deadline=NOON + MINUTE)
    assert left == (third, first, second)


def test_none_is_begun_after_the_deadline(heads: Heads, messages: Table, clock: SettableClock) -> None:
    heads.announce(CHORE, NOON, NOON)
    begun: list[Line] = []

    def slow(line: Line, _deadline: int) -> bool:
        begun.append(line)
        clock.advance(MINUTE)
        return True

    other = activation_line("acme", "y")
    assert chores(heads, clock, slow).do([CHORE, other], deadline=NOON + MINUTE) == (other,)
    assert begun == [CHORE]


def test_after_a_pause_the_blocked_lines_are_opened_and_no_others(
    heads: Heads, lines: Lines, messages: Table, queue_urls: dict[LineKind, str], clock: SettableClock
) -> None:
    blocked = [account_line(kind, "acme", "main") for kind in (LineKind.HIGH, LineKind.LOW)]
    others = [account_line(LineKind.MEDIUM, "acme", "main"), reports_line("acme")]
    for line in (*blocked, *others):
        heads.announce(line, NOON, NOON)
    for line in (*blocked, reports_line("acme")):
        heads.block(line, head_of(messages, line), until=NOON + 15 * MINUTE, waits=1)
    before = [head_item(messages, line) for line in others]

    assert Resumption(heads, lines, clock).open_lines(resumption_line(), LATER)

    assert [head_item(messages, line) for line in others] == before
    for line in blocked:
        assert "blocked_until" not in head_item(messages, line)
        assert queued(queue_urls[line.kind]) == [line]


def test_opening_stops_at_the_deadline_and_goes_on_with_what_is_left(
    heads: Heads, lines: Lines, messages: Table, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = [account_line(LineKind.LOW, "acme", f"a{number}") for number in range(3)]
    for line in blocked:
        heads.announce(line, NOON, NOON)
        heads.block(line, head_of(messages, line), until=NOON + 15 * MINUTE, waits=1)
    unblock = Lines.unblock

    def slow(self: Lines, opened: list[Line]) -> None:
        clock.advance(SECOND)
        unblock(self, opened)

    monkeypatch.setattr(Lines, "unblock", slow)
    resumption = Resumption(heads, lines, clock)
    assert not resumption.open_lines(resumption_line(), NOON + 2 * SECOND)
    assert sum("blocked_until" in head_item(messages, line) for line in blocked) == 1
    assert resumption.open_lines(resumption_line(), LATER)
    assert not any("blocked_until" in head_item(messages, line) for line in blocked)
