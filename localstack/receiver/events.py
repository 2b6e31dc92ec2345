"""The delivery events a tenant is told, as the sync call carries them.

The shape is the one of the report protocol; fields this module doesn't name are kept, so that a test can look
at them and a newer proxy doesn't break an older receiver.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class EventKind(StrEnum):
    """What an event is about, told by which of its timestamps is set."""

    SENT = "sent"
    ERROR = "error"
    DEFERRED = "deferred"
    CANCELLED = "cancelled"
    BOUNCE = "bounce"
    DELAYED = "delayed"
    COMPLAINT = "complaint"
    PEC = "pec"
    ACCOUNT = "account"
    OTHER = "other"

    @property
    def is_final(self) -> bool:
        """Whether nothing more will be done for the mail's delivery."""
        return self in (EventKind.SENT, EventKind.ERROR, EventKind.CANCELLED)


class RecipientResult(BaseModel):
    """What the relay said about one recipient."""

    model_config = ConfigDict(extra="allow")

    address: str
    status: str
    code: int | None = None
    enhanced: str | None = None
    reply: str | None = None


class DeliveryEvent(BaseModel):
    """One entry of `delivery_report`. Timestamps are in epoch seconds."""

    model_config = ConfigDict(extra="allow")

    id: str | None = None
    tenant_id: str | None = None
    account_id: str | None = None
    pk: str | None = None
    event_id: str | None = None
    sent_ts: float | None = None
    recipients: list[RecipientResult] | None = None
    error_ts: float | None = None
    error: str | None = None
    deferred_ts: float | None = None
    deferred_reason: str | None = None
    cancelled_ts: float | None = None
    bounce_ts: float | None = None
    bounce_type: str | None = None
    bounce_code: str | None = None
    bounce_reason: str | None = None
    delayed_ts: float | None = None
    complaint_ts: float | None = None
    pec_event: str | None = None
    recipient: str | None = None
    account_event: str | None = None

    @property
    def kind(self) -> EventKind:
        """What the event is about."""
        marks = {
            EventKind.SENT: self.sent_ts,
            EventKind.ERROR: self.error_ts,
            EventKind.DEFERRED: self.deferred_ts,
            EventKind.CANCELLED: self.cancelled_ts,
            EventKind.BOUNCE: self.bounce_ts,
            EventKind.DELAYED: self.delayed_ts,
            EventKind.COMPLAINT: self.complaint_ts,
            EventKind.PEC: self.pec_event,
            EventKind.ACCOUNT: self.account_event,
        }
        return next((kind for kind, mark in marks.items() if mark is not None), EventKind.OTHER)


class SyncBody(BaseModel):
    """The body of a sync call; a heartbeat carries no event."""

    model_config = ConfigDict(extra="allow")

    delivery_report: list[DeliveryEvent] = []


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """An event as it arrived: in which call, when (epoch ms), and whether that call acknowledged it."""

    order: int
    call: int
    arrived_at: int
    headers: Mapping[str, str]
    event: DeliveryEvent
    acknowledged: bool
