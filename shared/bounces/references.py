"""Finds what may name the mail that a report is about, in order of strength."""

import re
from collections.abc import Iterable, Iterator
from itertools import islice

from shared.bounces.model import Reference, Strength
from shared.mime.headers import Headers

TOKEN_HEADER = "x-mail-proxy-id"  # noqa: S105 - a name, no secret
MAX_REFERENCES = 20
_TOKEN = re.compile(r"[A-Za-z0-9_-]{20,500}")
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,900}>")
# In a copy that stands as text. Servers quote and indent it, and fold a long field after its name.
_TOKEN_FIELD = re.compile(r"^[> \t]*x-mail-proxy-id:\s*([A-Za-z0-9_-]{20,500})", re.IGNORECASE | re.MULTILINE)
_ID_FIELD = re.compile(r"^[> \t]*message-id:\s*(<[^<>\s]{1,900}>)", re.IGNORECASE | re.MULTILINE)


def references_in(report: Headers, returned: Iterable[Headers], text: str) -> tuple[Reference, ...]:
    """`returned`: the headers of mails that the report brings back; `text`: what else it says, perhaps with a copy.

    A Message-ID that was returned may hold a token, in its left part: whoever has the key tries it as such.
    """
    found = [*_returned(returned), *_in_text(text), *_mentioned(report)]
    ordered = sorted(dict.fromkeys(found), key=lambda each: -each.strength)
    return tuple(islice(ordered, MAX_REFERENCES))


def _returned(returned: Iterable[Headers]) -> Iterator[Reference]:
    for headers in returned:
        for value in headers.all(TOKEN_HEADER)[:2]:
            if _TOKEN.fullmatch(value):
                yield Reference(Strength.SEALED, value)
        for value in headers.all("message-id")[:2]:
            yield from _ids(Strength.RETURNED, value, 1)


def _in_text(text: str) -> Iterator[Reference]:
    for found in islice(_TOKEN_FIELD.finditer(text), 3):
        yield Reference(Strength.SEALED, found[1])
    for found in islice(_ID_FIELD.finditer(text), 3):
        yield Reference(Strength.RETURNED, found[1])


def _mentioned(report: Headers) -> Iterator[Reference]:
    for name in ("in-reply-to", "references"):
        for value in report.all(name)[:2]:
            yield from _ids(Strength.MENTIONED, value, 5)


def _ids(strength: Strength, field: str, limit: int) -> Iterator[Reference]:
    for found in islice(_MESSAGE_ID.finditer(field), limit):
        yield Reference(strength, found[0])
