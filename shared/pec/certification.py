"""Reads daticert.xml, the certification data in each receipt (RFC 6109 §4.4): the authority for a receipt's details."""

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError

from shared.clock import Millis
from shared.errors import InvalidInput
from shared.pec.model import Addressee, Certification

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_OCTETS = 512 * 1024
MAX_ADDRESSEES = 1_000
_MAX_VALUE = 1_000  # characters


def parse_certification(octets: bytes) -> Certification:
    """Raises InvalidInput for what is no certification data: too large, no XML, with entities, or of another root."""
    root = _root(octets)
    if root.tag != "postacert":
        raise InvalidInput(f"the root is {root.tag[:40]!r}, expected postacert", code="invalid_daticert")
    message_id = _text(root, "dati/msgid")
    return Certification(
        kind=root.get("tipo", "")[:_MAX_VALUE].strip(),
        error=root.get("errore", "nessuno")[:_MAX_VALUE].strip(),
        sender=_text(root, "intestazione/mittente"),
        addressees=_addressees(root),
        subject=_text(root, "intestazione/oggetto"),
        provider=_text(root, "dati/gestore-emittente"),
        at=_instant(root),
        identifier=_text(root, "dati/identificativo"),
        message_id=angled(message_id) if message_id else None,
        recipient=_text(root, "dati/consegna") or None,
        receipt_form=_receipt_form(root),
        error_text=_text(root, "dati/errore-esteso"),
    )


def angled(message_id: str) -> str:
    """A Message-ID in angle brackets, whether it has them or not."""
    return f"<{message_id.strip().strip('<>')}>"


def _root(octets: bytes) -> "Element":
    """Entities are refused, and with them whatever grows by them or reaches beyond the file."""
    from defusedxml.ElementTree import fromstring

    if len(octets) > MAX_OCTETS:
        raise InvalidInput(f"daticert.xml has {len(octets)} octets, more than {MAX_OCTETS}", code="invalid_daticert")
    try:
        root: Element = fromstring(octets)
    except (ParseError, ValueError, LookupError) as error:  # the refusals of defusedxml are ValueErrors
        reason = str(error) or type(error).__name__
        raise InvalidInput(f"daticert.xml cannot be read: {reason[:200]}", code="invalid_daticert") from error
    return root


def _text(root: "Element", path: str) -> str:
    return " ".join((root.findtext(path) or "")[:_MAX_VALUE].split())


def _addressees(root: "Element") -> tuple[Addressee, ...]:
    found = root.findall("intestazione/destinatari")[:MAX_ADDRESSEES]
    return tuple(
        Addressee((each.text or "")[:_MAX_VALUE].strip(), each.get("tipo", "certificato") == "certificato")
        for each in found
    )


def _receipt_form(root: "Element") -> str | None:
    found = root.find("dati/ricevuta")
    return None if found is None else found.get("tipo", "completa")[:_MAX_VALUE]


def _instant(root: "Element") -> Millis | None:
    """`giorno` is dd/mm/yyyy, `ora` hh:mm:ss, `zona` such as +0200. None where there is no such instant."""
    data = root.find("dati/data")
    if data is None:
        return None
    day, hour, zone = _text(data, "giorno"), _text(data, "ora"), data.get("zona", "")
    try:
        local = datetime.strptime(f"{day} {hour}", "%d/%m/%Y %H:%M:%S").replace(tzinfo=_zone(zone))
        return round(local.timestamp() * 1_000)
    except (ValueError, OverflowError):
        return None


def _zone(zone: str) -> timezone:
    """Raises ValueError."""
    sign, digits = zone[:1], zone[1:].replace(":", "")
    if sign not in ("+", "-") or len(digits) != 4 or not digits.isdecimal():
        raise ValueError("no zone")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if sign == "-" else offset)
