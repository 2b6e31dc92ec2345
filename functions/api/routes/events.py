"""The events of a tenant's mail, for tenants that pull them; and pushing them again."""

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, BaseModel, Field

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
from functions.api.problems import documented
from functions.api.schema import DocumentedAs, NextCursor, TenantPath, Timestamp
from functions.api.services import Provided
from shared.clock import iso8601
from shared.reports.events import ReportEvent
from shared.reports.pulling import BEGINNING, PLACE_PATTERN, PulledEvent, place_at

router = APIRouter(
    prefix="/v1/tenants/{tenant_id}/events",
    tags=["reports"],
    route_class=GatedRoute,
    dependencies=[Depends(require_tenant)],
)


class EventEntry(BaseModel):
    """An event, and what became of its push."""

    recorded_at: Timestamp = Field(
        description="When it was due to be pushed; up to a minute later if it was acknowledged together with others."
    )
    acknowledged_at: Timestamp | None = Field(description="Null while no endpoint has taken it.")
    event: Annotated[object, DocumentedAs(ReportEvent)] = Field(description="As it is pushed (docs/reports.md).")

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
        description="Never null: give it as `cursor` another time, to get what has been recorded since."
    )


@router.get("", summary="Pull events", responses=documented(404))
def list_events(
    tenant_id: TenantPath,
    services: Provided,
    since: Annotated[
        AwareDatetime | None, Query(description="Where to begin without a cursor: what was recorded then or later.")
    ] = None,
    until: Annotated[AwareDatetime | None, Query(description="Only those recorded before this time.")] = None,
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
        refuse_query("until", "before since: nothing can lie between")
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


def _checked(place: str) -> str:
    if not re.fullmatch(PLACE_PATTERN, place):
        refuse_cursor()
    return place
