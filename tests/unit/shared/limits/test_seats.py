"""An account's connections, shared between the workers of its lanes."""

from shared.aws.dynamodb import Table
from shared.clock import MINUTE, SECOND
from shared.limits.connections import Place, fixed_part
from shared.limits.seats import Seats
from shared.limits.state import LimitTable, account_limits_key
from shared.messages.model import Priority
from tests.unit.clock import SettableClock


def seats(messages: Table, clock: SettableClock, line: Priority | Place, max_connections: int | None) -> Seats:
    return Seats(
        LimitTable(messages),
        account_limits_key("acme", "main"),
        max_connections,
        place=Place(line) if isinstance(line, Priority) else line,
        until=clock.now + MINUTE,
        clock=clock,
    )


def test_without_a_cap_each_line_has_one_connection_and_keeps_it(messages: Table, clock: SettableClock) -> None:
    mine = seats(messages, clock, Priority.LOW, None)

    assert mine.take()
    assert mine.count == 1
    assert not mine.is_capped


def test_a_line_has_no_more_at_a_time_than_it_could_have_alone(messages: Table, clock: SettableClock) -> None:
    for cap, most in ((None, 1), (1, 1), (3, 1), (4, 1), (8, 2), (10, 3)):
        mine = seats(messages, clock, Priority.IMMEDIATE, cap)
        mine.take()
        assert mine.count <= mine.at_most == most
        mine.give_back()


def test_from_four_on_each_lane_has_its_part_and_all_parts_make_the_total() -> None:
    for cap in range(4, 40):
        parts = [fixed_part(cap, Place(priority)) or 0 for priority in Priority]
        assert sum(parts) == cap
        assert parts == sorted(parts, reverse=True)
        assert min(parts) >= 1


def test_three_connections_are_leased_to_three_lanes_and_the_fourth_waits(
    messages: Table, clock: SettableClock
) -> None:
    holders = [seats(messages, clock, priority, 3) for priority in (Priority.LOW, Priority.MEDIUM, Priority.HIGH)]
    late = seats(messages, clock, Priority.IMMEDIATE, 3)

    assert all(holder.take() for holder in holders)
    assert not late.take()
    holders[0].give_back()
    assert late.take()


def test_the_holder_of_a_less_urgent_lane_hears_that_somebody_waits(messages: Table, clock: SettableClock) -> None:
    newsletter, reset = seats(messages, clock, Priority.LOW, 1), seats(messages, clock, Priority.IMMEDIATE, 1)
    newsletter.take()
    reset.take()

    newsletter.look()

    assert newsletter.must_yield


def test_the_holder_of_a_more_urgent_lane_goes_on(messages: Table, clock: SettableClock) -> None:
    reset, newsletter = seats(messages, clock, Priority.IMMEDIATE, 1), seats(messages, clock, Priority.LOW, 1)
    reset.take()
    newsletter.take()

    reset.look()

    assert not reset.must_yield


def test_looking_is_due_every_two_seconds_and_only_where_connections_are_leased(
    messages: Table, clock: SettableClock
) -> None:
    leased, fixed = seats(messages, clock, Priority.LOW, 2), seats(messages, clock, Priority.LOW, 4)
    leased.take()
    fixed.take()

    clock.advance(2 * SECOND)

    assert leased.should_look()
    assert not fixed.should_look()


def test_the_connection_of_a_worker_that_died_is_free_once_it_must_have_ended(
    messages: Table, clock: SettableClock
) -> None:
    seats(messages, clock, Priority.LOW, 1).take()
    next_one = seats(messages, clock, Priority.LOW, 1)

    assert not next_one.take()
    clock.advance(MINUTE)
    assert next_one.take()


def test_from_one_for_each_line_on_the_parts_of_a_spread_account_make_the_total_too() -> None:
    for parts in (2, 3, 16):
        for cap in range(4 * parts, 4 * parts + 30):
            lines = [Place(priority, part, parts, parts) for priority in Priority for part in range(parts)]
            counts = [fixed_part(cap, line) or 0 for line in lines]
            assert sum(counts) == cap
            assert max(counts) - min(counts) <= 1
            assert min(counts) >= 1
        assert fixed_part(4 * parts - 1, Place(Priority.IMMEDIATE, 0, parts, parts)) is None


def test_lines_left_from_a_higher_parallelism_share_what_the_lines_of_today_may_have_several_of(
    messages: Table, clock: SettableClock
) -> None:
    today, left = Place(Priority.LOW, 0, 1, 4), Place(Priority.LOW, 3, 1, 4)
    first, second = seats(messages, clock, today, 8), seats(messages, clock, left, 8)

    assert first.take()
    assert second.take()
    assert (first.count, second.count) == (2, 2)


def test_who_waited_for_a_connection_has_it_before_who_had_one_and_comes_back(
    messages: Table, clock: SettableClock
) -> None:
    """Else a part with much to do would take turns with nobody."""
    busy, patient = Place(Priority.LOW, 0, 2, 2), Place(Priority.LOW, 1, 2, 2)
    holder = seats(messages, clock, busy, 1)
    assert holder.take()
    assert not seats(messages, clock, patient, 1).take()

    holder.give_back()

    assert not seats(messages, clock, busy, 1).take()
    next_one = seats(messages, clock, patient, 1)
    assert next_one.take()
    next_one.give_back()
    assert seats(messages, clock, busy, 1).take()


def test_a_line_that_waited_and_does_not_come_back_is_waited_for_no_longer_than_five_seconds(
    messages: Table, clock: SettableClock
) -> None:
    holder = seats(messages, clock, Place(Priority.LOW, 0, 2, 2), 1)
    holder.take()
    seats(messages, clock, Place(Priority.LOW, 1, 2, 2), 1).take()
    holder.give_back()

    clock.advance(5 * SECOND)

    assert seats(messages, clock, Place(Priority.LOW, 0, 2, 2), 1).take()
