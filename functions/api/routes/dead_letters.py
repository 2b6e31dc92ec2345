"""Wake-ups that SQS gave up on: what they were for, and back into their lines."""

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from functions.api.auth import require_admin
from functions.api.cursors import Cursor, decode_cursor, encode_cursor, refuse_cursor
from functions.api.gate import GatedRoute
from functions.api.problems import documented
from functions.api.routes.accounts import AccountHealth
from functions.api.schema import NextCursor, Timestamp
from functions.api.services import Provided, Services
from shared.accounts.health import Fault
from shared.clock import iso8601
from shared.errors import InvalidInput
from shared.lines.dead_letters import DeadLetter
from shared.lines.head import Head
from shared.lines.line import LANES, Line, LineKind
from shared.messages.slices import Slice

router = APIRouter(
    prefix="/v1/dead-letters", tags=["dead letters"], route_class=GatedRoute, dependencies=[Depends(require_admin)]
)

_LISTING = "dead-letters"
_MAX_MESSAGE_IDS = 10
_WITHOUT_END = "SQS handed it to workers until it gave up: none of them came to an end with the line"
_UNREADABLE = "this is no wake-up of the proxy's: somebody else put it into the queue"

type QueueName = Literal["immediate", "high", "medium", "low", "reports", "mailbox"]

_EXAMPLES = {
    "everything": {"summary": "Of every queue", "value": {}},
    "lane": {"summary": "Ten of one lane", "value": {"queue": "low", "limit": 10}},
}


class QueueTotals(BaseModel):
    """How many messages a queue's dead letters are, by SQS's estimate."""

    queue: QueueName
    held: int = Field(examples=[3])
    in_flight: int = Field(description="How many of them are hidden just now, in another call's hands.", examples=[0])


class LineState(BaseModel):
    """The line as it is now, whatever became of the wake-up: the scheduler wakes it by itself when it is due."""

    has_work: bool
    next_wake_up_at: Timestamp | None
    blocked_until: Timestamp | None
    blocked_reason: str | None
    health: AccountHealth | None = Field(description="Of the account; null for reports and mailboxes.")
    message_ids: list[str] = Field(description="The first messages that wait in it, at most ten.", examples=[["MSG-1"]])
    last_tried_message_id: str | None = Field(description="Which a worker had in its hands when it died.")


class DeadLetterView(BaseModel):
    """One wake-up that was given up."""

    id: str = Field(description="SQS's id.", examples=["6b0e2c5e-94f2-4c4e-8a25-3f4d9b8f0d1a"])
    queue: QueueName
    tenant_id: str | None = Field(examples=["acme"])
    account_id: str | None = Field(examples=["main"])
    received: int = Field(description="How often it was received, looks by this API included.", examples=[1_001])
    queued_at: Timestamp = Field(description="When SQS took it into the queue; here, for a FIFO queue.")
    reason: str = Field(examples=[_WITHOUT_END])
    line: LineState | None = Field(description="Null for a message that is no wake-up.")


class DeadLetterList(BaseModel):
    """One page: dead letters of one queue after the other."""

    queues: list[QueueTotals]
    dead_letters: list[DeadLetterView]
    next_cursor: NextCursor


class RedriveCall(BaseModel):
    """Which of them, and how many."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    queue: Annotated[QueueName | None, Field(description="Of which queue; of all without it.")] = None
    limit: Annotated[int, Field(ge=1, le=1_000, description="How many at most.")] = 100


class RedrivenLine(BaseModel):
    """A line that was opened and woken."""

    queue: QueueName
    tenant_id: str = Field(examples=["acme"])
    account_id: str | None = Field(examples=["main"])


class RedriveAnswer(BaseModel):
    """What was done, and what is left."""

    redriven: int = Field(description="Dead letters that were replaced by a new wake-up, and are gone.", examples=[3])
    lines: list[RedrivenLine] = Field(description="Those that were woken; several dead letters may be of one.")
    without_line: int = Field(description="Lines that are no more, such as those of a deleted tenant.", examples=[0])
    unreadable: int = Field(description="Messages met that are no wake-ups. They stay.", examples=[0])
    left: list[QueueTotals] = Field(description="By SQS's estimate, which follows within a minute.")


@router.get("", summary="List the dead letters", responses=documented())
def list_dead_letters(
    services: Provided,
    limit: Annotated[int, Query(ge=1, le=100, description="How many at most.")] = 25,
    cursor: Cursor = None,
) -> DeadLetterList:
    """What SQS gave up on, with the state of its line. Nothing is lost by it: the line's own timer wakes the line.

    SQS has no places to go on from: a page tells of one queue after the other until it is full, and the next goes on
    with the queue after that. `held` tells how many there are; of one line at most ten are told. While a call looks,
    and for a minute if it dies, other calls do not see the same letters.
    """
    kinds = _from(cursor, services.dead_letters.kinds)
    found: list[DeadLetter] = []
    while kinds and len(found) < limit:
        found += services.dead_letters.peek(kinds.pop(0), limit=limit - len(found))
    return DeadLetterList(
        queues=_totals(services),
        dead_letters=_Describer(services, [each.line for each in found if each.line is not None]).views(found),
        next_cursor=encode_cursor(_LISTING, kinds[0].value) if kinds else None,
    )


@router.post("/redrive", summary="Bring dead letters back into their lines", responses=documented(body=True))
def redrive_dead_letters(
    services: Provided,
    call: Annotated[RedriveCall, Body(openapi_examples=_EXAMPLES)] = RedriveCall(),  # noqa: B008
) -> RedriveAnswer:
    """Opens each line, also one that waits for a relay, sends it a new wake-up, and deletes the dead letter after that.

    Works for 15 seconds at most; call again until nothing is left. Repeating it is harmless: a line that has nothing to
    do is woken for nothing.
    """
    kinds = services.dead_letters.kinds
    if call.queue is not None:
        if call.queue not in kinds:
            raise InvalidInput(f"this deployment has no queue {call.queue}", code="capability_off", pointer="/queue")
        kinds = (LineKind(call.queue),)
    done = services.dead_letters.redrive(kinds, limit=call.limit)
    return RedriveAnswer(
        redriven=done.messages,
        lines=[
            RedrivenLine(queue=_name(each.kind), tenant_id=each.tenant_id, account_id=each.account_id or None)
            for each in done.lines
        ],
        without_line=len(done.gone),
        unreadable=done.unreadable,
        left=_totals(services),
    )


class _Describer:
    """Reads the lines of a page: their heads and the accounts' health at once, the first slice of each by itself."""

    def __init__(self, services: Services, lines: list[Line]) -> None:
        lanes = list(dict.fromkeys(each for each in lines if each.kind in LANES))
        self._now = services.clock()
        self._heads: dict[Line, Head] = services.heads.read(lines)
        self._faults: dict[tuple[str, str], Fault] = services.health.faults_of(
            (each.tenant_id, each.account_id) for each in lanes
        )
        self._slices: dict[Line, Slice | None] = {each: services.slices.first(each) for each in lanes}

    def views(self, letters: list[DeadLetter]) -> list[DeadLetterView]:
        """As shown."""
        return [self._view(each) for each in letters]

    def _view(self, letter: DeadLetter) -> DeadLetterView:
        line = letter.line
        return DeadLetterView(
            id=letter.id,
            queue=_name(letter.queue),
            tenant_id=line.tenant_id if line else None,
            account_id=(line.account_id or None) if line else None,
            received=letter.receives,
            queued_at=iso8601(letter.queued_at),
            reason=_WITHOUT_END if line else _UNREADABLE,
            line=self._state(line) if line else None,
        )

    def _state(self, line: Line) -> LineState:
        head, first = self._heads.get(line), self._slices.get(line)
        wake_at = head.wake_at if head else None
        until = head.waits_until(self._now) if head else None
        fault = self._faults.get((line.tenant_id, line.account_id))
        return LineState(
            has_work=wake_at is not None,
            next_wake_up_at=iso8601(wake_at) if wake_at is not None else None,
            blocked_until=iso8601(until) if until is not None else None,
            blocked_reason=head.reason if head and until is not None else None,
            health=AccountHealth.of(fault) if line.kind in LANES else None,
            message_ids=[each.mail_id for each in first.entries[:_MAX_MESSAGE_IDS]] if first else [],
            last_tried_message_id=first.marked if first else None,
        )


def _totals(services: Services) -> list[QueueTotals]:
    return [
        QueueTotals(queue=_name(kind), held=depth.waiting + depth.in_flight, in_flight=depth.in_flight)
        for kind, depth in services.dead_letters.depths().items()
    ]


def _from(cursor: str | None, kinds: Sequence[LineKind]) -> list[LineKind]:
    """The queues to look at: all, or those from the one that the cursor names."""
    if cursor is None:
        return list(kinds)
    place = decode_cursor(_LISTING, cursor)
    names = [kind.value for kind in kinds]
    if place not in names:
        refuse_cursor()
    return list(kinds[names.index(place) :])


def _name(kind: LineKind) -> QueueName:
    return kind.value  # type: ignore[return-value]  # of a kind with a queue
