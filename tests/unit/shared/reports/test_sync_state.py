"""When a tenant's endpoint is called next, whatever its answers were."""

import pytest

from shared.clock import DAY, HOUR, MINUTE, SECOND, Millis
from shared.reports.protocol import Acknowledged, NotAcknowledged
from shared.reports.sync_state import (
    GIVEN_UP_AFTER,
    HEARTBEAT,
    LONGEST_QUIET,
    MAX_ACCELERATED,
    Disabled,
    SyncState,
    after_answer,
    after_failure,
    with_requests_taken,
)
from tests.unit.clock import NOON

FRESH = SyncState()
DOWN = NotAcknowledged("HTTP 503")


def answered(state: SyncState, *, queued: int = 0, quiet_until: Millis | None = None, now: Millis = NOON) -> SyncState:
    return after_answer(state, Acknowledged(queued=queued, quiet_until=quiet_until), called_at=now, now=now)


def failed(state: SyncState, now: Millis = NOON, failure: NotAcknowledged = DOWN) -> SyncState:
    return after_failure(state, failure, called_at=now, now=now, draw=0.5)


def test_an_endpoint_never_called_is_called_five_minutes_after_the_tenant_was_made() -> None:
    assert FRESH.next_call(NOON) == NOON + 5 * MINUTE


def test_an_answer_without_wishes_is_followed_by_a_heartbeat_after_five_minutes() -> None:
    assert answered(FRESH).next_call(0) == NOON + HEARTBEAT == NOON + 5 * MINUTE


def test_mail_to_submit_brings_a_call_at_once_a_bounded_number_of_times_in_a_row() -> None:
    state = FRESH
    for _ in range(MAX_ACCELERATED):
        state = answered(state, queued=1)
        assert state.next_sync_at == NOON
    assert answered(state, queued=1).next_sync_at == NOON + HEARTBEAT


def test_an_empty_queue_begins_the_count_anew() -> None:
    state = answered(answered(FRESH, queued=7), queued=0)
    assert (state.accelerated, state.queued, state.next_sync_at) == (0, 0, NOON + HEARTBEAT)


def test_a_wish_for_quiet_stands_through_answers_that_say_nothing_of_it() -> None:
    state = answered(answered(FRESH, quiet_until=NOON + HOUR), now=NOON + MINUTE)
    assert state.next_sync_at == NOON + HOUR
    assert answered(state, now=NOON + HOUR).next_sync_at == NOON + HOUR + HEARTBEAT


def test_quiet_counts_more_than_mail_to_submit() -> None:
    assert answered(FRESH, queued=9, quiet_until=NOON + HOUR).next_sync_at == NOON + HOUR


@pytest.mark.parametrize("until", [0, NOON - SECOND, NOON])
def test_a_time_that_has_passed_ends_the_quiet(until: Millis) -> None:
    state = answered(answered(FRESH, quiet_until=NOON + HOUR), quiet_until=until)
    assert (state.quiet_until, state.next_sync_at) == (None, NOON + HEARTBEAT)


def test_quiet_lasts_seven_days_at_most() -> None:
    assert answered(FRESH, quiet_until=NOON + 365 * DAY).next_sync_at == NOON + LONGEST_QUIET == NOON + 7 * DAY


def test_failures_are_tried_again_on_the_schedule_of_standard_webhooks_with_jitter() -> None:
    state, pauses = FRESH, []
    for _ in range(7):
        state = failed(state)
        pauses.append((state.next_sync_at or 0) - NOON)
    steps = (MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR)
    assert pauses == [3 * step // 4 for step in steps]


def test_a_success_begins_the_schedule_anew() -> None:
    state = failed(answered(failed(failed(FRESH))))
    assert (state.failures, state.failing_since) == (1, NOON)


def test_410_disables_at_once() -> None:
    state = failed(FRESH, failure=NotAcknowledged("HTTP 410", gone=True))
    assert (state.disabled, state.disabled_at, state.next_sync_at) == (Disabled.GONE, NOON, None)


def test_five_days_of_failure_disable_and_not_a_moment_less() -> None:
    state = failed(FRESH)
    assert failed(state, NOON + GIVEN_UP_AFTER - 1).disabled is None
    assert failed(state, NOON + 5 * DAY).disabled is Disabled.FAILING


def test_a_request_enables_a_disabled_push_and_gives_it_five_days_again() -> None:
    disabled = failed(failed(FRESH), NOON + 5 * DAY).model_copy(update={"requests": 1})
    state = with_requests_taken(disabled, NOON + 6 * DAY)
    assert (state.disabled, state.failing_since, state.next_sync_at) == (None, None, NOON + 6 * DAY)
    assert failed(state, NOON + 6 * DAY).disabled is None


def test_only_the_tenants_own_request_ends_its_quiet() -> None:
    quiet = answered(FRESH, quiet_until=NOON + HOUR)
    of_admin = quiet.model_copy(update={"requests": 1})
    of_tenant = quiet.model_copy(update={"requests": 1, "own_requests": 1})
    assert with_requests_taken(of_admin, NOON).next_sync_at == NOON + HOUR
    assert with_requests_taken(of_tenant, NOON).next_sync_at == NOON


def test_a_request_is_followed_once() -> None:
    state = with_requests_taken(FRESH.model_copy(update={"requests": 3}), NOON)
    assert with_requests_taken(state, NOON + HOUR) is state


def test_a_reason_is_cut_to_five_hundred_characters() -> None:
    assert len(failed(FRESH, failure=NotAcknowledged("x" * 9_000)).last_error or "") == 500
