"""Cursors: opaque places in a list. Each belongs to one list, such as one tenant's messages.

A cursor holds a place, never a database key: keys are composed anew from the tenant in the path, so that no cursor,
however made, leads into another tenant's data (docs/adr/0080). Its mark tells cursors of other lists, and mangled ones,
apart.
"""

import base64
import binascii
import hashlib
import hmac
import re
from datetime import datetime
from typing import Annotated, Never

from fastapi import Query
from fastapi.exceptions import RequestValidationError

from shared.clock import LAST_INSTANT, SECOND, Millis
from shared.identifiers import OWNER_ID_PATTERN

MAX_LENGTH = 600
_MARK_BYTES = 9

Limit = Annotated[int, Query(ge=1, le=1_000, description="How many at most.")]
Cursor = Annotated[
    str | None,
    Query(max_length=MAX_LENGTH, description="`next_cursor` of the page before, to go on after it."),
]


def encode_cursor(listing: str, place: str) -> str:
    """The cursor of `place` in the list named `listing`."""
    text = place.encode()
    return base64.urlsafe_b64encode(_mark(listing, text) + text).decode().rstrip("=")


def decode_cursor(listing: str, cursor: str) -> str:
    """The place. Raises RequestValidationError for anything that `encode_cursor` did not make for this list."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        mark, text = raw[:_MARK_BYTES], raw[_MARK_BYTES:]
        place = text.decode()
    except (binascii.Error, ValueError):
        refuse_cursor()
    if not hmac.compare_digest(mark, _mark(listing, text)) or encode_cursor(listing, place) != cursor:
        refuse_cursor()
    return place


def decode_owner_id(listing: str, cursor: str) -> str:
    """As `decode_cursor`, for lists in order of the ids of tenants or accounts."""
    place = decode_cursor(listing, cursor)
    if not re.fullmatch(OWNER_ID_PATTERN, place):
        refuse_cursor()
    return place


def decode_pair(listing: str, cursor: str) -> tuple[str, str]:
    """As `decode_owner_id`, for lists in order of tenant and account; the place is both, with `#` between."""
    tenant_id, _, account_id = decode_cursor(listing, cursor).partition("#")
    if not all(re.fullmatch(OWNER_ID_PATTERN, each) for each in (tenant_id, account_id)):
        refuse_cursor()
    return tenant_id, account_id


def refuse_cursor() -> Never:
    """Raises RequestValidationError for the query parameter `cursor`."""
    refuse_query(
        "cursor",
        "not a cursor of this list: take next_cursor as it was answered, or start without one",
        code="invalid_cursor",
    )


def refuse_query(name: str, reason: str, *, code: str = "invalid") -> Never:
    """Raises RequestValidationError for a query parameter."""
    raise RequestValidationError([{"type": code, "loc": ("query", name), "msg": reason}])


def instant_of(moment: datetime | None) -> Millis | None:
    """A time that a list is to begin or end at, within what its keys can say."""
    if moment is None:
        return None
    return min(max(0, int(moment.timestamp() * SECOND)), LAST_INSTANT)


def _mark(listing: str, text: bytes) -> bytes:
    return hashlib.sha256(listing.encode() + b"\0" + text).digest()[:_MARK_BYTES]
