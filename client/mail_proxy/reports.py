"""Delivery reports at the receiving end: who called (Standard Webhooks), what is told, and what to answer.

The rules are in docs/reports.md. The helpers for web frameworks are in `mail_proxy.receivers`.
"""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import ValidationError

from mail_proxy.errors import InvalidArgument, UntrustedReport
from mail_proxy.models.reports import DeliveryReport

TOLERANCE: Final = 300  # seconds that a call may be old, or ahead
_PREFIX: Final = "whsec_"
_VERSION: Final = "v1,"


def verify_report(
    body: bytes, headers: Mapping[str, str], secret: str | Sequence[str], *, now: float | None = None
) -> DeliveryReport:
    """What the proxy reports, if it was the proxy who called.

    `body` is the bytes as they came. `secret` is the tenant's signing secret (`whsec_…`), or several while it is being
    replaced. `now` is in seconds since the epoch. Raises UntrustedReport; InvalidArgument for a secret that is none.

        report = verify_report(request.body, request.headers, os.environ["SIGNING_SECRET"])
        for event in report.delivery_report:
            print(event.event_id, event.id, event.sent_ts)
    """
    given = {name.lower(): value for name, value in headers.items()}
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    missing = [name for name in names if not given.get(name)]
    if missing:
        raise UntrustedReport(f"without {', '.join(missing)}")
    call_id, timestamp, signatures = (given[name] for name in names)
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 15):
        raise UntrustedReport("webhook-timestamp is not a time in seconds")
    if abs((time.time() if now is None else now) - int(timestamp)) > TOLERANCE:
        raise UntrustedReport(f"from more than {TOLERANCE} seconds ago or ahead")
    signed = f"{call_id}.{timestamp}.".encode() + body
    secrets = [secret] if isinstance(secret, str) else [*secret]
    expected = [hmac.digest(key_of(each), signed, hashlib.sha256) for each in secrets]
    if not any(hmac.compare_digest(one, other) for one in signatures_in(signatures) for other in expected):
        raise UntrustedReport("not signed with this secret")
    try:
        return DeliveryReport.of_json(body)
    except ValidationError as error:
        raise UntrustedReport("signed, but not a delivery report") from error


def key_of(secret: str) -> bytes:
    """The key of the HMAC. Raises InvalidArgument; the message does not show the secret."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise InvalidArgument("the signing secret is not whsec_ and base64")
    return key


def signatures_in(header: str) -> list[bytes]:
    """The signatures of the version that is known here; others are passed over, as the specification says."""
    found = []
    for each in header.split(" "):
        if each.startswith(_VERSION):
            try:
                found.append(base64.b64decode(each.removeprefix(_VERSION), validate=True))
            except (binascii.Error, ValueError):
                continue
    return found
