"""Report endpoints for web frameworks: each checks who calls, hands over the events, and answers.

`mail_proxy.receivers.fastapi` and `mail_proxy.receivers.flask` need their framework, which the client does not bring.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mail_proxy.errors import UntrustedReport
from mail_proxy.models.reports import DeliveryReport, ReportAnswer
from mail_proxy.reports import verify_report

DEFAULT_PATH: Final = "/mail-proxy/sync"
MAX_BYTES: Final = 50_000_000  # far above what 500 events with the replies of a few recipients each come to


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is answered instead: nothing is acknowledged by it."""

    status: int
    detail: str


TOO_LARGE: Final = Refusal(413, f"more than {MAX_BYTES} bytes")


def checked(body: bytes, headers: Mapping[str, str], secret: str | Sequence[str]) -> DeliveryReport | Refusal:
    """The report, or how to refuse it."""
    try:
        return verify_report(body, headers, secret)
    except UntrustedReport as error:
        return Refusal(401, str(error))


def rendered(answer: ReportAnswer | None) -> bytes:
    """What to answer when all events were recorded. None acknowledges them all."""
    said = answer or ReportAnswer()
    return json.dumps({"ok": said.ok} | said.model_dump(exclude_defaults=True)).encode()
