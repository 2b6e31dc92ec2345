"""Composes a mail: its content to the bytes on the wire.

Always 7-bit (quoted-printable or base64), so that nothing depends on what the relay can take; lines end in CRLF and
stay below 998 octets (RFC 5321 §4.5.3.1.6); bcc never shows. How headers are written is in `headers`.
"""

import base64
import binascii
import hashlib
import mimetypes
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from urllib.parse import quote

from shared.attachments.sources import decode_base64
from shared.clock import SECOND, Millis
from shared.delivery.headers import as_it_is, folded, mailboxes, one_line, unstructured
from shared.messages.model import Attachment, Content, ListUnsubscribe

TOKEN_HEADER = "X-Mail-Proxy-ID"  # noqa: S105 - a name, no secret
_LINE_END = b"\r\n"
_SEVEN_BIT_LINE = 76  # longer lines are encoded, so that no relay has to fold them
_PARAMETER_PIECE = 60  # characters of a long filename on each line
_DEFAULT_TYPE = "application/octet-stream"
_COMPOSITE = ("message/", "multipart/")  # cannot be base64 (RFC 2045 §6.4)
_BOUNDARY = "=_"  # what encoded text never holds (RFC 2045 §6.7), and begins each boundary


@dataclass(frozen=True, slots=True)
class _Part:
    """A body with the headers that describe it: whole lines, without the last line end."""

    headers: Sequence[str]
    body: bytes


def compose(content: Content, *, token: str, composed_at: Millis, files: Mapping[str, bytes] | None = None) -> bytes:
    """The mail, headers and body. `token` names it in Message-ID and X-Mail-Proxy-ID; it is the same at every try.
    `files` are the attachments that were fetched, by `storage_path`.

    7-bit, but for addresses whose local part is not ASCII: those stand as UTF-8 (RFC 6532), and need SMTPUTF8 of the
    relay. Raises InvalidInput when an attachment's bytes cannot be read, or a header holds a line break.
    """
    body = _body(content, files or {}, boundary=_BOUNDARY + hashlib.sha256(token.encode()).hexdigest()[:32])
    # The mail's own headers first, then those of its body: the order in which people read them.
    return _flattened(_Part([*_headers(content, token, composed_at), *body.headers], body.body))


def message_id(content: Content, token: str) -> str:
    """The client's own, else the token at the domain of the sender."""
    return content.message_id or f"<{token}@{content.from_.address.rpartition('@')[2]}>"


def _headers(content: Content, token: str, composed_at: Millis) -> Iterator[str]:
    yield mailboxes("From", [content.from_])
    for name, addresses in (("To", content.to), ("Cc", content.cc), ("Reply-To", content.reply_to)):
        if addresses:
            yield mailboxes(name, addresses)
    yield unstructured("Subject", content.subject)
    yield as_it_is("Date", formatdate(composed_at / SECOND))
    yield as_it_is("Message-ID", message_id(content, token))
    yield as_it_is(TOKEN_HEADER, token)
    if content.list_unsubscribe is not None:
        yield from _list_unsubscribe(content.list_unsubscribe)
    for name, value in content.headers.items():
        yield unstructured(name, value)
    yield "MIME-Version: 1.0"


def _list_unsubscribe(how: ListUnsubscribe) -> Iterator[str]:
    """RFC 2369 §3.2, and RFC 8058 §3.1 for one click."""
    mailto = f"mailto:{how.mailto}" if how.mailto else None
    ways = [f"<{way}>" for way in (mailto, how.url) if way]
    yield as_it_is("List-Unsubscribe", ", ".join(ways))
    if how.one_click:
        yield "List-Unsubscribe-Post: List-Unsubscribe=One-Click"


def _body(content: Content, files: Mapping[str, bytes], *, boundary: str) -> _Part:
    alternatives = [
        _text_part(subtype, text)
        for subtype, text in (("plain", content.text), ("html", content.html))
        if text is not None
    ]
    readable = alternatives[0] if len(alternatives) == 1 else _multipart("alternative", alternatives, boundary + "-a")
    inline = [_attachment_part(each, files) for each in content.attachments if each.content_id is not None]
    attached = [_attachment_part(each, files) for each in content.attachments if each.content_id is None]
    if inline:
        readable = _multipart("related", [readable, *inline], boundary + "-r")
    if attached:
        readable = _multipart("mixed", [readable, *attached], boundary + "-m")
    return readable


def _multipart(subtype: str, parts: Iterable[_Part], boundary: str) -> _Part:
    """RFC 2046 §5.1.1: the line end before each delimiter is the delimiter's."""
    delimiter = f"--{boundary}".encode()
    pieces: list[bytes] = []
    for part in parts:
        pieces += (delimiter, _LINE_END, _flattened(part), _LINE_END)
    pieces += (delimiter, b"--", _LINE_END)
    return _Part([folded("Content-Type", f'multipart/{subtype}; boundary="{boundary}"')], b"".join(pieces))


def _text_part(subtype: str, text: str) -> _Part:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")
    encoded = "\r\n".join([*lines, ""]).encode()
    charset = "us-ascii" if text.isascii() else "utf-8"
    content_type = f'Content-Type: text/{subtype}; charset="{charset}"'
    if text.isascii() and max(map(len, lines)) <= _SEVEN_BIT_LINE and "\0" not in text and _BOUNDARY not in text:
        return _Part([content_type, "Content-Transfer-Encoding: 7bit"], encoded)
    quoted = binascii.b2a_qp(encoded, istext=True)
    if len(quoted) > 2 * len(encoded):  # mostly non-ASCII: base64 is smaller
        return _base64_part([content_type], encoded)
    return _Part([content_type, "Content-Transfer-Encoding: quoted-printable"], quoted)


def _base64_part(headers: Sequence[str], body: bytes) -> _Part:
    encoded = base64.encodebytes(body).replace(b"\n", _LINE_END)
    return _Part([*headers, "Content-Transfer-Encoding: base64"], encoded)


def _attachment_part(attachment: Attachment, files: Mapping[str, bytes]) -> _Part:
    disposition = "inline" if attachment.content_id else "attachment"
    headers = [
        folded("Content-Type", _media_type(attachment)),
        folded("Content-Disposition", f"{disposition}; {_filename_parameter(attachment.filename)}"),
    ]
    if attachment.content_id:
        headers.append(as_it_is("Content-ID", f"<{attachment.content_id}>"))
    fetched = files.get(attachment.storage_path)
    return _base64_part(headers, decode_base64(attachment.storage_path) if fetched is None else fetched)


def _media_type(attachment: Attachment) -> str:
    """As given, else as the name suggests; never one that would make readers look for parts inside."""
    guessed, compression = mimetypes.guess_type(attachment.filename)
    suggested = _DEFAULT_TYPE if guessed is None or compression is not None else guessed
    media_type = attachment.mime_type or suggested
    return _DEFAULT_TYPE if media_type.lower().startswith(_COMPOSITE) else media_type


def _filename_parameter(name: str) -> str:
    """Quoted; or percent-encoded, in pieces that fit on a line, when it is not ASCII (RFC 2231 §3, §4)."""
    if one_line(name).isascii() and "=?" not in name:
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'filename="{quoted}"'
    pieces = [""]
    for character in name:  # readers decode each piece by itself, so none may end within a character
        encoded = quote(character, safe="", encoding="utf-8")
        if len(pieces[-1]) + len(encoded) > _PARAMETER_PIECE:
            pieces.append("")
        pieces[-1] += encoded
    if len(pieces) == 1:
        return f"filename*=utf-8''{pieces[0]}"
    pieces[0] = f"utf-8''{pieces[0]}"
    return "; ".join(f"filename*{position}*={piece}" for position, piece in enumerate(pieces))


def _flattened(part: _Part) -> bytes:
    return b"".join(("\r\n".join(part.headers).encode(), b"\r\n\r\n", part.body))
