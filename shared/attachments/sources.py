"""Where an attachment's bytes come from: the mode is inferred from `storage_path` unless `fetch_mode` names it.

Pure.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from shared.attachments.uploads import is_upload_id
from shared.errors import InvalidInput
from shared.storages.paths import refuse_tricks

BASE64_PREFIX: Final = "base64:"
UPLOAD_PREFIX: Final = "upload:"
STORAGE_PREFIX: Final = "storage:"
S3_PREFIX: Final = "s3://"
_MAX_ASKED_FOR: Final = 2_000  # characters
_STORED = re.compile(r"([A-Za-z0-9_-]{1,64})[:/](.+)", re.DOTALL)  # a storage's name, and a path in it
_NAMED = re.compile(r"[A-Za-z0-9_-]{1,64}:.+", re.DOTALL)
_BUCKET_AND_KEY = re.compile(r"([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(.+)", re.DOTALL)


class FetchMode(StrEnum):
    """How an attachment's bytes are fetched."""

    BASE64 = "base64"
    HTTP_URL = "http_url"
    FILESYSTEM = "filesystem"
    ENDPOINT = "endpoint"
    S3 = "s3"
    STORAGE = "storage"
    UPLOAD = "upload"


FETCHED_MODES: Final = frozenset(
    {FetchMode.HTTP_URL, FetchMode.ENDPOINT, FetchMode.S3, FetchMode.STORAGE, FetchMode.UPLOAD}
)
AVAILABLE_MODES: Final = FETCHED_MODES | {FetchMode.BASE64}


@dataclass(frozen=True, slots=True)
class ObjectPlace:
    """`s3://bucket/key`."""

    bucket: str
    key: str


@dataclass(frozen=True, slots=True)
class StoredPlace:
    """`NAME:path`, `storage:NAME/path`: a path within a storage of the tenant's."""

    storage: str
    path: str


def infer_mode(storage_path: str, explicit: FetchMode | None = None) -> FetchMode:
    """The explicit mode wins; else what the path begins with: `base64:`, an http(s) URL, a slash, `s3://`, `upload:`,
    `storage:` or a storage's name and a colon; else the tenant's endpoint.
    """
    if explicit is not None:
        return explicit
    beginnings = (
        (BASE64_PREFIX, FetchMode.BASE64),
        ("http://", FetchMode.HTTP_URL),
        ("https://", FetchMode.HTTP_URL),
        ("/", FetchMode.FILESYSTEM),
        (S3_PREFIX, FetchMode.S3),
        (UPLOAD_PREFIX, FetchMode.UPLOAD),
    )
    for beginning, mode in beginnings:
        if storage_path.startswith(beginning):
            return mode
    return FetchMode.STORAGE if _NAMED.fullmatch(storage_path) else FetchMode.ENDPOINT


def decode_base64(storage_path: str) -> bytes:
    """Raises InvalidInput for anything but base64 (standard alphabet, white space allowed)."""
    text = storage_path.removeprefix(BASE64_PREFIX)
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput(f"not base64: {error}", code="invalid_base64") from error


def upload_id(storage_path: str) -> str:
    """Raises InvalidInput for what no upload can be called."""
    found = storage_path.removeprefix(UPLOAD_PREFIX)
    if not is_upload_id(found):
        raise InvalidInput("expected upload: and the id of an upload", code="invalid_path")
    return found


def object_place(storage_path: str) -> ObjectPlace:
    """Raises InvalidInput for anything but a bucket and a plain key."""
    found = _BUCKET_AND_KEY.fullmatch(storage_path.removeprefix(S3_PREFIX))
    if found is None:
        raise InvalidInput("expected s3://bucket/key", code="invalid_path")
    return ObjectPlace(found[1], refuse_tricks(found[2]))


def stored_place(storage_path: str) -> StoredPlace:
    """Raises InvalidInput for anything but the name of a storage and a plain path."""
    found = _STORED.fullmatch(storage_path.removeprefix(STORAGE_PREFIX))
    if found is None:
        raise InvalidInput("expected NAME:path, or storage:NAME/path", code="invalid_path")
    return StoredPlace(found[1], refuse_tricks(found[2]))


def refuse_unreadable(mode: FetchMode, storage_path: str) -> None:
    """Raises InvalidInput for a path that is none of its mode's. What lies there is seen when it is fetched."""
    match mode:
        case FetchMode.BASE64:
            decode_base64(storage_path)
        case FetchMode.UPLOAD:
            upload_id(storage_path)
        case FetchMode.S3:
            object_place(storage_path)
        case FetchMode.STORAGE:
            stored_place(storage_path)
        case FetchMode.HTTP_URL:
            _refuse_no_url(storage_path)
        case FetchMode.ENDPOINT:
            _refuse_too_long(storage_path)
        case FetchMode.FILESYSTEM:
            return


def _refuse_too_long(storage_path: str) -> None:
    if len(storage_path) > _MAX_ASKED_FOR:
        raise InvalidInput(
            f"a path at the tenant's endpoint has at most {_MAX_ASKED_FOR:,} characters, not {len(storage_path):,}",
            code="too_long",
        )


def _refuse_no_url(storage_path: str) -> None:
    if not re.fullmatch(r"https?://[^\s/?#@]+([/?][!-~]*)?", storage_path) or "#" in storage_path:
        raise InvalidInput("expected an http(s) URL of visible ASCII, without user, password or #", code="invalid_url")
    if len(storage_path) > 2_000:
        raise InvalidInput("a URL has at most 2,000 characters", code="too_long")
