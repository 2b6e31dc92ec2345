"""How long a line waits, and one mail."""

import pytest

from shared.clock import DAY, MINUTE, SECOND
from shared.delivery.backoff import STANDSTILL, jittered, line_wait
from shared.lines.line import LANES, LineKind

JUST_BELOW_ONE = 1 - 2**-53


@pytest.mark.parametrize("step", [2, 1_001, 2 * SECOND, MINUTE, DAY])
def test_jitter_draws_from_between_half_the_step_and_the_step(step: int) -> None:
    assert jittered(step, 0.0) == step // 2
    assert step // 2 <= jittered(step, 0.5) <= step
    assert jittered(step, JUST_BELOW_ONE) <= step


def test_waits_double_from_two_seconds() -> None:
    assert [line_wait(LineKind.MEDIUM, waits, JUST_BELOW_ONE) for waits in range(5)] == [
        pytest.approx(seconds * SECOND, abs=2) for seconds in (2, 4, 8, 16, 32)
    ]


@pytest.mark.parametrize("kind", [LineKind.HIGH, LineKind.MEDIUM, LineKind.LOW])
def test_no_wait_is_longer_than_fifteen_minutes(kind: LineKind) -> None:
    assert line_wait(kind, 10, JUST_BELOW_ONE) == pytest.approx(15 * MINUTE, abs=2)
    assert line_wait(kind, 1_000_000, JUST_BELOW_ONE) <= 15 * MINUTE


def test_the_lane_immediate_never_waits_longer_than_a_minute() -> None:
    assert line_wait(LineKind.IMMEDIATE, 5, JUST_BELOW_ONE) == pytest.approx(MINUTE, abs=2)
    assert line_wait(LineKind.IMMEDIATE, 1_000, JUST_BELOW_ONE) <= MINUTE


@pytest.mark.parametrize("lane", LANES)
def test_no_wait_is_shorter_than_a_second(lane: LineKind) -> None:
    assert all(line_wait(lane, waits, 0.0) >= SECOND for waits in range(25))


def test_a_switched_off_tenant_is_looked_at_as_seldom_as_a_dead_relay() -> None:
    assert STANDSTILL == 15 * MINUTE
