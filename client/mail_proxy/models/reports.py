"""Delivery reports: events as they are pushed and pulled, and how the pushes fare."""

from datetime import datetime
from typing import ClassVar, Literal

from pydantic import ConfigDict, Field

from mail_proxy.models.base import Answer, Settings


class RecipientResult(Answer):
    """What became of one recipient, with the relay's last reply about it."""

    address: str
    status: str
    code: int | None = None
    enhanced: str | None = None
    reply: str | None = None


class ReportEvent(Answer):
    """One event. `event_id` is the same whenever it comes: make it a unique key, for events come at least once.

    Exactly one `*_ts` is there (seconds since the epoch) and says what happened. What a later version adds is kept in
    `model_extra`.
    """

    model_config = ConfigDict(extra="allow")

    event_id: str
    tenant_id: str
    account_id: str
    id: str | None = None
    pk: str | None = None
    sent_ts: int | None = None
    error_ts: int | None = None
    error: str | None = None
    deferred_ts: int | None = None
    deferred_reason: str | None = None
    cancelled_ts: int | None = None
    bounce_ts: int | None = None
    bounce_type: str | None = None
    bounce_code: str | None = None
    bounce_reason: str | None = None
    delayed_ts: int | None = None
    delayed_reason: str | None = None
    complaint_ts: int | None = None
    complaint_type: str | None = None
    pec_event: str | None = None
    pec_ts: int | None = None
    pec_details: str | None = None
    recipient: str | None = None
    recipients: tuple[RecipientResult, ...] | None = None
    possible_duplicate: bool | None = None
    account_event: str | None = None
    account_ts: int | None = None
    reason: str | None = None


class EventEntry(Answer):
    """An event, and when an endpoint took it."""

    recorded_at: datetime
    acknowledged_at: datetime | None
    event: ReportEvent


class EventPage(Answer):
    """Some events. Go on with `next_cursor` until it is None; come back later with `resume_cursor`."""

    unknown_fields: ClassVar[Literal["ignore", "allow"]] = "allow"

    events: tuple[EventEntry, ...]
    next_cursor: str | None
    resume_cursor: str


class DeliveryReport(Answer):
    """A call of the report endpoint. Without events it is a heartbeat, which asks whether there is mail to submit."""

    unknown_fields: ClassVar[Literal["ignore", "allow"]] = "allow"

    delivery_report: tuple[ReportEvent, ...]


class ReportAnswer(Settings):
    """What the endpoint answers. `ok` acknowledges every event but those that `error` names, by `id` or `event_id`.

    `queued`: so much mail waits to be submitted, call again at once. `next_sync_after`: do not call without events
    before this time (seconds since the epoch).
    """

    ok: bool = True
    error: list[str] = Field(default_factory=list)
    not_found: list[str] = Field(default_factory=list)
    queued: int = 0
    next_sync_after: int | None = None


class ReplayCall(Settings):
    """Which acknowledged events to push again: by time, or of these messages or events."""

    ids: list[str] | None = None
    since: datetime | None = None
    until: datetime | None = None


class ReplayAnswer(Answer):
    """How many events go out again at once, and whether those are all."""

    events: int
    complete: bool
    notice: str


class SyncView(Answer):
    """How a tenant's endpoint fares, and when it is called next."""

    tenant_id: str
    status: Literal["working", "failing", "disabled", "no_endpoint", "inactive"]
    url: str | None
    last_call_at: datetime | None
    last_success_at: datetime | None
    next_sync_at: datetime | None
    do_not_disturb_until: datetime | None
    queued: int
    failures: int
    failing_since: datetime | None
    last_error: str | None
    disabled: Literal["gone", "failing"] | None
    disabled_at: datetime | None


class SyncList(Answer):
    """A page of how the endpoints fare."""

    tenants: tuple[SyncView, ...]
    next_cursor: str | None
