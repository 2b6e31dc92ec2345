"""Reads a mail from a bounce mailbox: octets in, a typed result out. Pure; nothing that arrives raises an error.

Kinds are tried in the order of how certain they are: a report in a standard form, a bounce in one of the dialects that
servers wrote before, a reply that a machine sent for a person.
"""

from collections.abc import Sequence

from shared.bounces.automatic import has_null_return_path, is_automatic_reply, is_from_a_mail_system
from shared.bounces.delivery_status import MEDIA_TYPES as DELIVERY_STATUS
from shared.bounces.delivery_status import fates_in
from shared.bounces.dialects import fates_in_dialect
from shared.bounces.feedback import MEDIA_TYPE as FEEDBACK
from shared.bounces.feedback import complaints_in
from shared.bounces.model import Fate, Kind, Reading
from shared.bounces.references import references_in
from shared.mime.headers import MAX_HEADER_BYTES, Headers
from shared.mime.html import text_of_html
from shared.mime.parts import Part, parse, walk

_MAX_TEXT = 64 * 1024  # octets of what is said to people
_DISPOSITION = "message/disposition-notification"  # RFC 8098: it was displayed, or deleted
_RETURNED_HEADERS = frozenset(["text/rfc822-headers", "message/rfc822-headers", "message/global-headers"])


def read(octets: bytes) -> Reading:
    """What the mail says. At most 64 KB of its text are read, and the first 200 of its parts."""
    return read_part(parse(octets))


def read_part(mail: Part) -> Reading:
    """The same, of a mail that stands in another."""
    parts = list(walk(mail, into_mails=False))
    returned = [headers for part in parts if (headers := _returned_headers(part)) is not None]
    text, description = _told(parts)
    references = references_in(mail.headers, returned, text)
    kind, fates = _standard(parts, returned) or _other(mail.headers, text, description)
    return Reading(kind, fates, references)


def _standard(parts: Sequence[Part], returned: Sequence[Headers]) -> tuple[Kind, tuple[Fate, ...]] | None:
    fates: tuple[Fate, ...] = ()
    for part in parts:
        if part.media_type in DELIVERY_STATUS:
            fates += fates_in(part)
        elif part.media_type == FEEDBACK:
            return Kind.COMPLAINT, complaints_in(part, returned[0] if returned else None)
        elif part.media_type == _DISPOSITION:
            return Kind.DISPOSITION, ()
    return (Kind.DELIVERY, fates) if fates else None


def _other(headers: Headers, text: str, description: str | None) -> tuple[Kind, tuple[Fate, ...]]:
    """People quote bounces: only what a mail system sent is looked through for one."""
    automatic = is_automatic_reply(headers)
    if is_from_a_mail_system(headers) or (has_null_return_path(headers) and not automatic):
        fates = fates_in_dialect(headers, text, description)
        if fates:
            return Kind.DELIVERY, fates
    return (Kind.AUTO_REPLY if automatic else Kind.OTHER), ()


def _returned_headers(part: Part) -> Headers | None:
    if part.is_mail and part.children:
        return part.children[0].headers
    if part.media_type in _RETURNED_HEADERS:
        return Headers.parse(part.body(MAX_HEADER_BYTES))
    return None


def _told(parts: Sequence[Part]) -> tuple[str, str | None]:
    """The text for people, and the Content-Description of its first part. HTML only where there is nothing else."""
    plain = [part for part in parts if part.media_type == "text/plain"]
    if plain:
        room, texts = _MAX_TEXT, []
        for part in plain:
            texts.append(part.text(room))
            room -= min(room, part.end - part.body_start)
        return "\n".join(texts), plain[0].headers.get("content-description")
    for part in parts:
        if part.media_type == "text/html":
            return text_of_html(part.text(_MAX_TEXT)), part.headers.get("content-description")
    return "", None
