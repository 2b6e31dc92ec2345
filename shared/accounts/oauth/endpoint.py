"""Asks a token endpoint, and reads its answer (RFC 6749 §5): a token, a refusal that only other settings can mend, or
no answer worth waiting for another.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final
from urllib.parse import urlencode

from pydantic import BaseModel, Field, ValidationError

from shared.accounts.oauth.settings import MAX_REFRESH_TOKEN_CHARACTERS
from shared.clock import DAY, HOUR, SECOND, Millis
from shared.errors import MailProxyError
from shared.outgoing.guard import AddressRefused, Guard

# Sent in AUTH's initial response, whose line takes 12,288 octets of base64 (RFC 4954 §4).
MAX_ACCESS_TOKEN_CHARACTERS: Final = 8_192
CALL_SECONDS: Final = 20
MALFORMED: Final = "malformed_answer"

_UNSAID_LIFETIME: Final[Millis] = HOUR  # expires_in is only RECOMMENDED; both Google and Microsoft give about an hour
_LONGEST_LIFETIME: Final[Millis] = DAY
_MAX_DETAIL = 500
_HEADERS = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
_BUSY_STATUS = {408, 425, 429}
_BUSY_ERROR = {"temporarily_unavailable", "server_error", "slow_down"}


class TokenFault(MailProxyError):
    """No access token can be had. `code` is the endpoint's, or ours; `detail` may quote the endpoint."""

    code = "token_fault"


class TokenRefused(TokenFault):
    """The endpoint says no, or is none: the account must be corrected."""

    code = "token_refused"


class TokenUnavailable(TokenFault):
    """No answer just now: worth another try."""

    code = "token_unavailable"


@dataclass(frozen=True, slots=True)
class Issued:
    """What the endpoint gave. `refresh_token` is one that replaces the one used, if there is one."""

    access_token: str = field(repr=False)
    lifetime: Millis
    refresh_token: str | None = field(default=None, repr=False)


class _Granted(BaseModel):
    access_token: Annotated[str, Field(min_length=1, max_length=MAX_ACCESS_TOKEN_CHARACTERS, pattern=r"^[!-~]+$")]
    token_type: Annotated[str | None, Field(pattern=r"^(?i:bearer)$")] = None
    expires_in: Annotated[int | None, Field(ge=1)] = None
    refresh_token: Annotated[
        str | None, Field(min_length=1, max_length=MAX_REFRESH_TOKEN_CHARACTERS, pattern=r"^[ -~]+$")
    ] = None


class _Denied(BaseModel):
    error: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
    error_description: object = None


class TokenEndpoint:
    """Any token endpoint that the guard lets through; keeps nothing between calls, which are an hour apart."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def ask(self, url: str, form: Mapping[str, str]) -> Issued:
        """One call of at most 20 seconds. Raises TokenRefused, TokenUnavailable."""
        # aiohttp takes longer to load than everything else in a sender; most accounts have a password.
        from shared.outgoing.http import CallFailed, GuardedHttp

        http = GuardedHttp(self._guard)
        try:
            async with asyncio.timeout(CALL_SECONDS):
                answer = await http.post(url, body=urlencode(form).encode(), headers=_HEADERS)
        except CallFailed as error:
            if error.code == AddressRefused.code:
                raise TokenRefused(f"token_url: {error.detail}", code=error.code) from error
            raise TokenUnavailable(f"the token endpoint gave no answer: {error.detail}") from error
        except TimeoutError as error:
            raise TokenUnavailable(f"the token endpoint gave no answer within {CALL_SECONDS} s") from error
        finally:
            await http.close()
        return read_answer(answer.status, answer.body)


def read_answer(status: int, body: bytes) -> Issued:
    """Raises TokenRefused, TokenUnavailable."""
    if status >= 500 or status in _BUSY_STATUS:
        raise TokenUnavailable(f"the token endpoint answered {status}", code=f"http_{status}")
    if 200 <= status < 300:
        return _granted(body)
    if status < 400:
        raise TokenRefused(f"the token endpoint answered {status}: token_url must name it directly", code=MALFORMED)
    try:
        denied = _Denied.model_validate_json(body)
    except ValidationError as error:
        detail = f"the token endpoint answered {status}, and not as RFC 6749 §5.2 says: is token_url right?"
        raise TokenRefused(detail, code=f"http_{status}") from error
    description = " ".join(str(denied.error_description or "").split())
    detail = f"the token endpoint answered {denied.error}: {description}".rstrip(": ")[:_MAX_DETAIL]
    if denied.error in _BUSY_ERROR:
        raise TokenUnavailable(detail, code=denied.error)
    raise TokenRefused(detail, code=denied.error)


def _granted(body: bytes) -> Issued:
    try:
        granted = _Granted.model_validate_json(body)
    except ValidationError as error:
        wrong = ", ".join(".".join(map(str, each["loc"])) or "body" for each in error.errors()[:5])
        detail = f"the token endpoint's answer is not as RFC 6749 §5.1 says ({wrong}): is token_url right?"
        # Without the cause: it quotes the answer, which may hold a token.
        raise TokenRefused(detail, code=MALFORMED) from None
    lifetime = granted.expires_in * SECOND if granted.expires_in else _UNSAID_LIFETIME
    return Issued(granted.access_token, min(lifetime, _LONGEST_LIFETIME), granted.refresh_token)
