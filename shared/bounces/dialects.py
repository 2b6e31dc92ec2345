"""Reads bounces that are no delivery status notification, by the dialects that `flufl.bounce` knows.

The library's expressions may take quadratic time on a long line, so it is given an excerpt: few and short lines. It is
loaded when it is first needed, since most bounces need none of it (ADR 0090).
"""

import re
from collections.abc import Iterator
from email.message import Message
from itertools import islice, pairwise

from shared.bounces.addresses import bare_address
from shared.bounces.diagnostics import codes_in, shortened
from shared.bounces.model import MAX_FATES, Action, Fate
from shared.mime.headers import Headers

_MAX_LINES = 200
_MAX_LINE = 200  # characters
_MAX_ABOUT = 1_500  # characters that are said about one recipient
_HEADERS = ("From", "To", "Subject", "X-Failed-Recipients", "X-Mailer")
_TEXT_TYPE = 'text/plain; charset="utf-8"'
_BEGINNING_OF_COPY = re.compile(
    r"^[-=_ >]*(?:this is a copy of|below this line is a copy|.{0,20}original message|returned message"
    r"|.{0,20}headers follow)",
    re.IGNORECASE | re.MULTILINE,
)


def fates_in_dialect(headers: Headers, text: str, description: str | None) -> tuple[Fate, ...]:
    """`text` is what the report says to people, `description` the Content-Description of that part, if it has one."""
    from flufl.bounce import all_failures

    temporary, permanent = all_failures(_excerpt(headers, text, description))
    found = dict.fromkeys(_readable(permanent), Action.FAILED)
    found |= {address: Action.DELAYED for address in _readable(temporary) if address not in found}
    about = _said_about(text, list(found))
    fates = (_fate(action, address, about[address]) for address, action in found.items())
    return tuple(islice(fates, MAX_FATES))


def _fate(action: Action, address: str, about: str) -> Fate:
    said = codes_in(about)
    return Fate(action, address, None, None, said.enhanced, said.code, shortened(about))


def _readable(addresses: frozenset[bytes]) -> list[str]:
    decoded = (bare_address(each.decode("ascii", "replace")) for each in sorted(addresses))
    return [each for each in decoded if each is not None]


def _excerpt(headers: Headers, text: str, description: str | None) -> Message:
    """A multipart of one part: some detectors only look at multiparts."""
    part: Message = Message()
    part["Content-Type"] = _TEXT_TYPE
    if description:
        part["Content-Description"] = _line(description)
    part.set_payload("\n".join(islice(_lines(text), _MAX_LINES)).encode("ascii", "replace").decode())
    excerpt: Message = Message()
    for name in _HEADERS:
        for value in headers.all(name.lower())[:20]:
            excerpt[name] = _line(value) if name != "X-Failed-Recipients" else value
    excerpt["Content-Type"] = "multipart/mixed"
    excerpt.attach(part)
    return excerpt


def _line(text: str) -> str:
    return text[:_MAX_LINE].encode("ascii", "replace").decode()


def _lines(text: str) -> Iterator[str]:
    """Broken where they are longer than a detector should see."""
    for line in text.splitlines():
        for start in range(0, len(line) or 1, _MAX_LINE):
            yield line[start : start + _MAX_LINE]


def _said_about(text: str, addresses: list[str]) -> dict[str, str]:
    """What stands from the first mention of each address to that of the next one, or to the copy of the mail."""
    copy = _BEGINNING_OF_COPY.search(text, text.find("\n") + 1)
    told = text[: copy.start()] if copy else text
    lowered = told.lower()
    mentions = sorted((at, each) for each in addresses if (at := lowered.find(each.lower())) >= 0)
    about = dict.fromkeys(addresses, "")
    for (at, address), (end, _) in pairwise([*mentions, (len(told), "")]):
        about[address] = told[at + len(address) : min(end, at + _MAX_ABOUT)].lstrip(">:) \t\r\n")
    return about
