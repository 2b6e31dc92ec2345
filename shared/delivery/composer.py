"""Composes a mail: its content to the bytes on the wire.

Always 7-bit (quoted-printable or base64), so that nothing depends on what the relay can take; lines end in CRLF and
stay below 998 octets (RFC 5321 §4.5.3.1.6); bcc never shows. The older `email` classes are used on purpose: building
and flattening with `email.message.EmailMessage` takes about six times the CPU for the same bytes.
"""

import base64
import binascii
import mimetypes
import re
from collections.abc import Iterable
from email.generator import BytesGenerator
from email.header import Header
from email.message import Message
from email.policy import compat32
from email.utils import formataddr, formatdate
from io import BytesIO
from urllib.parse import quote

from shared.attachments.sources import decode_base64
from shared.clock import SECOND, Millis
from shared.errors import InvalidInput
from shared.messages.addresses import Address
from shared.messages.model import Attachment, Content, ListUnsubscribe

TOKEN_HEADER = "X-Mail-Proxy-ID"  # noqa: S105 - a name, no secret
_POLICY = compat32.clone(linesep="\r\n", max_line_length=78)
_SEVEN_BIT_LINE = 76  # longer lines are encoded, so that no relay has to fold them
_LONGEST_WORD = 900  # a header is folded at white space, and nowhere else unless it is encoded
_PARAMETER_PIECE = 60  # characters of a long filename on each line
_DEFAULT_TYPE = "application/octet-stream"
_COMPOSITE = ("message/", "multipart/")  # cannot be base64 (RFC 2045 §6.4)

type MailMessage = Message[str, str | Header]
_LINE_END = re.compile(r"\r\n|\r|\n")


def compose(content: Content, *, token: str, composed_at: Millis) -> bytes:
    """The mail, headers and body. `token` names it in Message-ID and X-Mail-Proxy-ID; both are the same at every try.

    7-bit, but for addresses whose local part is not ASCII: those stand as UTF-8 (RFC 6532), and need SMTPUTF8 of the
    relay. Raises InvalidInput when an attachment's bytes cannot be read, or a header holds a line break.
    """
    body = _body(content)
    message: MailMessage = Message(policy=_POLICY)
    # The mail's own headers first, then those of its body: the order in which people read them.
    for name, value in (*_headers(content, token, composed_at), *body.items()):
        message[name] = value
    message.set_payload(body.get_payload())
    return _flatten(message)


def message_id(content: Content, token: str) -> str:
    """The client's own, else the token at the domain of the sender."""
    return content.message_id or f"<{token}@{content.from_.address.rpartition('@')[2]}>"


def _headers(content: Content, token: str, composed_at: Millis) -> Iterable[tuple[str, str | Header]]:
    yield "From", _addresses([content.from_])
    for name, addresses in (("To", content.to), ("Cc", content.cc), ("Reply-To", content.reply_to)):
        if addresses:
            yield name, _addresses(addresses)
    yield "Subject", _unstructured("Subject", content.subject)
    yield "Date", formatdate(composed_at / SECOND)
    yield "Message-ID", _Unfolded(_one_line(message_id(content, token)))
    yield TOKEN_HEADER, _Unfolded(token)
    if content.list_unsubscribe is not None:
        yield from _list_unsubscribe(content.list_unsubscribe)
    for name, value in content.headers.items():
        yield name, _unstructured(name, value)
    yield "MIME-Version", "1.0"


def _list_unsubscribe(how: ListUnsubscribe) -> Iterable[tuple[str, str | Header]]:
    """RFC 2369 §3.2, and RFC 8058 §3.1 for one click."""
    mailto = f"mailto:{how.mailto}" if how.mailto else None
    ways = [f"<{_one_line(way)}>" for way in (mailto, how.url) if way]
    yield "List-Unsubscribe", _Unfolded(", ".join(ways))
    if how.one_click:
        yield "List-Unsubscribe-Post", "List-Unsubscribe=One-Click"


def _addresses(addresses: Iterable[Address]) -> str:
    mailboxes = [_mailbox(each) for each in addresses]
    if all(each.isascii() for each in mailboxes):
        return ", ".join(mailboxes)
    # Octets beyond ASCII pass the generator as surrogates, and it does not fold what holds such.
    return ",\r\n ".join(mailboxes).encode().decode("ascii", "surrogateescape")


def _mailbox(address: Address) -> str:
    phrase = _phrase(_one_line(address.name))
    if _one_line(address.address).isascii():
        return formataddr((phrase, address.address))
    # formataddr takes ASCII addresses only: it writes the phrase beside an empty one.
    before = formataddr((phrase, "@")).removesuffix("<@>") if phrase else ""
    return f"{before}<{address.address}>"


def _phrase(name: str) -> str:
    """A display name; a non-ASCII one as encoded words of at most 75 characters each (RFC 2047 §2)."""
    if name.isascii() and "=?" not in name:
        return name
    return Header(name, "utf-8", maxlinelen=75).encode(linesep="")


def _unstructured(name: str, value: str) -> str | Header:
    if _one_line(value).isascii() and "=?" not in value and all(len(word) <= _LONGEST_WORD for word in value.split()):
        return value
    return Header(value, "utf-8", header_name=name)


class _Unfolded(Header):
    """A value without white space. Python would put one of more than a line on a second line, after an empty first:
    some readers find no Message-ID there."""

    def encode(self, splitchars: str = "", maxlinelen: int | None = None, linesep: str = "\n") -> str:  # noqa: ARG002
        return super().encode(splitchars=splitchars, maxlinelen=0, linesep=linesep)


def _one_line(value: str) -> str:
    """The generator writes line breaks as they are. Submissions hold none; were one stored, it is not sent."""
    if "\r" in value or "\n" in value:
        raise InvalidInput("a header of the mail contains a line break", code="control_character")
    return value


def _body(content: Content) -> Message:
    alternatives = [
        _text_part(subtype, text)
        for subtype, text in (("plain", content.text), ("html", content.html))
        if text is not None
    ]
    readable = alternatives[0] if len(alternatives) == 1 else _multipart("alternative", alternatives)
    inline = [each for each in content.attachments if each.content_id is not None]
    attached = [each for each in content.attachments if each.content_id is None]
    if inline:
        readable = _multipart("related", [readable, *map(_attachment_part, inline)])
    if attached:
        readable = _multipart("mixed", [readable, *map(_attachment_part, attached)])
    return readable


def _multipart(subtype: str, parts: Iterable[Message]) -> Message:
    message = Message(policy=_POLICY)
    message["Content-Type"] = f"multipart/{subtype}"
    for part in parts:
        message.attach(part)
    return message


def _text_part(subtype: str, text: str) -> Message:
    part = Message(policy=_POLICY)
    lines = _LINE_END.split(text.removesuffix("\n").removesuffix("\r"))
    encoded = "\r\n".join([*lines, ""]).encode()
    charset = "us-ascii" if text.isascii() else "utf-8"
    part["Content-Type"] = f'text/{subtype}; charset="{charset}"'
    if text.isascii() and all(len(line) <= _SEVEN_BIT_LINE for line in lines) and "\0" not in text:
        return _set_body(part, "7bit", encoded)
    quoted = binascii.b2a_qp(encoded, istext=True)
    if len(quoted) > 2 * len(encoded):  # mostly non-ASCII: base64 is smaller
        return _set_body(part, "base64", base64.encodebytes(encoded))
    return _set_body(part, "quoted-printable", quoted)


def _attachment_part(attachment: Attachment) -> Message:
    part = Message(policy=_POLICY)
    part["Content-Type"] = _media_type(attachment)
    disposition = "inline" if attachment.content_id else "attachment"
    part["Content-Disposition"] = f"{disposition}; {_filename_parameter(_one_line(attachment.filename))}"
    if attachment.content_id:
        part["Content-ID"] = f"<{_one_line(attachment.content_id)}>"
    return _set_body(part, "base64", base64.encodebytes(decode_base64(attachment.storage_path)))


def _media_type(attachment: Attachment) -> str:
    """As given, else as the name suggests; never one that would make readers look for parts inside."""
    guessed, compression = mimetypes.guess_type(attachment.filename)
    suggested = _DEFAULT_TYPE if guessed is None or compression is not None else guessed
    media_type = _one_line(attachment.mime_type or suggested)
    return _DEFAULT_TYPE if media_type.lower().startswith(_COMPOSITE) else media_type


def _filename_parameter(name: str) -> str:
    """Quoted; or percent-encoded, in pieces that fit on a line, when it is not ASCII (RFC 2231 §3, §4)."""
    if name.isascii() and "=?" not in name:
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


def _set_body(part: Message, encoding: str, body: bytes) -> Message:
    part["Content-Transfer-Encoding"] = encoding
    part.set_payload(body.decode("ascii"))
    return part


def _flatten(message: MailMessage) -> bytes:
    buffer = BytesIO()
    BytesGenerator(buffer, mangle_from_=False, policy=_POLICY).flatten(message)
    return buffer.getvalue()
