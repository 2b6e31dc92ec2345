"""What a worker does with a wake-up, whatever the line's work is."""

from collections.abc import Callable

import pytest

from shared.aws.dynamodb import Table
from shared.clock import HOUR, MINUTE, SECOND
from shared.lines.attendance import (
    Attendant,
    Disposition,
    Drained,
    MustWait,
    OutOfTime,
    Rest,
    Visit,
    WaitBy,
)
from shared.lines.head import Heads
from shared.lines.lines import Lines
from shared.lines.wakeups import WakeUp
from tests.unit.clock import NOON, SettableClock
from tests.unit.shared.lines.lane import LINE, RecordingWakeUps, due_lines, head_item, head_of

HANDLE = "handle-1"
WAKE_UP = WakeUp(LINE, HANDLE)
DEADLINE = NOON + 110 * SECOND
COVER = 30 * SECOND


class Work:
    """Comes to rest as told, visit by visit; what happens meanwhile is told as well."""

    def __init__(self, *rests: Rest, meanwhile: Callable[[], object] | None = None) -> None:
        self._rests = list(rests)
        self._meanwhile = meanwhile
        self.visits: list[Visit] = []

    async def __call__(self, visit: Visit) -> Rest:
        self.visits.append(visit)
        if self._meanwhile is not None:
            self._meanwhile()
            self._meanwhile = None
        return self._rests.pop(0)


@pytest.fixture
def heads(messages: Table) -> Heads:
    return Heads(messages)


@pytest.fixture
def wake_ups() -> RecordingWakeUps:
    return RecordingWakeUps()


@pytest.fixture
def attendant(heads: Heads, wake_ups: RecordingWakeUps, clock: SettableClock) -> Attendant:
    return Attendant(heads, wake_ups, clock)


async def attend(attendant: Attendant, work: Work, wake_up: WakeUp = WAKE_UP) -> Disposition:
    return await attendant.attend(wake_up, work, deadline=DEADLINE)


async def test_a_drained_line_rests_and_its_wake_up_is_done_with(
    attendant: Attendant, heads: Heads, messages: Table
) -> None:
    heads.announce(LINE, NOON, NOON - MINUTE)
    work = Work(Drained(next_due=None))

    assert await attend(attendant, work) is Disposition.ACKNOWLEDGE

    assert head_of(messages).wake_at is None
    assert len(work.visits) == 1
    assert work.visits[0].deadline == DEADLINE


async def test_a_line_with_future_work_is_due_when_that_is(attendant: Attendant, heads: Heads, messages: Table) -> None:
    heads.announce(LINE, NOON, NOON - MINUTE)

    assert await attend(attendant, Work(Drained(next_due=NOON + HOUR))) is Disposition.ACKNOWLEDGE
    assert head_of(messages).wake_at == NOON + HOUR


async def test_before_anything_else_the_wake_up_is_held_beyond_the_deadline_and_the_head_covers_as_long(
    attendant: Attendant, heads: Heads, wake_ups: RecordingWakeUps, messages: Table
) -> None:
    heads.announce(LINE, NOON, NOON)
    seen: list[object] = []
    work = Work(Drained(next_due=None), meanwhile=lambda: seen.extend([list(wake_ups.held), head_of(messages).wake_at]))

    await attend(attendant, work)

    assert seen == [[(HANDLE, 110 * SECOND + COVER)], DEADLINE + COVER]


async def test_with_a_stale_handle_the_worker_leaves_at_once(
    attendant: Attendant, heads: Heads, wake_ups: RecordingWakeUps, messages: Table
) -> None:
    heads.announce(LINE, NOON, NOON)
    heads.record_wake_up(LINE, NOON)
    before = head_item(messages)
    wake_ups.stale.add(HANDLE)
    work = Work()

    assert await attend(attendant, work) is Disposition.GIVE_BACK

    assert work.visits == []
    assert head_item(messages) == before


async def test_a_wake_up_for_a_line_that_never_had_work_is_done_with(attendant: Attendant, messages: Table) -> None:
    work = Work()

    assert await attend(attendant, work) is Disposition.ACKNOWLEDGE
    assert work.visits == []
    assert head_item(messages) == {}


async def test_work_announced_during_the_visit_is_looked_for(attendant: Attendant, heads: Heads) -> None:
    heads.announce(LINE, NOON, NOON - MINUTE)
    work = Work(
        Drained(next_due=None),
        Drained(next_due=None),
        meanwhile=lambda: heads.announce(LINE, NOON, NOON),
    )

    assert await attend(attendant, work) is Disposition.ACKNOWLEDGE
    assert [visit.head.seq for visit in work.visits] == [1, 2]


async def test_a_worker_out_of_time_hands_over_with_a_fresh_wake_up(
    attendant: Attendant, heads: Heads, wake_ups: RecordingWakeUps, messages: Table
) -> None:
    heads.announce(LINE, NOON, NOON)
    heads.record_wake_up(LINE, NOON)

    assert await attend(attendant, Work(OutOfTime())) is Disposition.ACKNOWLEDGE

    assert wake_ups.sent == [LINE]
    assert head_item(messages)["woken_at"] == NOON
    assert head_of(messages).wake_at == NOON + MINUTE  # should it get lost


async def test_a_worker_out_of_time_sends_no_second_wake_up_beside_one_sent_since_it_came(
    attendant: Attendant, heads: Heads, wake_ups: RecordingWakeUps
) -> None:
    """Each visit of a busy line would add one: lines.md has about one in the queue, however much is added."""
    heads.announce(LINE, NOON, NOON)

    await attend(attendant, Work(OutOfTime(), meanwhile=lambda: heads.record_wake_up(LINE, NOON)))

    assert wake_ups.sent == []


async def test_a_busy_line_has_about_one_wake_up_queued_however_long_it_is_busy(
    attendant: Attendant, heads: Heads, wake_ups: RecordingWakeUps, clock: SettableClock
) -> None:
    """Work is added every ten seconds while visits last for longer than a wake-up is waited for, and the scheduler
    looks each minute."""
    lines, seconds = Lines(heads, wake_ups, clock), 0

    def add_work() -> None:
        nonlocal seconds
        for _ in range(11):
            clock.advance(10 * SECOND)
            seconds += 10
            lines.announce(LINE, clock())
            lines.wake(LINE)
            if seconds % 60 == 0:
                wake_ups.sent += [LINE] * len(due_lines(heads, clock()))

    lines.announce(LINE, clock())
    lines.wake(LINE)
    for visit in range(8):
        assert len(wake_ups.sent) - visit in (1, 2)
        await attendant.attend(WAKE_UP, Work(OutOfTime(), meanwhile=add_work), deadline=clock() + 110 * SECOND)


async def test_a_line_that_waits_with_its_wake_up_held_is_sent_no_others(
    attendant: Attendant, heads: Heads, wake_ups: RecordingWakeUps, clock: SettableClock
) -> None:
    lines = Lines(heads, wake_ups, clock)
    for _ in range(5):
        lines.announce(LINE, clock())
        wait = MustWait(clock() + 50 * SECOND, "the relay is away")
        held = await attendant.attend(WAKE_UP, Work(wait), deadline=clock() + 110 * SECOND)
        assert held is Disposition.GIVE_BACK
        for _ in range(5):
            clock.advance(10 * SECOND)
            lines.wake(LINE)
    assert wake_ups.sent == []


@pytest.mark.parametrize("rest", [OutOfTime(), Drained(next_due=None)])
async def test_a_line_that_got_through_counts_its_waits_anew(
    attendant: Attendant, heads: Heads, messages: Table, rest: Rest
) -> None:
    heads.announce(LINE, NOON, NOON)
    heads.record_wait(LINE, head_of(messages), until=NOON, waits=5, held="handle")

    await attend(attendant, Work(rest))

    assert head_of(messages).waits == 0


@pytest.mark.parametrize("duration", [1, SECOND, 59 * SECOND, MINUTE])
async def test_a_short_wait_holds_the_wake_up_and_gives_it_back(
    attendant: Attendant, heads: Heads, wake_ups: RecordingWakeUps, messages: Table, duration: int
) -> None:
    heads.announce(LINE, NOON, NOON)

    assert await attend(attendant, Work(MustWait(NOON + duration, "the relay is down"))) is Disposition.GIVE_BACK

    assert wake_ups.held[-1] == (HANDLE, duration)
    assert wake_ups.sent == []
    assert head_of(messages).wake_at == NOON + duration + MINUTE
    assert head_of(messages).blocked_until is None
    assert head_of(messages).waits == 1
    assert head_of(messages).reason == "the relay is down"
    assert head_of(messages).waits_until(NOON) == NOON + duration


async def test_a_long_wait_is_kept_by_the_head_and_the_wake_up_is_done_with(
    attendant: Attendant, heads: Heads, wake_ups: RecordingWakeUps, messages: Table
) -> None:
    heads.announce(LINE, NOON, NOON)
    until = NOON + MINUTE + 1

    assert await attend(attendant, Work(MustWait(until, "the relay is down"))) is Disposition.ACKNOWLEDGE

    assert head_of(messages).blocked_until == until
    assert head_of(messages).wake_at == until
    assert head_of(messages).reason == "the relay is down"
    assert (head_of(messages).waits_until(until - 1), head_of(messages).waits_until(until)) == (until, None)
    assert len(wake_ups.held) == 1


async def test_a_wait_can_be_by_visibility_however_long(
    attendant: Attendant, heads: Heads, wake_ups: RecordingWakeUps, messages: Table
) -> None:
    heads.announce(LINE, NOON, NOON)
    wait = MustWait(NOON + 2 * MINUTE, "another worker's claim", by=WaitBy.VISIBILITY)

    assert await attend(attendant, Work(wait)) is Disposition.GIVE_BACK

    assert wake_ups.held[-1] == (HANDLE, 2 * MINUTE)
    assert head_of(messages).blocked_until is None


async def test_a_wait_can_be_by_the_head_however_short(attendant: Attendant, heads: Heads, messages: Table) -> None:
    heads.announce(LINE, NOON, NOON)

    assert await attend(attendant, Work(MustWait(NOON + SECOND, "x", by=WaitBy.HEAD))) is Disposition.ACKNOWLEDGE
    assert head_of(messages).blocked_until == NOON + SECOND


async def test_waits_in_a_row_are_counted_and_begin_anew_after_progress(
    attendant: Attendant, heads: Heads, messages: Table
) -> None:
    heads.announce(LINE, NOON, NOON)
    for expected in (1, 2, 3):
        await attend(attendant, Work(MustWait(NOON + SECOND, "down")))
        assert head_of(messages).waits == expected

    await attend(attendant, Work(MustWait(NOON + SECOND, "down again", progressed=True)))
    assert head_of(messages).waits == 1


async def test_a_line_unblocked_while_it_was_worked_is_tried_again_at_once(
    attendant: Attendant, heads: Heads, messages: Table
) -> None:
    heads.announce(LINE, NOON, NOON - MINUTE)
    work = Work(
        MustWait(NOON + HOUR, "wrong password"),
        Drained(next_due=None),
        meanwhile=lambda: heads.unblock(LINE, NOON),
    )

    assert await attend(attendant, work) is Disposition.ACKNOWLEDGE

    assert [visit.head.unblocks for visit in work.visits] == [0, 1]
    assert head_of(messages).blocked_until is None
    assert head_of(messages).wake_at is None


async def test_a_blocked_line_is_not_tried_and_a_short_rest_of_the_block_is_held(
    attendant: Attendant, heads: Heads, wake_ups: RecordingWakeUps, messages: Table
) -> None:
    heads.announce(LINE, NOON, NOON)
    head = head_of(messages)
    heads.block(LINE, head, until=NOON + 20 * SECOND, waits=1)
    work = Work()

    assert await attend(attendant, work) is Disposition.GIVE_BACK

    assert work.visits == []
    assert wake_ups.held[-1] == (HANDLE, 20 * SECOND)


async def test_a_blocked_line_is_not_tried_and_the_end_of_a_long_block_wakes_it(
    attendant: Attendant, heads: Heads, messages: Table
) -> None:
    heads.announce(LINE, NOON, NOON)
    heads.block(LINE, head_of(messages), until=NOON + HOUR, waits=4)
    work = Work()

    assert await attend(attendant, work) is Disposition.ACKNOWLEDGE

    assert work.visits == []
    assert head_of(messages).wake_at == NOON + HOUR
    assert head_of(messages).blocked_until == NOON + HOUR
    assert head_of(messages).waits == 4


async def test_a_block_that_has_ended_keeps_nobody_off(attendant: Attendant, heads: Heads, messages: Table) -> None:
    heads.announce(LINE, NOON, NOON - HOUR)
    heads.block(LINE, head_of(messages), until=NOON, waits=4)
    work = Work(Drained(next_due=None))

    assert await attend(attendant, work) is Disposition.ACKNOWLEDGE
    assert len(work.visits) == 1


async def test_a_wake_up_that_outlived_its_hold_leaves_the_rest_to_the_head(
    attendant: Attendant, heads: Heads, wake_ups: RecordingWakeUps, messages: Table
) -> None:
    heads.announce(LINE, NOON, NOON)
    work = Work(MustWait(NOON + 30 * SECOND, "down"), meanwhile=lambda: wake_ups.stale.add(HANDLE))

    assert await attend(attendant, work) is Disposition.GIVE_BACK
    assert head_of(messages).wake_at == NOON + 90 * SECOND
