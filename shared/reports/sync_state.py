"""How a tenant's endpoint fared, and when it is called next. Pure: each change is a function of what was known.

Calls are made for events at once, whatever is here. Without events the endpoint is called every `HEARTBEAT`; at once
while it says that it has mail to submit; not before the time that it asked to be left alone until; and no more once it
failed for `GIVEN_UP_AFTER`, until somebody asks for a call.
"""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from shared.clock import DAY, MINUTE, Millis
from shared.reports.protocol import Acknowledged, NotAcknowledged, push_wait

HEARTBEAT: Millis = 5 * MINUTE
MAX_ACCELERATED = 100  # calls in a row that a tenant with mail to submit gets at once
LONGEST_QUIET: Millis = 7 * DAY
GIVEN_UP_AFTER: Millis = 5 * DAY
_MAX_REASON = 500


class Disabled(StrEnum):
    """Why nothing is pushed: the endpoint answered 410, or failed for five days."""

    GONE = "gone"
    FAILING = "failing"


class SyncState(BaseModel):
    """What the reporter remembers of one tenant's endpoint. Instants are in milliseconds.

    `requests` and `own_requests` count the calls that were asked for, by anyone and by the tenant itself; only the API
    raises them. The others are the reporter's, which notes in `taken_requests` and `taken_own_requests` how far it
    followed. So neither overwrites what the other says.
    """

    model_config = ConfigDict(frozen=True)

    last_call_at: Millis | None = None
    last_success_at: Millis | None = None
    next_sync_at: Millis | None = None
    quiet_until: Millis | None = None
    queued: int = 0
    accelerated: int = 0
    failures: int = 0
    failing_since: Millis | None = None
    last_error: str | None = None
    disabled: Disabled | None = None
    disabled_at: Millis | None = None
    requests: int = 0
    own_requests: int = 0
    taken_requests: int = 0
    taken_own_requests: int = 0

    @property
    def is_disabled(self) -> bool:
        """Not any more once a call is asked for."""
        return self.disabled is not None and self.requests == self.taken_requests

    def next_call(self, began: Millis) -> Millis:
        """When the endpoint is called next, were there no events. `began`: when the tenant was made."""
        return self.next_sync_at if self.next_sync_at is not None else began + HEARTBEAT


def with_requests_taken(state: SyncState, now: Millis) -> SyncState:
    """A call that was asked for is due now, whatever failed before; but where the tenant wants quiet, only if the
    tenant itself asked.
    """
    if state.requests == state.taken_requests:
        return state
    ended = state.own_requests != state.taken_own_requests or (state.quiet_until or 0) <= now
    return state.model_copy(
        update={
            "taken_requests": state.requests,
            "taken_own_requests": state.own_requests,
            "quiet_until": None if ended else state.quiet_until,
            "next_sync_at": now if ended else state.next_sync_at,
            "failures": 0,
            "failing_since": None if state.disabled else state.failing_since,
            "disabled": None,
            "disabled_at": None,
        }
    )


def after_answer(state: SyncState, answer: Acknowledged, *, called_at: Millis, now: Millis) -> SyncState:
    """A wish for quiet stands until its time, or until an answer has another; it counts more than mail to submit."""
    quiet_until = state.quiet_until if answer.quiet_until is None else min(answer.quiet_until, now + LONGEST_QUIET)
    if quiet_until is not None and quiet_until <= now:
        quiet_until = None
    accelerates = answer.queued > 0 and quiet_until is None and state.accelerated < MAX_ACCELERATED
    return state.model_copy(
        update={
            "last_call_at": called_at,
            "last_success_at": now,
            "next_sync_at": quiet_until or (now if accelerates else now + HEARTBEAT),
            "quiet_until": quiet_until,
            "queued": answer.queued,
            "accelerated": state.accelerated + 1 if accelerates else 0,
            "failures": 0,
            "failing_since": None,
            "last_error": None,
        }
    )


def after_failure(
    state: SyncState, failure: NotAcknowledged, *, called_at: Millis, now: Millis, draw: float
) -> SyncState:
    """The next try, or none any more. `draw` is uniform in [0, 1)."""
    failing_since = called_at if state.failing_since is None else state.failing_since
    disabled = _disabled(failure, now - failing_since)
    return state.model_copy(
        update={
            "last_call_at": called_at,
            "next_sync_at": None if disabled else now + push_wait(state.failures, draw),
            "accelerated": 0,
            "failures": state.failures + 1,
            "failing_since": failing_since,
            "last_error": failure.reason[:_MAX_REASON],
            "disabled": disabled,
            "disabled_at": now if disabled else None,
        }
    )


def _disabled(failure: NotAcknowledged, failing_for: Millis) -> Disabled | None:
    """As Standard Webhooks has it."""
    if failure.gone:
        return Disabled.GONE
    return Disabled.FAILING if failing_for >= GIVEN_UP_AFTER else None
