"""A sync call as it goes out: its body, and the signature that proves it to the tenant's endpoint.

Signed as Standard Webhooks says (https://www.standardwebhooks.com), besides the tenant's `client_auth`.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import BaseModel
from standardwebhooks import Webhook

from shared.clock import SECOND, Millis
from shared.identifiers import digest, new_ulid
from shared.reports.events import ReportEvent


class _Body(BaseModel):
    delivery_report: Sequence[ReportEvent]


def body_of(events: Sequence[ReportEvent]) -> bytes:
    """Without events it is a heartbeat."""
    return _Body(delivery_report=events).model_dump_json(exclude_none=True).encode()


def call_id(events: Sequence[ReportEvent], now: Millis) -> str:
    """The same for the same events, so that a repeated call is known as such; a heartbeat is never the same."""
    name = digest(*(event.event_id for event in events)) if events else new_ulid(now)
    return f"sync_{name}"


def signature(secrets: Sequence[str], identity: str, body: bytes, now: Millis) -> dict[str, str]:
    """The headers of Standard Webhooks: one signature for each of `secrets`, any of which the receiver may check."""
    at = datetime.fromtimestamp(now // SECOND, tz=UTC)
    headers = {"webhook-id": identity, "webhook-timestamp": str(now // SECOND)}
    if secrets:
        text = body.decode()
        headers["webhook-signature"] = " ".join(Webhook(each).sign(identity, at, text) for each in secrets)
    return headers
