"""What was read of a mail that came back: whom it is about, what became of them, and which mail it may be about.

All of it is what a stranger wrote. What follows from it is decided in `consequences`.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

MAX_FATES = 1_000  # of one report; a mail has at most 500 recipients
MAX_REASON = 500  # characters


class Kind(StrEnum):
    """What a mail in a bounce mailbox is. `other`: neither a report nor an automatic reply."""

    DELIVERY = "delivery"
    COMPLAINT = "complaint"
    DISPOSITION = "disposition"
    AUTO_REPLY = "auto_reply"
    OTHER = "other"


class Action(StrEnum):
    """RFC 3464 §2.3.3; `complained` is the one of RFC 5965."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"
    COMPLAINED = "complained"


class Strength(IntEnum):
    """How well a reference names a mail. `mentioned`: by In-Reply-To or References of the report alone; `returned`: by
    the Message-ID of the mail that was returned; `sealed`: by a token found in it, which nobody can make up."""

    MENTIONED = 1
    RETURNED = 2
    SEALED = 3


@dataclass(frozen=True, slots=True)
class Reference:
    """`value` is a token for `sealed`, else a Message-ID in angle brackets."""

    strength: Strength
    value: str


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one recipient. `original` is the address that the mail was first for, where the report tells it.

    `status` is the enhanced code (RFC 3463) that the report gives; `said` the one in the diagnostic text, `code` the
    SMTP reply there. `address` is empty in a complaint that does not tell who complains.
    """

    action: Action
    address: str
    original: str | None = None
    status: str | None = None
    said: str | None = None
    code: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """`references` in order of strength, the strongest first. `fates` only of deliveries and complaints."""

    kind: Kind
    fates: tuple[Fate, ...] = ()
    references: tuple[Reference, ...] = ()
