"""The form of URLs that tenants name. Where they lead is checked when they are used, in `guard`."""

from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

MAX_URL_LENGTH = 2_000


def _checked(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise PydanticCustomError("invalid_url", "{reason}", {"reason": str(error)}) from error
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise PydanticCustomError("invalid_url", "expected http(s)://host[:port][/path]")
    if parts.fragment:
        raise PydanticCustomError("invalid_url", "a URL that is called has no fragment")
    return parts


def _check_base_url(url: str) -> str:
    parts = _checked(url)
    if parts.username is not None or parts.password is not None:
        raise PydanticCustomError("invalid_url", "credentials belong into client_auth, not into the URL")
    if parts.query:
        raise PydanticCustomError("invalid_url", "a base URL has no query")
    return url.rstrip("/")


def _check_endpoint_url(url: str) -> str:
    parts = _checked(url)
    if parts.username is not None or parts.password is not None:
        raise PydanticCustomError("invalid_url", "credentials do not belong into the URL")
    return url


BaseUrl = Annotated[
    str,
    StringConstraints(max_length=MAX_URL_LENGTH, pattern=r"^[!-~]+$"),
    AfterValidator(_check_base_url),
]
EndpointUrl = Annotated[
    str,
    StringConstraints(max_length=MAX_URL_LENGTH, pattern=r"^[!-~]+$"),
    AfterValidator(_check_endpoint_url),
]
UrlPath = Annotated[str, StringConstraints(max_length=MAX_URL_LENGTH, pattern=r"^/[!-\"$-~]*$")]
