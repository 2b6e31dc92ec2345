"""Reads a mail from a PEC mailbox: octets in, a typed result out. Pure; nothing that arrives raises an error.

Certification data is looked for where the provider puts it, beside the text for people, and nowhere deeper: a certified
mail from a stranger holds whatever he attached, under his provider's signature.
"""

from shared.bounces.reader import read_part
from shared.clock import Millis
from shared.errors import InvalidInput
from shared.mime.headers import Headers
from shared.mime.parts import Part, parse
from shared.pec.certification import MAX_OCTETS as MAX_CERTIFICATION
from shared.pec.certification import angled, parse_certification
from shared.pec.model import (
    Anomaly,
    Certification,
    CertifiedMail,
    OrdinaryMail,
    PecReading,
    Receipt,
    ReceiptKind,
    Signature,
    Verification,
)
from shared.pec.signature import MAX_OCTETS as MAX_SIGNATURE
from shared.pec.signature import check
from shared.pec.trust import TrustAnchors

_SIGNATURES = frozenset(["application/pkcs7-signature", "application/x-pkcs7-signature"])
_ENCODED = 1.4  # of what base64 with line ends makes of an octet


def read(octets: bytes, anchors: TrustAnchors, at: Millis) -> PecReading:
    """What the mail is. `at` is when its signer must have been trusted: when it was received."""
    mail = parse(octets)
    word = mail.headers.get("x-ricevuta")
    if word is not None:
        return _receipt(mail, word, anchors, at) or OrdinaryMail(read_part(mail))
    match (mail.headers.get("x-trasporto") or "").lower():
        case "posta-certificata":
            return CertifiedMail()
        case "errore":
            content, _ = _signed(mail)
            return Anomaly(read_part(_enclosed_mail(content) or mail))
        case _:
            return OrdinaryMail(read_part(mail))


def _receipt(mail: Part, word: str, anchors: TrustAnchors, at: Millis) -> Receipt | None:
    """None where neither the header nor the certification data, which is signed and so goes first, is of a receipt: the
    header may have been put before a certified mail."""
    content, cms_octets = _signed(mail)
    certification, flaw = _certification(content)
    kind = _kind(certification.kind if certification else word)
    if kind is None:
        return None
    if cms_octets is None:
        signature = Signature(Verification.UNSIGNED, flaw="there is no signature")
    else:
        signature = check(cms_octets, content.octets, anchors, at)
    return Receipt(kind, _message_id(certification, mail.headers), certification, signature, flaw)


def _signed(mail: Part) -> tuple[Part, bytes | None]:
    """The part that is signed, and its signature; the whole mail where there is none."""
    if mail.media_type == "multipart/signed" and len(mail.children) == 2:
        content, signature = mail.children
        if signature.media_type in _SIGNATURES:
            return content, signature.body(round(MAX_SIGNATURE * _ENCODED) + 4)
    return mail, None


def _certification(content: Part) -> tuple[Certification | None, str]:
    """The one beside the text, and why there is none."""
    found = [part for part in content.children if (part.filename or "").lower() == "daticert.xml"]
    if len(found) != 1:
        return None, f"{len(found)} parts are named daticert.xml"
    try:
        return parse_certification(found[0].body(round(MAX_CERTIFICATION * _ENCODED) + 4)), ""
    except InvalidInput as error:
        return None, error.detail


def _kind(word: str | None) -> ReceiptKind | None:
    try:
        return ReceiptKind((word or "").strip().lower())
    except ValueError:
        return None


def _message_id(certification: Certification | None, headers: Headers) -> str | None:
    """The certification data is signed. Beside it the header counts for nothing, or a receipt of one mail could be sent
    on as that of another."""
    if certification is not None and certification.message_id is not None:
        return certification.message_id
    named = headers.get("x-riferimento-message-id")
    return angled(named) if named else None


def _enclosed_mail(content: Part) -> Part | None:
    """The mail within an envelope."""
    return next((part.children[0] for part in content.children if part.is_mail and part.children), None)
