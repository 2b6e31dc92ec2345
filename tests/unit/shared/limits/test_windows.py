"""The arithmetic of sending limits, above all its one promise: no window is ever exceeded."""

from collections import deque
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from shared.clock import HOUR, MINUTE, SECOND, Millis
from shared.limits.windows import (
    Granted,
    NotBefore,
    Usage,
    Window,
    compacted,
    reserve,
    share_of,
    smallest_cap,
    with_grant,
    with_report,
)
from shared.messages.model import Priority

NOON: Millis = 1_767_268_800_000
PER_MINUTE = Window(MINUTE, 60)


def ask(
    usages: list[Usage], *windows: Window, priority: Priority = Priority.IMMEDIATE, least: int = 1, most: int = 1000
) -> Granted | NotBefore:
    return reserve(
        usages, windows, permit="p", priority=priority, least=least, most=most, lifetime=5 * SECOND, now=NOON
    )


def test_without_limits_everything_is_granted() -> None:
    assert ask([]) == Granted("p", 1000, NOON + 5 * SECOND)


def test_an_empty_window_is_granted_whole_to_the_highest_priority() -> None:
    assert ask([], PER_MINUTE) == Granted("p", 60, NOON + 5 * SECOND)


def test_the_tightest_of_several_windows_decides() -> None:
    assert ask([], PER_MINUTE, Window(HOUR, 10)) == Granted("p", 10, NOON + 5 * SECOND)


def test_low_may_use_seventy_percent_and_leaves_the_rest_to_others() -> None:
    assert ask([], PER_MINUTE, priority=Priority.LOW) == Granted("p", 42, NOON + 5 * SECOND)


def test_low_and_medium_together_may_use_eighty_five_percent() -> None:
    spent_by_low = [Usage(NOON, Priority.LOW, 42)]
    assert ask(spent_by_low, PER_MINUTE, priority=Priority.MEDIUM) == Granted("p", 9, NOON + 5 * SECOND)


def test_what_higher_priorities_used_leaves_less_of_the_whole_to_low() -> None:
    spent_by_immediate = [Usage(NOON, Priority.IMMEDIATE, 50)]
    assert ask(spent_by_immediate, PER_MINUTE, priority=Priority.LOW) == Granted("p", 10, NOON + 5 * SECOND)


def test_each_share_is_at_least_one() -> None:
    assert share_of(Window(MINUTE, 1), Priority.LOW) == 1


def test_a_spent_window_says_when_the_oldest_use_leaves_it() -> None:
    spent = [Usage(NOON - 50 * SECOND, Priority.HIGH, 30), Usage(NOON - 10 * SECOND, Priority.IMMEDIATE, 30)]
    assert ask(spent, PER_MINUTE) == NotBefore(NOON + 10 * SECOND, PER_MINUTE)


def test_a_mail_that_counts_several_waits_until_all_of_it_fits() -> None:
    spent = [Usage(NOON - 50 * SECOND, Priority.HIGH, 30), Usage(NOON - 10 * SECOND, Priority.IMMEDIATE, 29)]
    assert ask(spent, PER_MINUTE, least=40) == NotBefore(NOON + 50 * SECOND, PER_MINUTE)


def test_a_permit_counts_until_it_expires_and_a_window_longer() -> None:
    usages = with_grant([], Granted("a", 60, NOON + 5 * SECOND), Priority.IMMEDIATE)
    assert ask(usages, PER_MINUTE) == NotBefore(NOON + 65 * SECOND, PER_MINUTE)


def test_reporting_a_permit_lets_go_of_what_was_not_used() -> None:
    usages = with_grant([], Granted("a", 60, NOON + 5 * SECOND), Priority.IMMEDIATE)
    usages = with_report(usages, "a", used=20, last_at=NOON)
    assert ask(usages, PER_MINUTE) == Granted("p", 40, NOON + 5 * SECOND)


def test_a_use_reported_late_never_counts_longer_than_its_permit() -> None:
    usages = with_grant([], Granted("a", 1, NOON + 5 * SECOND), Priority.IMMEDIATE)
    assert with_report(usages, "a", used=1, last_at=NOON + HOUR) == [Usage(NOON + 5 * SECOND, Priority.IMMEDIATE, 1)]


def test_old_usages_are_forgotten_and_others_merged() -> None:
    usages = [
        Usage(NOON - HOUR, Priority.LOW, 5),
        Usage(NOON - 30 * SECOND, Priority.LOW, 1),
        Usage(NOON - 30 * SECOND - 1, Priority.LOW, 2),
    ]
    assert compacted(usages, [PER_MINUTE], NOON) == [Usage(NOON - 30 * SECOND, Priority.LOW, 3)]


def test_merging_keeps_open_permits_apart() -> None:
    usages = [Usage(NOON + 1, Priority.LOW, 1, "a"), Usage(NOON + 1, Priority.LOW, 1, "b")]
    assert compacted(usages, [PER_MINUTE], NOON) == usages


def test_the_smallest_cap_tells_what_can_never_fit() -> None:
    assert smallest_cap([PER_MINUTE, Window(HOUR, 10)], Priority.LOW) == 7
    assert smallest_cap([], Priority.LOW) is None


@given(
    random=st.randoms(use_true_random=False),
    windows=st.lists(
        st.builds(Window, st.sampled_from([SECOND, 10 * SECOND, MINUTE, HOUR]), st.integers(1, 40)),
        min_size=1,
        max_size=3,
    ),
)
def test_no_interval_as_long_as_a_window_ever_holds_more_than_its_limit(random: Random, windows: list[Window]) -> None:
    now, usages, sends = NOON, list[Usage](), list[tuple[Millis, Priority]]()
    open_permits: list[tuple[Granted, Priority]] = []
    for step in range(120):
        now += random.randrange(0, 3 * SECOND)
        if open_permits and random.random() < 0.6:
            granted, priority = open_permits.pop(0)
            used = random.randint(0, granted.count)
            last_at = min(now, granted.expires_at)
            sends += [(last_at, priority)] * used
            if random.random() < 0.8:
                usages = with_report(usages, granted.permit, used=used, last_at=last_at)
        priority = Priority(random.randrange(4))
        answer = reserve(
            usages, windows, permit=str(step), priority=priority, least=1, most=20, lifetime=5 * SECOND, now=now
        )
        if isinstance(answer, Granted):
            usages = with_grant(usages, answer, priority)
            open_permits.append((answer, priority))
        else:
            assert answer.at > now
        usages = compacted(usages, windows, now)
    for window in windows:
        for group in Priority:
            _assert_never_exceeded([at for at, each in sends if each >= group], window.length, share_of(window, group))


def _assert_never_exceeded(times: list[Millis], length: Millis, limit: int) -> None:
    inside: deque[Millis] = deque()
    for at in sorted(times):
        inside.append(at)
        while inside[0] <= at - length:
            inside.popleft()
        assert len(inside) <= limit
