"""The sync call's answer: what it acknowledges and asks for. Pure; the rules are in docs/reports.md."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from shared.clock import HOUR, MINUTE, SECOND, Millis
from shared.delivery.backoff import jittered
from shared.reports.events import PushedEvent
from shared.tenants.model import Acknowledgement

MAX_EVENTS_A_CALL = 500
MAX_REFUSALS = 5  # of one event; then it goes to the log as it is
REFUSED_EVENT_WAIT: Millis = MINUTE

# As Standard Webhooks recommends, from the first failure on; the last repeats.
_PUSH_SCHEDULE: tuple[Millis, ...] = (MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR)


def _none_if_malformed(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    """A wish that cannot be understood does not undo the acknowledgement beside it."""
    try:
        return handler(value)
    except ValidationError:
        return None


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore")

    ok: StrictBool | None = None
    error: Annotated[list[str], Field(max_length=10_000)] = []
    not_found: Annotated[list[str], Field(max_length=10_000)] = []
    queued: Annotated[int | None, Field(ge=0, le=10**9), WrapValidator(_none_if_malformed)] = None
    # Seconds since the epoch; 10^11 is in the year 5138.
    next_sync_after: Annotated[
        float | None, Field(ge=0, le=10**11, allow_inf_nan=False), WrapValidator(_none_if_malformed)
    ] = None


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Everything but what is named in `refused` (by message id or event id) was taken.

    `queued`: how many mails the tenant has yet to submit. `quiet_until`: when it wants to be called next unless there
    are events; None when it said nothing of it.
    """

    refused: frozenset[str] = frozenset()
    not_found: frozenset[str] = frozenset()
    queued: int = 0
    quiet_until: Millis | None = None

    def refuses(self, pushed: PushedEvent) -> bool:
        return pushed.event.id in self.refused or pushed.event.event_id in self.refused


@dataclass(frozen=True, slots=True)
class NotAcknowledged:
    """Nothing was taken; everything is pushed again. `gone`: the endpoint says that it will never take anything."""

    reason: str
    gone: bool = False


def read_answer(status: int, body: bytes, ack: Acknowledgement) -> Acknowledged | NotAcknowledged:
    """Strict: 2xx and `"ok": true`. Lenient: any 2xx, unless it says `"ok": false`."""
    if not 200 <= status < 300:
        return NotAcknowledged(f"HTTP {status}", gone=status == HTTPStatus.GONE)
    try:
        answer = _Answer.model_validate_json(body)
    except ValidationError as error:
        if ack is Acknowledgement.LENIENT and not _says_not_ok(body):
            return Acknowledged()
        return NotAcknowledged(f"HTTP {status}, but the body is no answer: {error.errors()[0]['msg']}")
    if answer.ok is False:
        return NotAcknowledged('the answer says "ok": false')
    if answer.ok is None and ack is Acknowledgement.STRICT:
        return NotAcknowledged('the answer does not say "ok": true')
    return Acknowledged(
        refused=frozenset(answer.error),
        not_found=frozenset(answer.not_found),
        queued=answer.queued or 0,
        quiet_until=None if answer.next_sync_after is None else int(answer.next_sync_after * SECOND),
    )


class _OnlyOk(BaseModel):
    model_config = ConfigDict(extra="ignore")

    ok: object = None


def _says_not_ok(body: bytes) -> bool:
    """An answer of another shape (such as `{"sent": 1, "error": 0}`) may still refuse."""
    try:
        return _OnlyOk.model_validate_json(body).ok is False
    except ValidationError:
        return False


def push_wait(failures: int, draw: float) -> Millis:
    """How long a tenant's reports wait after a failed call that `failures` others came before without a success."""
    return jittered(_PUSH_SCHEDULE[min(failures, len(_PUSH_SCHEDULE) - 1)], draw)


def split(pushed: Sequence[PushedEvent], answer: Acknowledged) -> tuple[list[PushedEvent], list[PushedEvent]]:
    """What is done with, and what is to be pushed again: refused, but not yet too often."""
    again = [
        each.model_copy(update={"refusals": each.refusals + 1})
        for each in pushed
        if answer.refuses(each) and each.refusals + 1 < MAX_REFUSALS
    ]
    retried = {each.event.event_id for each in again}
    return [each for each in pushed if each.event.event_id not in retried], again
