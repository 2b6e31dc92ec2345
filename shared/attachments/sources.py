"""Where an attachment's bytes come from: the mode is inferred from `storage_path` unless `fetch_mode` names it."""

import base64
import binascii
from enum import StrEnum

from shared.errors import InvalidInput

BASE64_PREFIX = "base64:"


class FetchMode(StrEnum):
    """How an attachment's bytes are fetched."""

    BASE64 = "base64"
    HTTP_URL = "http_url"
    FILESYSTEM = "filesystem"
    ENDPOINT = "endpoint"


AVAILABLE_MODES = frozenset({FetchMode.BASE64})


def infer_mode(storage_path: str, explicit: FetchMode | None = None) -> FetchMode:
    """The explicit mode wins; else prefix `base64:`, an http(s) URL, a leading slash; else the tenant's endpoint."""
    if explicit is not None:
        return explicit
    if storage_path.startswith(BASE64_PREFIX):
        return FetchMode.BASE64
    if storage_path.startswith(("http://", "https://")):
        return FetchMode.HTTP_URL
    if storage_path.startswith("/"):
        return FetchMode.FILESYSTEM
    return FetchMode.ENDPOINT


def decode_base64(storage_path: str) -> bytes:
    """Raises InvalidInput for anything but base64 (standard alphabet, white space allowed)."""
    text = storage_path.removeprefix(BASE64_PREFIX)
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput(f"not base64: {error}", code="invalid_base64") from error
