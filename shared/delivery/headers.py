"""Writes header lines: folded, encoded where they are not ASCII, and never with a line break that the value brought.

By hand, since the generators of Python's `email` take more CPU for the headers of a mail than everything else that is
composed (docs/adr/0036). RFC 2047's encoded words are left to its `Header`.
"""

import re
from collections.abc import Iterable
from email.header import Header
from email.utils import formataddr

from shared.errors import InvalidInput
from shared.messages.model import Address

_LINE = 78  # characters that a line should not exceed (RFC 5322 §2.1.1)
_LONGEST_WORD = 900  # a header is folded at white space, and nowhere else unless it is encoded
_WORD = re.compile(r"[ \t]*[^ \t]+")


def unstructured(name: str, value: str) -> str:
    """Free text, such as a subject (RFC 5322 §2.2.1)."""
    if value.isascii() and "=?" not in value and max(map(len, value.split()), default=0) <= _LONGEST_WORD:
        return folded(name, value)
    encoded = Header(one_line(value), "utf-8", header_name=name, maxlinelen=_LINE).encode(linesep="\r\n")
    return f"{one_line(name)}: {encoded}"


def mailboxes(name: str, addresses: Iterable[Address]) -> str:
    """A list of addresses with their names (RFC 5322 §3.4)."""
    return folded(name, ", ".join(map(_mailbox, addresses)))


def as_it_is(name: str, value: str) -> str:
    """Not folded: some readers find no Message-ID on a second line."""
    return one_line(f"{name}: {value}")


def folded(name: str, value: str) -> str:
    """Broken before white space, into lines of at most 78 characters where there is enough of it."""
    line = one_line(f"{name}: {value}")
    if len(line) <= _LINE:
        return line
    words = _WORD.findall(value)
    lines = [f"{name}: {words[0].lstrip()}" if words else line]
    for word in words[1:]:
        if len(lines[-1]) + len(word) <= _LINE:
            lines[-1] += word
        else:
            lines.append(word)
    return "\r\n".join(lines)


def one_line(value: str) -> str:
    """Submissions hold no line breaks; were one stored, it is not sent. Raises InvalidInput."""
    if "\r" in value or "\n" in value:
        raise InvalidInput("a header of the mail contains a line break", code="control_character")
    return value


def _mailbox(address: Address) -> str:
    phrase = _phrase(one_line(address.name))
    if address.address.isascii():
        return formataddr((phrase, address.address))
    # formataddr takes ASCII addresses only: it writes the phrase beside an empty one.
    before = formataddr((phrase, "@")).removesuffix("<@>") if phrase else ""
    return f"{before}<{address.address}>"


def _phrase(name: str) -> str:
    """A display name; a non-ASCII one as encoded words of at most 75 characters each (RFC 2047 §2)."""
    if name.isascii() and "=?" not in name:
        return name
    return Header(name, "utf-8", maxlinelen=75).encode(linesep="")
