"""The head of a line, step by step."""

from collections.abc import Callable

import pytest

from shared.aws.attributes import Item
from shared.aws.dynamodb import Table, Update
from shared.clock import DAY, HOUR, MINUTE, SECOND
from shared.lines.head import Head, Heads
from shared.lines.line import LineKind, account_line, reports_line
from tests.unit.clock import NOON
from tests.unit.shared.lines.lane import LINE, due_lines, head_item, head_of


@pytest.fixture
def heads(messages: Table) -> Heads:
    return Heads(messages)


def visited(heads: Heads, until: int = NOON + 150 * SECOND) -> Head:
    head = heads.visit(LINE, wake_at=until)
    assert head is not None
    return head


class Interrupted(Table):
    """A table in whose calls something else happens first: once, before the call of that number."""

    def __init__(self, table: Table, before: int, happens: Callable[[], object]) -> None:
        super().__init__(table._service, table.name)
        self._before = before
        self._happens = happens

    def update(self, change: Update) -> Item:
        self._before -= 1
        if self._before == 0:
            self._happens()
        return super().update(change)


class TestAnnouncing:
    def test_the_first_announcement_makes_the_line_due_in_a_minute(self, heads: Heads, messages: Table) -> None:
        heads.announce(LINE, NOON, NOON)

        assert head_of(messages).wake_at == NOON + MINUTE
        assert head_of(messages).seq == 1
        assert head_of(messages).announced_at == NOON
        assert due_lines(heads, NOON + MINUTE) == [LINE]
        assert due_lines(heads, NOON + MINUTE - 1) == []

    def test_work_of_the_future_makes_the_line_due_when_it_is(self, heads: Heads, messages: Table) -> None:
        heads.announce(LINE, NOON + HOUR, NOON)

        assert head_of(messages).wake_at == NOON + HOUR

    def test_an_announcement_lowers_the_time_and_never_raises_it(self, heads: Heads, messages: Table) -> None:
        heads.announce(LINE, NOON + HOUR, NOON)
        heads.announce(LINE, NOON + DAY, NOON + 1)
        assert head_of(messages).wake_at == NOON + HOUR

        heads.announce(LINE, NOON, NOON + 2)
        assert head_of(messages).wake_at == NOON + 2 + MINUTE

        heads.announce(LINE, NOON, NOON + 30 * SECOND)
        assert head_of(messages).wake_at == NOON + 2 + MINUTE

    def test_every_announcement_is_counted_and_dated(self, heads: Heads, messages: Table) -> None:
        for step in range(5):
            heads.announce(LINE, NOON, NOON + step)

        assert head_of(messages).seq == 5
        assert head_of(messages).announced_at == NOON + 4

    def test_an_announcement_opens_no_blocked_line(self, heads: Heads, messages: Table) -> None:
        heads.announce(LINE, NOON, NOON)
        heads.block(LINE, visited(heads), until=NOON + HOUR, waits=1)
        heads.announce(LINE, NOON, NOON + 1)

        assert head_of(messages).blocked_until == NOON + HOUR

    def test_a_worker_that_settles_in_the_middle_of_an_announcement_cannot_put_the_line_to_rest(
        self, heads: Heads, messages: Table
    ) -> None:
        """Else the work about to be written would be woken by nothing but the wake-up, which may get lost."""
        heads.announce(LINE, NOON, NOON)
        head = visited(heads, until=NOON + MINUTE)
        now = NOON + 50 * SECOND

        def settle() -> None:
            assert heads.settle(LINE, head, next_due=None, now=now) is None

        Heads(Interrupted(messages, before=2, happens=settle)).announce(LINE, now, now)

        assert head_of(messages).seq == 2
        assert head_of(messages).wake_at == now + MINUTE

    def test_lines_have_heads_of_their_own(self, heads: Heads, messages: Table) -> None:
        others = [
            account_line(LineKind.HIGH, "acme", "main"),
            account_line(LineKind.MEDIUM, "acme", "other"),
            account_line(LineKind.MEDIUM, "acme2", "main"),
            reports_line("acme"),
        ]
        heads.announce(LINE, NOON, NOON)

        assert all(head_item(messages, other) == {} for other in others)


class TestRecordingAWakeUp:
    def test_one_is_to_be_sent_and_then_none_until_a_worker_looks(self, heads: Heads) -> None:
        heads.announce(LINE, NOON, NOON)

        assert heads.record_wake_up(LINE, NOON) is True
        assert heads.record_wake_up(LINE, NOON + 1) is False
        assert heads.record_wake_up(LINE, NOON + MINUTE) is False

    def test_after_a_minute_the_last_one_is_taken_for_lost(self, heads: Heads) -> None:
        heads.announce(LINE, NOON, NOON)
        heads.record_wake_up(LINE, NOON)

        assert heads.record_wake_up(LINE, NOON + MINUTE + 1) is True
        assert heads.record_wake_up(LINE, NOON + MINUTE + 2) is False

    def test_once_a_worker_has_looked_another_one_is_to_be_sent(self, heads: Heads) -> None:
        heads.announce(LINE, NOON, NOON)
        heads.record_wake_up(LINE, NOON)
        visited(heads)

        assert heads.record_wake_up(LINE, NOON + 1) is True

    def test_none_is_to_be_sent_while_the_line_is_blocked(self, heads: Heads) -> None:
        heads.announce(LINE, NOON, NOON)
        heads.block(LINE, visited(heads), until=NOON + HOUR, waits=1)

        assert heads.record_wake_up(LINE, NOON + HOUR - 1) is False
        assert heads.record_wake_up(LINE, NOON + HOUR) is True


class TestVisiting:
    def test_a_visit_covers_the_worker_and_forgets_the_wake_up(self, heads: Heads, messages: Table) -> None:
        heads.announce(LINE, NOON, NOON)
        heads.record_wake_up(LINE, NOON)

        head = heads.visit(LINE, wake_at=NOON + 150 * SECOND)

        assert head is not None
        assert (head.seq, head.announced_at, head.blocked_until, head.unblocks, head.waits) == (1, NOON, None, 0, 0)
        assert head_of(messages).wake_at == NOON + 150 * SECOND
        assert "woken_at" not in head_item(messages)
        assert due_lines(heads, NOON + 150 * SECOND) == [LINE]

    def test_a_visit_brings_a_settled_line_back_into_the_index(self, heads: Heads) -> None:
        heads.announce(LINE, NOON, NOON - HOUR)
        heads.settle(LINE, visited(heads), next_due=None, now=NOON)
        visited(heads, until=NOON + MINUTE)

        assert due_lines(heads, NOON + MINUTE) == [LINE]

    def test_a_line_that_nobody_announced_is_not_brought_into_being(self, heads: Heads, messages: Table) -> None:
        assert heads.visit(LINE, wake_at=NOON) is None
        assert head_item(messages) == {}


class TestSettling:
    def test_an_empty_line_leaves_the_index(self, heads: Heads, messages: Table) -> None:
        heads.announce(LINE, NOON, NOON)
        head = visited(heads)

        assert heads.settle(LINE, head, next_due=None, now=NOON + 36 * SECOND) is None

        assert head_of(messages).wake_at is None
        assert "due_shard" not in head_item(messages)
        assert due_lines(heads, NOON + DAY) == []
        assert head_of(messages).seq == 1

    def test_a_line_with_future_work_only_is_due_when_that_is(self, heads: Heads, messages: Table) -> None:
        heads.announce(LINE, NOON, NOON)

        assert heads.settle(LINE, visited(heads), next_due=NOON + HOUR, now=NOON + 36 * SECOND) is None
        assert head_of(messages).wake_at == NOON + HOUR

    @pytest.mark.parametrize(("kind", "grace"), [(LineKind.MEDIUM, 35 * SECOND), (LineKind.REPORTS, 60 * SECOND)])
    def test_while_announced_work_may_be_on_its_way_the_line_stays_due_within_a_minute(
        self, heads: Heads, messages: Table, kind: LineKind, grace: int
    ) -> None:
        line = account_line(kind, "acme", "main")
        heads.announce(line, NOON, NOON)
        head = heads.visit(line, wake_at=NOON + 150 * SECOND)
        assert head is not None
        now = NOON + grace

        assert heads.settle(line, head, next_due=None, now=now) is None
        assert head_of(messages, line).wake_at == now + MINUTE

        assert heads.settle(line, head, next_due=None, now=now + 1) is None
        assert head_of(messages, line).wake_at is None

    def test_future_work_is_not_put_off_by_what_may_be_on_its_way(self, heads: Heads, messages: Table) -> None:
        heads.announce(LINE, NOON, NOON)

        heads.settle(LINE, visited(heads), next_due=NOON + 10 * SECOND, now=NOON + SECOND)

        assert head_of(messages).wake_at == NOON + 10 * SECOND

    def test_the_cover_of_a_worker_is_never_raised_by_settling(self, heads: Heads, messages: Table) -> None:
        heads.announce(LINE, NOON, NOON)

        heads.settle(LINE, visited(heads, until=NOON + 5 * SECOND), next_due=None, now=NOON + SECOND)

        assert head_of(messages).wake_at == NOON + 5 * SECOND

    def test_work_announced_since_the_visit_is_met(self, heads: Heads) -> None:
        heads.announce(LINE, NOON, NOON)
        head = visited(heads)
        heads.announce(LINE, NOON, NOON + SECOND)

        met = heads.settle(LINE, head, next_due=None, now=NOON + HOUR)

        assert met is not None
        assert met.seq == 2
        assert heads.settle(LINE, met, next_due=None, now=NOON + HOUR) is None

    def test_a_line_that_got_through_counts_its_waits_anew(self, heads: Heads, messages: Table) -> None:
        heads.announce(LINE, NOON, NOON)
        heads.record_wait(LINE, visited(heads), until=NOON + MINUTE, waits=7, held="handle")

        heads.settle(LINE, visited(heads), next_due=None, now=NOON + HOUR)

        assert head_of(messages).waits == 0

    def test_a_line_that_got_through_counts_its_waits_anew_even_while_work_is_on_its_way(
        self, heads: Heads, messages: Table
    ) -> None:
        """A busy line is never quiet: it would carry its waits on, and block for hours at the next short failure."""
        heads.announce(LINE, NOON, NOON)
        heads.record_wait(LINE, visited(heads), until=NOON + MINUTE, waits=7, held="handle")

        heads.settle(LINE, visited(heads), next_due=None, now=NOON + SECOND)

        assert head_of(messages).waits == 0


class TestWaiting:
    def test_a_wait_by_visibility_is_covered_and_counted(self, heads: Heads, messages: Table) -> None:
        heads.announce(LINE, NOON, NOON)
        head = visited(heads)

        assert heads.record_wait(LINE, head, until=NOON + 30 * SECOND, waits=3, held="handle")

        assert head_of(messages).wake_at == NOON + 90 * SECOND
        assert head_of(messages).waits == 3
        assert head_of(messages).held == "handle"
        assert head_of(messages).blocked_until is None

    def test_a_wait_by_visibility_is_refused_when_the_line_was_unblocked_meanwhile(self, heads: Heads) -> None:
        heads.announce(LINE, NOON, NOON)
        head = visited(heads)
        heads.unblock(LINE, NOON)

        assert not heads.record_wait(LINE, head, until=NOON + MINUTE, waits=1, held="handle")

    def test_a_visit_forgets_the_wake_up_that_was_held(self, heads: Heads, messages: Table) -> None:
        heads.announce(LINE, NOON, NOON)
        heads.record_wait(LINE, visited(heads), until=NOON + MINUTE, waits=1, held="handle")

        visited(heads)

        assert head_of(messages).held is None

    def test_a_blocked_line_is_due_when_its_block_ends(self, heads: Heads, messages: Table) -> None:
        heads.announce(LINE, NOON, NOON)

        assert heads.block(LINE, visited(heads), until=NOON + HOUR, waits=2) is True

        head = head_of(messages)
        assert (head.blocked_until, head.wake_at, head.waits) == (NOON + HOUR, NOON + HOUR, 2)
        assert head.is_blocked(NOON + HOUR - 1)
        assert not head.is_blocked(NOON + HOUR)

    def test_a_worker_cannot_block_a_line_that_was_unblocked_since_it_looked(
        self, heads: Heads, messages: Table
    ) -> None:
        heads.announce(LINE, NOON, NOON)
        head = visited(heads)
        heads.unblock(LINE, NOON + SECOND)

        assert heads.block(LINE, head, until=NOON + HOUR, waits=1) is False
        assert head_of(messages).blocked_until is None

        assert heads.block(LINE, visited(heads), until=NOON + HOUR, waits=1) is True

    def test_unblocking_opens_the_line_and_makes_it_due_at_once(self, heads: Heads, messages: Table) -> None:
        heads.announce(LINE, NOON, NOON)
        heads.block(LINE, visited(heads), until=NOON + HOUR, waits=5)

        assert heads.unblock(LINE, NOON + SECOND) is not None

        head = head_of(messages)
        assert (head.blocked_until, head.wake_at, head.waits, head.unblocks) == (None, NOON + SECOND, 1, 1)
        assert heads.record_wake_up(LINE, NOON + SECOND) is True

    def test_unblocking_brings_no_line_into_being(self, heads: Heads, messages: Table) -> None:
        assert heads.unblock(LINE, NOON) is None
        assert head_item(messages) == {}

    def test_the_end_of_a_block_is_covered_only_while_it_stands(self, heads: Heads, messages: Table) -> None:
        heads.announce(LINE, NOON, NOON)
        heads.block(LINE, visited(heads), until=NOON + HOUR, waits=1)
        visited(heads, until=NOON + MINUTE)

        heads.cover_block(LINE, NOON + HOUR)
        assert head_of(messages).wake_at == NOON + HOUR

        heads.unblock(LINE, NOON + SECOND)
        heads.cover_block(LINE, NOON + HOUR)
        assert head_of(messages).wake_at == NOON + SECOND


class TestTheDueIndex:
    def test_lines_are_found_by_shard_the_longest_due_first(self, heads: Heads) -> None:
        lines = [account_line(LineKind.MEDIUM, "acme", f"a{number}") for number in range(40)]
        for position, line in enumerate(lines):
            heads.announce(line, NOON + HOUR - position * MINUTE, NOON)

        found = {shard: heads.due(shard, NOON + HOUR).heads for shard in range(16)}

        assert sorted(each.line.owner for due in found.values() for each in due) == sorted(line.owner for line in lines)
        for due in found.values():
            assert [each.wake_at for each in due] == sorted(each.wake_at for each in due)

    def test_the_index_tells_until_when_a_line_is_blocked(self, heads: Heads) -> None:
        heads.announce(LINE, NOON, NOON)
        heads.block(LINE, visited(heads), until=NOON + HOUR, waits=1)
        heads.announce(LINE, NOON, NOON)

        (due,) = heads.due(int(LINE.due_shard.removeprefix("DUE#")), NOON + MINUTE).heads

        assert (due.line, due.blocked_until) == (LINE, NOON + HOUR)

    def test_a_line_is_put_off_only_if_it_is_still_as_it_was_seen(self, heads: Heads, messages: Table) -> None:
        heads.announce(LINE, NOON, NOON)
        (due,) = heads.due(int(LINE.due_shard.removeprefix("DUE#")), NOON + MINUTE).heads

        assert heads.postpone(due, to=NOON + HOUR) is True
        assert heads.postpone(due, to=NOON + DAY) is False
        assert head_of(messages).wake_at == NOON + HOUR
