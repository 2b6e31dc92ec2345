"""Splits a mail into its parts, without an exception and in linear time, whatever it is made of.

The standard library's parser reads all of a mail line by line and asks each enclosing part about each line, which a
mail can be made for; nor does it keep the octets of a part as they came, which a signature is about. Here a part is a
range of the octets received; at most `MAX_PARTS` are looked for, `MAX_DEPTH` deep.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

from shared.mime.headers import MAX_HEADER_BYTES, Headers, Parametrised

MAX_PARTS = 200
MAX_DEPTH = 8
MAX_ENCODED = 40_000_000  # octets of one encoded part; larger ones are read as far as that
MAX_LOOKALIKES = 50_000  # lines that begin like a delimiter, in one multipart
_CR = 0x0D
_MAX_BOUNDARY = 200  # RFC 2046 §5.1.1 has 70

_NESTED_MAIL = frozenset(["message/rfc822", "message/global"])
_BLANK_LINE = re.compile(rb"(?:\A|\n)\r?\n")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
# Charsets that mail is written in. Python knows codecs beyond these that are no charsets, or take quadratic time.
_CHARSET = re.compile(
    r"(?:utf-?8|us-ascii|ascii|(?:iso[-_]?)?8859[-_]\d{1,2}|iso-8859-\d{1,2}(?:-[ei])?|latin-?1|windows-\d{3,4}"
    r"|cp\d{3,4}|koi8-[ru]|gb(?:k|2312|18030)|big5(?:-hkscs)?|shift[-_]jis|euc-(?:jp|kr)|iso-2022-(?:jp|kr))",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Part:
    """A part, or a whole mail: the range `start` to `end` of `source`, its body from `body_start` on.

    `children` are the parts of a multipart, or the one mail within a `message/rfc822`.
    """

    headers: Headers
    content_type: Parametrised
    source: bytes
    start: int
    body_start: int
    end: int
    children: "tuple[Part, ...]" = ()

    @property
    def media_type(self) -> str:
        return self.content_type.value

    @property
    def is_mail(self) -> bool:
        """Whether this holds another mail, whole."""
        return self.media_type in _NESTED_MAIL

    @property
    def octets(self) -> bytes:
        """The part as it came, headers included."""
        return self.source[self.start : self.end]

    @property
    def filename(self) -> str | None:
        disposition = Parametrised.parse(self.headers.get("content-disposition"), default="")
        return disposition.parameters.get("filename") or self.content_type.parameters.get("name")

    def body(self, limit: int) -> bytes:
        """The body without its transfer encoding; what `limit` octets of it decode to, at most."""
        return _decoded(self.source[self.body_start : min(self.end, self.body_start + limit)], self._encoding)

    def text(self, limit: int) -> str:
        """The body as text: in its charset, or one that it may be in; what cannot be read is replaced."""
        octets = self.body(limit)
        charset = self.content_type.parameters.get("charset", "utf-8")
        if _CHARSET.fullmatch(charset) is None:
            charset = "utf-8"
        try:
            return octets.decode(charset, "replace")
        except (LookupError, UnicodeError):
            return octets.decode("latin-1")

    @property
    def _encoding(self) -> str:
        return (self.headers.get("content-transfer-encoding") or "").strip().lower()


def walk(part: Part, *, into_mails: bool) -> Iterator[Part]:
    """The part and all within it, in their order; with `into_mails` also what mails in it are made of."""
    yield part
    if part.is_mail and not into_mails:
        return
    for child in part.children:
        yield from walk(child, into_mails=into_mails)


def parse(octets: bytes) -> Part:
    """The mail. Raises nothing: what is no mail is a text of one part."""
    return _Splitter().part(octets, 0, len(octets), depth=0)


class _Splitter:
    """For one mail: counts the parts that it was split into."""

    def __init__(self) -> None:
        self._left = MAX_PARTS

    def part(self, source: bytes, start: int, end: int, *, depth: int, default: str = "text/plain") -> Part:
        self._left -= 1
        longest = min(end, start + MAX_HEADER_BYTES)
        # The line end before `start` may be the first of two: a part without header fields.
        blank = _BLANK_LINE.search(source, max(0, start - 1), longest)
        headers_end, body_start = (max(start, blank.start()), blank.end()) if blank else (longest, longest)
        headers = Headers.parse(source[start:headers_end])
        content_type = Parametrised.parse(headers.get("content-type"), default=default)
        part = Part(headers, content_type, source, start, body_start, end)
        children = self._children(part, depth) if depth < MAX_DEPTH else ()
        return Part(headers, content_type, source, start, body_start, end, children)

    def _children(self, part: Part, depth: int) -> tuple[Part, ...]:
        if part.is_mail:
            if self._left <= 0:
                return ()
            if part._encoding in ("base64", "quoted-printable"):  # RFC 2046 §5.2.1 forbids it; some do it
                inner = part.body(MAX_ENCODED)
                return (self.part(inner, 0, len(inner), depth=depth + 1),)
            return (self.part(part.source, part.body_start, part.end, depth=depth + 1),)
        boundary = part.content_type.parameters.get("boundary", "")
        if not part.media_type.startswith("multipart/") or not 0 < len(boundary) <= _MAX_BOUNDARY:
            return ()
        default = "message/rfc822" if part.media_type == "multipart/digest" else "text/plain"
        found: list[Part] = []
        for start, end in _ranges(part, boundary.encode()):
            if self._left <= 0:
                break
            found.append(self.part(part.source, start, end, depth=depth + 1, default=default))
        return tuple(found)


def _ranges(part: Part, boundary: bytes) -> Iterator[tuple[int, int]]:
    """The parts of a multipart (RFC 2046 §5.1.1); the line end before a delimiter belongs to the delimiter."""
    source, end = part.source, part.end
    delimiter = b"\n--" + boundary
    opened: int | None = None
    position = max(0, part.body_start - 1)  # the line end of the headers may be that of the first delimiter
    for _ in range(MAX_LOOKALIKES):
        at = source.find(delimiter, position, end)
        if at < 0:
            break
        position = at + len(delimiter)
        line_end = source.find(b"\n", position, end)
        rest = source[position : end if line_end < 0 else line_end].strip()
        if rest not in (b"", b"--"):
            continue
        if opened is not None:
            yield opened, max(opened, at - 1 if source[at - 1] == _CR else at)
        if rest == b"--" or line_end < 0:
            return
        opened, position = line_end + 1, line_end
    if opened is not None:
        yield opened, end


def _decoded(octets: bytes, encoding: str) -> bytes:
    match encoding:
        case "base64":
            clean = _NOT_BASE64.sub(b"", octets)
            clean = clean[: len(clean) - len(clean) % 4 if len(clean) % 4 == 1 else None]
            try:
                return base64.b64decode(clean + b"=" * (-len(clean) % 4))
            except binascii.Error:
                return b""
        case "quoted-printable":
            return binascii.a2b_qp(octets)
        case _:
            return octets
