"""What follows from a receipt about a mail: an event of its legal timeline, or why it counts for nothing. Pure.

Recipients know a mail's Message-ID, so a receipt is made up easily: only what a provider signed is believed, and, where
trust anchors are configured, only if they vouch for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from shared.clock import Millis
from shared.pec.model import Certification, Receipt, ReceiptKind, Verification
from shared.suppression.model import canonical

MAX_DETAILS = 500  # characters
_NO_ERROR = "nessuno"
_NOBODY_VOUCHES = "signer not verified"


class PecEvent(StrEnum):
    """As reports name them (docs/reports.md)."""

    ACCEPTANCE = "pec_acceptance"
    DELIVERY = "pec_delivery"
    ERROR = "pec_error"
    WARNING = "pec_warning"
    RELAY = "pec_relay"


@dataclass(frozen=True, slots=True)
class PecConsequence:
    """`recipient` is None for what concerns the whole mail; `at` is the provider's own time, where it tells it."""

    event: PecEvent
    recipient: str | None
    at: Millis | None
    details: str


@dataclass(frozen=True, slots=True)
class Unverified:
    """A receipt that is recorded, and counts for nothing."""

    kind: ReceiptKind
    reason: str


_EVENTS = {
    ReceiptKind.ACCEPTANCE: PecEvent.ACCEPTANCE,
    ReceiptKind.NON_ACCEPTANCE: PecEvent.ERROR,
    ReceiptKind.TAKING_OVER: PecEvent.RELAY,
    ReceiptKind.DELIVERY: PecEvent.DELIVERY,
    ReceiptKind.DELIVERY_ERROR: PecEvent.ERROR,
    ReceiptKind.DELIVERY_WARNING: PecEvent.WARNING,
    ReceiptKind.VIRUS_FOUND: PecEvent.ERROR,
}
_ABOUT_A_RECIPIENT = frozenset([ReceiptKind.DELIVERY, ReceiptKind.DELIVERY_ERROR, ReceiptKind.DELIVERY_WARNING])
_BELIEVED = frozenset([Verification.TRUSTED, Verification.INTACT])


def consequence(receipt: Receipt, recipients: Sequence[str]) -> PecConsequence | Unverified:
    """`recipients` are those of the mail that the receipt names."""
    if receipt.signature.verification not in _BELIEVED:
        return Unverified(receipt.kind, f"{receipt.signature.verification}: {receipt.signature.flaw}")
    certification = receipt.certification
    if certification is None:
        return Unverified(receipt.kind, f"no certification data: {receipt.flaw}")
    if certification.message_id is None:
        return Unverified(receipt.kind, "the certification data names no message")
    recipient = _recipient(receipt.kind, certification, recipients)
    if recipient is None and receipt.kind in _ABOUT_A_RECIPIENT:
        return Unverified(receipt.kind, "it is about nobody that the mail was sent to")
    told = details(certification)
    if receipt.signature.verification is Verification.INTACT:
        told = "; ".join([_NOBODY_VOUCHES, told])[:MAX_DETAILS]
    return PecConsequence(_EVENTS[receipt.kind], recipient, certification.at, told)


def awaited_deliveries(acceptance: Certification) -> tuple[str, ...]:
    """The recipients of whom a receipt of delivery comes, or of its failure: the certified ones."""
    return tuple(each.address for each in acceptance.addressees if each.certified)


def details(certification: Certification) -> str:
    """What a person wants to know of a receipt, on one line."""
    said = (
        certification.error if certification.error != _NO_ERROR else None,
        certification.error_text,
        f"receipt {certification.receipt_form}" if certification.receipt_form else None,
        certification.provider,
        certification.identifier,
    )
    return "; ".join(each for each in said if each)[:MAX_DETAILS]


def _recipient(kind: ReceiptKind, certification: Certification, recipients: Sequence[str]) -> str | None:
    """As the mail spells it: the one named, or the only one that is mentioned."""
    if kind in (ReceiptKind.ACCEPTANCE, ReceiptKind.NON_ACCEPTANCE, ReceiptKind.TAKING_OVER):
        return None
    named = certification.recipient
    if named is None and len(certification.addressees) == 1:
        named = certification.addressees[0].address
    known = {canonical(each): each for each in recipients}
    return known.get(canonical(named)) if named else None
