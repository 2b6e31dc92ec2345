"""Signature version 4 of calls whose whole body is at hand and whose path needs no escaping
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html). Pure."""

import hashlib
import hmac
from datetime import UTC, datetime
from functools import lru_cache

from shared.aws.credentials import Credentials
from shared.clock import SECOND, Millis

ALGORITHM = "AWS4-HMAC-SHA256"


def signed(
    headers: dict[str, str],
    body: bytes,
    *,
    credentials: Credentials,
    region: str,
    service: str,
    now: Millis,
    method: str = "POST",
    path: str = "/",
) -> dict[str, str]:
    """`headers` of a call, `Host` among them, with those that prove who sent them and the body at `now`."""
    moment = datetime.fromtimestamp(now // SECOND, tz=UTC).strftime("%Y%m%dT%H%M%SZ")
    sent = headers | {"X-Amz-Date": moment}
    if credentials.token is not None:
        sent["X-Amz-Security-Token"] = credentials.token
    lines = sorted((name.lower(), value) for name, value in sent.items())
    names = ";".join(name for name, _ in lines)
    canonical = "\n".join(
        (method, path, "", *(f"{name}:{value}" for name, value in lines), "", names, hashlib.sha256(body).hexdigest())
    )
    scope = credential_scope(moment, region, service)
    text = f"{ALGORITHM}\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = signature_of(text, credentials=credentials, moment=moment, region=region, service=service)
    sent["Authorization"] = (
        f"{ALGORITHM} Credential={credentials.key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return sent


def credential_scope(moment: str, region: str, service: str) -> str:
    """What a signature of `moment` (`YYYYMMDDTHHMMSSZ`) is good for."""
    return f"{moment[:8]}/{region}/{service}/aws4_request"


def signature_of(text: str, *, credentials: Credentials, moment: str, region: str, service: str) -> str:
    """In hex."""
    key = _key_of_the_day(credentials.secret, moment[:8], region, service)
    return hmac.digest(key, text.encode(), "sha256").hex()


@lru_cache(maxsize=16)  # services and days
def _key_of_the_day(secret: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
