"""Identifiers and sort keys: what ids may look like, ULIDs that keep their order, keys that order work by due time."""

import hashlib
from typing import Annotated

from pydantic import StringConstraints
from ulid import LaxMonotonicPolicy, ULIDGenerator

from shared.clock import Millis

OWNER_ID_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"
MAIL_ID_PATTERN = r"^[A-Za-z0-9._:@+=-]{1,255}$"

TenantId = Annotated[str, StringConstraints(pattern=OWNER_ID_PATTERN)]
AccountId = Annotated[str, StringConstraints(pattern=OWNER_ID_PATTERN)]
MailId = Annotated[str, StringConstraints(pattern=MAIL_ID_PATTERN)]
BatchCode = Annotated[str, StringConstraints(pattern=OWNER_ID_PATTERN)]

DUE_KEY_PATTERN = r"^[0-9]{13}#[0-9A-Z]{26}$"
_DUE_DIGITS = 13  # milliseconds reach 14 digits in the year 2286

_generator = ULIDGenerator(policy=LaxMonotonicPolicy())


def new_ulid(now: Millis) -> str:
    """A ULID stamped `now`; two made by this process within one millisecond keep the order they were made in."""
    return str(_generator.generate(now))


def due_key(due_at: Millis, ulid: str) -> str:
    """The sort key of a piece of work: due time first, then the order in which it was added."""
    return f"{due_at:0{_DUE_DIGITS}d}#{ulid}"


def due_before(instant: Millis) -> str:
    """The upper bound (exclusive) of the sort keys of all work due at `instant` or earlier."""
    return f"{instant + 1:0{_DUE_DIGITS}d}"


def due_at_of(key: str) -> Millis:
    """The due time inside a sort key made by `due_key`."""
    return int(key[:_DUE_DIGITS])


def digest(*parts: str) -> str:
    """128 bits of SHA-256 over `parts`, in hex: the same parts, the same id. Parts cannot run into each other."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
