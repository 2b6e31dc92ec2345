"""A sync call as it goes out: where to, with which body, and with what proves it to the tenant's endpoint.

Signed as Standard Webhooks says (https://www.standardwebhooks.com), besides the tenant's `client_auth`.
"""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import BaseModel
from standardwebhooks import Webhook

from shared.clock import SECOND, Millis
from shared.identifiers import digest, new_ulid
from shared.instance.model import Instance
from shared.reports.events import ReportEvent
from shared.tenants.model import DEFAULT_SYNC_PATH, AuthMethod, Tenant


class _Body(BaseModel):
    delivery_report: Sequence[ReportEvent]


def sync_url(tenant: Tenant, instance: Instance) -> str | None:
    """Where the tenant's events go: its own base URL, else the instance's; None when neither is set."""
    if tenant.client_base_url is not None:
        return tenant.client_base_url + (tenant.client_sync_path or DEFAULT_SYNC_PATH)
    if instance.client_base_url is not None:
        path = tenant.client_sync_path or instance.client_sync_path or DEFAULT_SYNC_PATH
        return instance.client_base_url + path
    return None


def body_of(events: Sequence[ReportEvent]) -> bytes:
    """Without events it is a heartbeat."""
    return _Body(delivery_report=events).model_dump_json(exclude_none=True).encode()


def call_id(events: Sequence[ReportEvent], now: Millis) -> str:
    """The same for the same events, so that a repeated call is known as such; a heartbeat is never the same."""
    name = digest(*(event.event_id for event in events)) if events else new_ulid(now)
    return f"sync_{name}"


def authorization(tenant: Tenant, secret: str | None) -> dict[str, str]:
    """The header of `client_auth`."""
    match tenant.auth_method:
        case AuthMethod.BEARER:
            return {"Authorization": f"Bearer {secret or ''}"}
        case AuthMethod.BASIC:
            pair = f"{tenant.auth_user or ''}:{secret or ''}".encode()
            return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
        case AuthMethod.NONE:
            return {}


def signature(secrets: Sequence[str], identity: str, body: bytes, now: Millis) -> dict[str, str]:
    """The headers of Standard Webhooks: one signature for each of `secrets`, any of which the receiver may check."""
    at = datetime.fromtimestamp(now // SECOND, tz=UTC)
    headers = {"webhook-id": identity, "webhook-timestamp": str(now // SECOND)}
    if secrets:
        text = body.decode()
        headers["webhook-signature"] = " ".join(Webhook(each).sign(identity, at, text) for each in secrets)
    return headers
