"""What was read of a mail from a PEC mailbox: a receipt with its details and its signature, or something else.

Names of kinds and errors are those of the rules (RFC 6109 §3, §4.4); what they mean for a mail is decided in
`consequences`.
"""

from dataclasses import dataclass
from enum import StrEnum

from shared.bounces.model import Reading
from shared.clock import Millis


class ReceiptKind(StrEnum):
    """The values of `X-Ricevuta`, and of `tipo` in daticert.xml."""

    ACCEPTANCE = "accettazione"
    NON_ACCEPTANCE = "non-accettazione"
    TAKING_OVER = "presa-in-carico"
    DELIVERY = "avvenuta-consegna"
    DELIVERY_ERROR = "errore-consegna"
    DELIVERY_WARNING = "preavviso-errore-consegna"
    VIRUS_FOUND = "rilevazione-virus"


class Verification(StrEnum):
    """What is known of a signature. `trusted`: whole, and the trust anchors vouch for the signer; `intact`: whole, no
    anchors are configured; `untrusted`: whole, of anybody; `broken`: not of this content; `unsigned`: there is none."""

    TRUSTED = "trusted"
    INTACT = "intact"
    UNTRUSTED = "untrusted"
    BROKEN = "broken"
    UNSIGNED = "unsigned"


@dataclass(frozen=True, slots=True)
class Signer:
    """Of the certificate that the signature was made with; `fingerprint` is its SHA-256 in hex."""

    subject: str
    issuer: str
    serial: str
    addresses: tuple[str, ...]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Signature:
    """`flaw` says why the verification is no better than it is."""

    verification: Verification
    signer: Signer | None = None
    flaw: str = ""


@dataclass(frozen=True, slots=True)
class Addressee:
    """A recipient of the mail as the provider saw it; only a certified one gets a delivery receipt."""

    address: str
    certified: bool


@dataclass(frozen=True, slots=True)
class Certification:
    """The content of daticert.xml. `message_id` in angle brackets; `recipient` is the one whom a receipt of delivery,
    or of its failure, is about; `error` as in the file (`nessuno`: none), `receipt_form` too (completa, breve,
    sintetica)."""

    kind: str
    error: str
    sender: str
    addressees: tuple[Addressee, ...]
    subject: str
    provider: str
    at: Millis | None
    identifier: str
    message_id: str | None
    recipient: str | None
    receipt_form: str | None
    error_text: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """`message_id` is that of the mail that it is about: by its certification data, or by its header where these name
    none. `certification` is None where the receipt has none that can be read; `flaw` says why."""

    kind: ReceiptKind
    message_id: str | None
    certification: Certification | None
    signature: Signature
    flaw: str = ""


@dataclass(frozen=True, slots=True)
class CertifiedMail:
    """A certified mail that somebody sent to the mailbox: no receipt."""


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Ordinary mail in the envelope that a provider puts around it: perhaps the report of a recipient without PEC."""

    reading: Reading


@dataclass(frozen=True, slots=True)
class OrdinaryMail:
    """Mail that no PEC provider had in hand; a report perhaps."""

    reading: Reading


type PecReading = Receipt | CertifiedMail | Anomaly | OrdinaryMail
