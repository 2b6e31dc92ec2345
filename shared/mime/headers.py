"""Header fields as they arrive: names without case, values unfolded, and nothing that can be made expensive to read."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message

MAX_HEADER_BYTES = 64 * 1024  # of one part
MAX_FIELDS = 300
_MAX_VALUE = 4_000  # characters
_MAX_STRUCTURED = 1_000  # characters; the standard library's readers of parameters take quadratic time

_FOLD = re.compile(rb"\r?\n(?=[ \t])")


@dataclass(frozen=True, slots=True)
class Headers:
    """The fields of one part: each value at most 4,000 characters, encoded words as they are."""

    fields: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, block: bytes) -> "Headers":
        """Lines that are no fields are passed over; octets beyond UTF-8 are replaced."""
        lines = _FOLD.sub(b"", block[:MAX_HEADER_BYTES]).split(b"\n", MAX_FIELDS)[:MAX_FIELDS]
        return cls(tuple(_fields(lines)))

    def get(self, name: str) -> str | None:
        """The first one of that name, in lower case."""
        return next((value for each, value in self.fields if each == name), None)

    def all(self, name: str) -> list[str]:
        return [value for each, value in self.fields if each == name]

    def text(self, name: str) -> str | None:
        """The first one of that name, its encoded words decoded (RFC 2047)."""
        value = self.get(name)
        return None if value is None else decoded(value)


@dataclass(frozen=True, slots=True)
class Parametrised:
    """The value of a field such as Content-Type: both in lower case, but for the parameters' values."""

    value: str
    parameters: Mapping[str, str]

    @classmethod
    def parse(cls, field: str | None, *, default: str) -> "Parametrised":
        """`default` where there is none, or none that can be read."""
        if field is None or len(field) > _MAX_STRUCTURED:
            return cls(default, {})
        carrier: Message = Message()
        carrier["X-Field"] = _printable(field)
        (value, _), *parameters = carrier.get_params(failobj=[("", "")], header="X-Field") or [("", "")]
        found = {name.lower(): _plain(each) for name, each in parameters}
        return cls(value.strip().lower() or default, found)


def decoded(value: str) -> str:
    """Encoded words decoded, as far as they can be; white space folded to single spaces."""
    short = value[:_MAX_STRUCTURED]
    try:
        text = str(make_header(decode_header(short)))
    except (HeaderParseError, LookupError, ValueError):
        text = short
    return " ".join(_storable(text).split())


def _fields(lines: Iterable[bytes]) -> Iterable[tuple[str, str]]:
    for line in lines:
        name, colon, value = line.partition(b":")
        if colon and name and not name.startswith((b" ", b"\t")):
            key = name.strip().lower().decode("ascii", "replace")
            yield key, " ".join(value[:_MAX_VALUE].decode("utf-8", "replace").split())


def _plain(value: str | tuple[str | None, str | None, str]) -> str:
    """A parameter's value, also one in the form of RFC 2231."""
    if isinstance(value, str):
        return value.strip()
    charset, _, octets = value
    encoding = "utf-8" if (charset or "").lower() == "utf-8" else "latin-1"
    return octets.encode("latin-1", "replace").decode(encoding, "replace").strip()


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)


def _storable(text: str) -> str:
    """Lone surrogates have no encoding."""
    return text.encode("utf-8", "replace").decode()
