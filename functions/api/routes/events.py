"""The events of a tenant's mail, for tenants that pull them; and pushing them again."""

import re
from typing import Annotated, Self

from fastapi import APIRouter, Body, Depends, Query, status
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from functions.api.auth import require_tenant
from functions.api.cursors import (
    Cursor,
    Limit,
    decode_cursor,
    encode_cursor,
    instant_of,
    refuse_cursor,
    refuse_query,
)
from functions.api.gate import GatedRoute
from functions.api.idempotency import TAKES_IDEMPOTENCY_KEY
from functions.api.problems import documented
from functions.api.pushes import pushed_tenant
from functions.api.schema import DocumentedAs, NextCursor, TenantPath, Timestamp
from functions.api.services import Provided, Services
from shared.clock import SECOND, Millis, iso8601
from shared.errors import Conflict
from shared.identifiers import MAIL_ID_PATTERN
from shared.json_values import Moment
from shared.reports.events import ReportEvent
from shared.reports.pulling import BEGINNING, PLACE_PATTERN, PulledEvent, place_at
from shared.reports.replay import MAX_IDS, Begun, Wanted

router = APIRouter(
    prefix="/v1/tenants/{tenant_id}/events",
    tags=["reports"],
    route_class=GatedRoute,
    dependencies=[Depends(require_tenant)],
)

_REPLAY_AT_ONCE_FOR: Millis = 10 * SECOND  # of the 29 that a call may take
_REPLAYED = "The events are pushed again now."
_IN_BACKGROUND = "The rest is pushed again in the background, as the endpoint keeps up."
_SENT_EVENT = {
    "event_id": "5d41402abc4b2a76b9719d911017c592",
    "id": "MSG-001",
    "tenant_id": "acme",
    "account_id": "main",
    "pk": "9f86d081884c7d659a2feaa0c55ad015",
    "sent_ts": 1_769_853_600,
    "recipients": [
        {"address": "anna@example.com", "status": "sent", "code": 250, "enhanced": "2.0.0", "reply": "queued"}
    ],
}
_EXAMPLES = {
    "range": {
        "summary": "What was told while a database was restored",
        "value": {"since": "2026-01-31T10:00:00Z", "until": "2026-01-31T12:00:00Z"},
    },
    "ids": {"summary": "What was told of two messages", "value": {"ids": ["MSG-001", "MSG-002"]}},
}


class EventEntry(BaseModel):
    """An event, and what became of its push."""

    recorded_at: Timestamp = Field(
        description="When it was due to be pushed; up to a minute later if it was acknowledged together with others."
    )
    acknowledged_at: Timestamp | None = Field(description="Null while no endpoint has taken it.")
    event: Annotated[object, DocumentedAs(ReportEvent)] = Field(
        description="As it is pushed (docs/reports.md).", examples=[_SENT_EVENT]
    )

    @classmethod
    def of(cls, pulled: PulledEvent) -> "EventEntry":
        """The event as shown."""
        return cls(
            recorded_at=iso8601(pulled.recorded_at),
            acknowledged_at=None if pulled.acknowledged_at is None else iso8601(pulled.acknowledged_at),
            event=pulled.event.model_dump(mode="json", exclude_none=True),
        )


class EventPage(BaseModel):
    """One page of a tenant's events, in their order."""

    events: list[EventEntry]
    next_cursor: NextCursor
    resume_cursor: str = Field(
        description="Never null: give it as `cursor` another time, to get what has been recorded since.",
        examples=["q1x2rPpW5kqhMTc2OTg1MzYwMDAwMCMwMUsyUTVYNFpK"],
    )


class ReplayCall(BaseModel):
    """Which acknowledged events are to be pushed again: of a time, or of some messages, or both."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    since: Annotated[Moment | None, Field(description="What was recorded then or later.")] = None
    until: Annotated[Moment | None, Field(description="And before this time; else until now.")] = None
    ids: Annotated[
        list[Annotated[str, StringConstraints(pattern=MAIL_ID_PATTERN)]] | None,
        Field(
            min_length=1,
            max_length=MAX_IDS,
            description="Ids of messages, or event ids. They are looked for in the whole log, or from `since` on.",
        ),
    ] = None

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if self.since is None and self.ids is None:
            raise PydanticCustomError("missing", "since or ids is needed")
        if self.since is not None and self.until is not None and self.until < self.since:
            raise PydanticCustomError("invalid_range", "until is before since: nothing can lie between")
        return self


class ReplayAnswer(BaseModel):
    """How far the replay has come."""

    events: int = Field(description="How many events are pushed again so far.", examples=[1200])
    complete: bool = Field(description="False: the rest follows in the background.")
    notice: str = Field(examples=[_REPLAYED])

    @classmethod
    def of(cls, begun: Begun) -> "ReplayAnswer":
        """The answer of one call."""
        notice = _REPLAYED if begun.complete else _IN_BACKGROUND
        return cls(events=begun.events, complete=begun.complete, notice=notice)


@router.get("", summary="Pull events", responses=documented(404))
def list_events(
    tenant_id: TenantPath,
    services: Provided,
    since: Annotated[
        Moment | None, Query(description="Where to begin without a cursor: what was recorded then or later.")
    ] = None,
    until: Annotated[Moment | None, Query(description="Only those recorded before this time.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> EventPage:
    """What was reported, and what waits to be, in the order of the pushes. Keep `resume_cursor` with what you have
    recorded, and go on from it: no event is missed.

    An event is listed from a minute after it was recorded, so that none can come later and before it, until it is
    dropped: an acknowledged one after the instance's `events_retention_seconds`, another after 90 days. One that moves
    while it is read (it was acknowledged, or refused) may be listed again: `event_id` tells.
    """
    first, last = instant_of(since), instant_of(until)
    if first is not None and last is not None and first > last:
        refuse_query("until", "before since: nothing can lie between", code="invalid_range")
    services.tenants.get(tenant_id)
    listing = f"events#{tenant_id}"
    place = BEGINNING if first is None else place_at(first)
    if cursor is not None:
        place = _checked(decode_cursor(listing, cursor))
    page = services.events.read(tenant_id, place, until=last, limit=limit)
    resume = encode_cursor(listing, page.place)
    return EventPage(
        events=[EventEntry.of(each) for each in page.events],
        next_cursor=None if page.complete else resume,
        resume_cursor=resume,
    )


@router.post(
    "/replay",
    summary="Push events again",
    status_code=status.HTTP_202_ACCEPTED,
    dependencies=[TAKES_IDEMPOTENCY_KEY],
    responses=documented(404, 409, body=True),
)
def replay_events(
    tenant_id: TenantPath,
    call: Annotated[ReplayCall, Body(openapi_examples=_EXAMPLES)],
    services: Provided,
) -> ReplayAnswer:
    """Acknowledged events that are still kept, under their own event ids; those not acknowledged are pushed anyway.
    At most 20,000 at once, and none while older ones wait; the rest follows in the background, behind what happens
    meanwhile.

    409 with `no_endpoint`, `inactive` or `push_disabled` when nothing would be pushed (`POST …/sync` enables a push),
    `too_many_replays` while ten are under way.
    """
    _refuse_without_push(services, tenant_id)
    now = services.clock()
    until = instant_of(call.until)
    wanted = Wanted(
        since=instant_of(call.since),
        until=now if until is None else min(until, now),
        ids=None if call.ids is None else frozenset(call.ids),
    )
    return ReplayAnswer.of(services.replays.begin(tenant_id, wanted, within=_REPLAY_AT_ONCE_FOR))


def _refuse_without_push(services: Services, tenant_id: str) -> None:
    pushed_tenant(services, tenant_id)
    if services.syncs.get(tenant_id).is_disabled:
        reason = f"the push of tenant {tenant_id} is disabled: POST /v1/tenants/{tenant_id}/sync enables it"
        raise Conflict(reason, code="push_disabled")


def _checked(place: str) -> str:
    if not re.fullmatch(PLACE_PATTERN, place):
        refuse_cursor()
    return place
