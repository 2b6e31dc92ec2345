"""Slices: claims, crashes, marks."""

import pytest

from shared.aws.dynamodb import Table
from shared.clock import MINUTE, SECOND
from shared.errors import ConditionFailed, TransactionRefused
from shared.identifiers import due_key, new_ulid
from shared.messages.slices import ClaimedByOther, Entry, Slice, SliceTable, put_new, without
from tests.unit.clock import NOON
from tests.unit.shared.lines.lane import LINE

A, B, C = (Entry(name, 1) for name in "abc")
UNTIL = NOON + MINUTE


@pytest.fixture
def slices(messages: Table) -> SliceTable:
    return SliceTable(messages)


def a_slice(*entries: Entry, due_at: int = NOON) -> Slice:
    return Slice(LINE, due_key(due_at, new_ulid(NOON)), entries or (A, B, C))


def claimed(slices: SliceTable, found: Slice, worker: str = "one", *, until: int = UNTIL, now: int = NOON) -> Slice:
    claim = slices.claim(found, worker=worker, until=until, now=now)
    assert isinstance(claim, Slice)
    return claim


def stored(slices: SliceTable, found: Slice) -> Slice:
    item = slices.get(LINE, found.sort_key)
    assert item is not None
    return item


def crash(slices: SliceTable, found: Slice, now: int) -> Slice:
    """What the next worker claims after the last one died."""
    return claimed(slices, found, f"after-{now}", until=now + MINUTE, now=now)


def test_a_line_is_read_in_order_of_due_time_and_then_of_submission(slices: SliceTable) -> None:
    later, first, second = a_slice(due_at=NOON + SECOND), a_slice(), a_slice()
    for each in (later, second, first):
        slices.put(each)

    found = slices.first(LINE)
    assert found is not None
    assert found.sort_key == first.sort_key
    assert slices.due_keys(LINE, NOON, limit=10) == [first.sort_key, second.sort_key]


def test_the_head_is_no_slice(slices: SliceTable, messages: Table) -> None:
    messages.put(LINE.head_key.item)

    assert slices.first(LINE) is None


def test_a_slice_comes_back_as_it_was_put(slices: SliceTable) -> None:
    new = Slice(LINE, due_key(NOON, new_ulid(NOON)), (Entry("a#b", 3), Entry("@:=+._-", 12)), batch_code="spring")
    slices.put(new)

    assert stored(slices, new) == new
    assert new.due_at == NOON


def test_a_slice_can_be_added_only_once(messages: Table) -> None:
    new = a_slice()
    messages.transact([put_new(new)])

    with pytest.raises(TransactionRefused):
        messages.transact([put_new(new)])


def test_a_claim_fixes_the_entries_and_stands_until_its_end(slices: SliceTable) -> None:
    found = a_slice()
    slices.put(found)

    mine = claimed(slices, found)

    assert (mine.entries, mine.claimed_by, mine.claimed_until, mine.crashes) == ((A, B, C), "one", UNTIL, 0)
    assert slices.claim(found, worker="two", until=UNTIL, now=NOON + 1) == ClaimedByOther(UNTIL)
    assert slices.claim(found, worker="two", until=UNTIL, now=UNTIL - 1) == ClaimedByOther(UNTIL)


def test_the_claim_returns_what_is_in_the_slice_now_and_not_what_was_seen(slices: SliceTable, messages: Table) -> None:
    found = a_slice(A, B)
    slices.put(found)
    messages.transact([without(found, A)])

    assert claimed(slices, found).entries == (B,)


def test_a_slice_that_is_gone_cannot_be_claimed(slices: SliceTable) -> None:
    assert slices.claim(a_slice(), worker="one", until=UNTIL, now=NOON) is None
    assert slices.first(LINE) is None


def test_a_claim_that_ran_out_is_a_crash(slices: SliceTable) -> None:
    found = a_slice()
    slices.put(found)
    claimed(slices, found)

    mine = crash(slices, found, UNTIL)

    assert (mine.claimed_by, mine.crashes, mine.marked, mine.marked_crashes) == (f"after-{UNTIL}", 1, None, 0)


def test_of_two_who_find_a_claim_run_out_one_gets_it(slices: SliceTable) -> None:
    found = a_slice()
    slices.put(found)
    claimed(slices, found)

    crash(slices, found, UNTIL)

    assert slices.claim(found, worker="two", until=UNTIL + MINUTE, now=UNTIL) == ClaimedByOther(UNTIL + MINUTE)


def test_crashes_over_one_marked_mail_are_counted(slices: SliceTable) -> None:
    found = a_slice()
    slices.put(found)
    slices.mark(claimed(slices, found), "a")

    counts = []
    for number in range(3):
        mine = crash(slices, found, UNTIL + number * MINUTE)
        counts.append((mine.crashes, mine.marked, mine.marked_crashes))
        slices.mark(mine, "a")

    assert counts == [(1, "a", 1), (2, "a", 2), (3, "a", 3)]


def test_a_mail_marked_anew_starts_its_count(slices: SliceTable) -> None:
    found = a_slice()
    slices.put(found)
    slices.mark(claimed(slices, found), "a")
    mine = crash(slices, found, UNTIL)

    moved_on = slices.mark(mine, "b")

    assert (moved_on.marked, moved_on.marked_crashes) == ("b", 0)
    assert (stored(slices, found).marked, stored(slices, found).marked_crashes) == ("b", 0)
    assert crash(slices, found, UNTIL + MINUTE).marked_crashes == 1


def test_a_crash_before_any_mail_was_marked_is_blamed_on_none(slices: SliceTable) -> None:
    found = a_slice()
    slices.put(found)
    claimed(slices, found)
    crash(slices, found, UNTIL)

    mine = crash(slices, found, UNTIL + MINUTE)

    assert (mine.crashes, mine.marked_crashes) == (2, 0)


def test_who_lost_the_claim_cannot_mark(slices: SliceTable) -> None:
    found = a_slice()
    slices.put(found)
    mine = claimed(slices, found)
    crash(slices, found, UNTIL)

    with pytest.raises(ConditionFailed):
        slices.mark(mine, "a")


def test_letting_go_leaves_what_remains_to_anybody_and_forgets_crashes_and_marks(slices: SliceTable) -> None:
    found = a_slice()
    slices.put(found)
    slices.mark(claimed(slices, found), "a")
    mine = crash(slices, found, UNTIL)

    slices.let_go(mine, [B, C])

    left = stored(slices, found)
    assert left == Slice(LINE, found.sort_key, (B, C))
    assert claimed(slices, left, "next").crashes == 0


def test_letting_go_keeps_which_mails_may_have_been_sent_before_a_crash(slices: SliceTable) -> None:
    found = a_slice()
    slices.put(found)
    claimed(slices, found)
    mine = crash(slices, found, UNTIL)

    slices.let_go(mine, [B, C], doubtful=["b"])

    assert stored(slices, found).doubtful == ("b",)
    assert claimed(slices, stored(slices, found), "next").doubtful == ("b",)


def test_a_finished_slice_is_gone(slices: SliceTable) -> None:
    found = a_slice()
    slices.put(found)

    slices.finish(claimed(slices, found))

    assert slices.first(LINE) is None


@pytest.mark.parametrize("ending", ["finish", "let_go"])
def test_who_lost_the_claim_ends_nothing(slices: SliceTable, ending: str) -> None:
    found = a_slice()
    slices.put(found)
    lost = claimed(slices, found)
    crash(slices, found, UNTIL)
    before = stored(slices, found)

    if ending == "finish":
        slices.finish(lost)
    else:
        slices.let_go(lost, [C])

    assert stored(slices, found) == before


def test_letting_go_of_a_slice_that_is_gone_does_not_bring_it_back(slices: SliceTable) -> None:
    found = a_slice()
    slices.put(found)
    mine = claimed(slices, found)
    slices.finish(mine)

    slices.let_go(mine, [A])

    assert slices.first(LINE) is None


class TestTakingAMailOut:
    def test_the_others_stay_in_order(self, slices: SliceTable, messages: Table) -> None:
        found = a_slice()
        slices.put(found)

        messages.transact([without(found, B)])

        assert stored(slices, found).entries == (A, C)

    def test_the_slice_goes_with_its_last_mail(self, slices: SliceTable, messages: Table) -> None:
        found = a_slice(A)
        slices.put(found)

        messages.transact([without(found, A)])

        assert slices.first(LINE) is None

    @pytest.mark.parametrize("entries", [(A,), (A, B)])
    def test_it_is_refused_while_any_claim_stands(
        self, slices: SliceTable, messages: Table, entries: tuple[Entry, ...]
    ) -> None:
        found = a_slice(*entries)
        slices.put(found)
        claimed(slices, found, until=NOON - 1)

        with pytest.raises(TransactionRefused):
            messages.transact([without(found, A)])
        assert stored(slices, found).entries == entries

    def test_it_is_refused_when_the_slice_changed_since_it_was_read(self, slices: SliceTable, messages: Table) -> None:
        found = a_slice()
        slices.put(found)
        messages.transact([without(found, A)])

        with pytest.raises(TransactionRefused):
            messages.transact([without(found, B)])
        assert stored(slices, found).entries == (B, C)

    def test_it_brings_no_slice_that_is_gone_back(self, slices: SliceTable, messages: Table) -> None:
        with pytest.raises(TransactionRefused):
            messages.transact([without(a_slice(), A)])
        with pytest.raises(TransactionRefused):
            messages.transact([without(a_slice(A), A)])
        assert slices.first(LINE) is None
