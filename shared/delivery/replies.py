"""A relay's reply as it is read: code, enhanced code, text, and the delay that a text may name.

What a reply is about is decided in `classification`.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from shared.clock import DAY, HOUR, MINUTE, SECOND, Millis

CLOSING = 421  # RFC 5321 §3.8: at any stage


class Stage(StrEnum):
    """Where in the session the reply came."""

    CONNECT = "connect"
    TLS = "tls"
    EHLO = "ehlo"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"


class Scope(StrEnum):
    """What a failure is about, and so who waits: the line for `relay` and `account`, one mail, one recipient."""

    RELAY = "relay"
    ACCOUNT = "account"
    MESSAGE = "message"
    RECIPIENT = "recipient"


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply of the relay, its lines folded into one."""

    code: int
    text: str
    enhanced: str | None = None

    @classmethod
    def of(cls, code: int, text: str) -> "Reply":
        """Reads the enhanced code off the text, if it begins with one that fits the class of `code`.

        Octets that are no UTF-8 come from aiosmtplib as lone surrogates, which could not be stored: they are replaced.
        """
        flat = " ".join(text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").split())
        found = _ENHANCED.match(flat)
        if found is None or found[1][0] != str(code)[0]:
            return cls(code, flat)
        return cls(code, flat[found.end() :].lstrip(), found[1])

    @property
    def is_permanent(self) -> bool:
        """By its code (RFC 5321 §4.2.1)."""
        return self.code >= 500

    @property
    def subject(self) -> str | None:
        """The second number of the enhanced code: 1 addresses, 2 mailbox, 3 mail system, 4 network, 5 protocol,
        6 content, 7 security and policy (RFC 3463 §3)."""
        return self.enhanced.split(".")[1] if self.enhanced else None

    @property
    def detail(self) -> str | None:
        """The enhanced code without its class, such as `7.1`."""
        return self.enhanced[2:] if self.enhanced else None

    def __str__(self) -> str:
        return " ".join(str(part) for part in (self.code, self.enhanced, self.text) if part)


_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?=\s|$)")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whom a failure concerns, and whether trying again can help."""

    scope: Scope
    permanent: bool


_UNITS: dict[str, Millis] = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_LONGEST_HINT: Millis = 4 * HOUR

# Something is to be done again, or is put off, and close behind it stands how long; a number in between means that the
# text speaks of something else ("retry timeout", "wait time" do as well).
_DURATION = r"\d{1,7}\s*(?:s(?:ec(?:ond)?s?)?|m(?:in(?:ute)?s?)?|h(?:(?:ou)?rs?)?|days?)\b"
_HINT = re.compile(
    r"\b(?:again|re-?try|re-?send|come back|wait|(?:gr[ae]y-?list|defer|delay|postpon|block)(?:ed|ing)?)\b"
    r"(?!\s*time)[^\d.;:]{0,40}?[\s:(]"
    rf"(?:(?:in|for)\s(?P<hours>\d{{1,2}}):(?P<minutes>[0-5]\d):(?P<seconds>[0-5]\d)\b"
    rf"|(?P<durations>{_DURATION}(?:,?\s*(?:and\s)?{_DURATION})*))",
    re.IGNORECASE,
)
_PART = re.compile(r"(\d+)\s*([smhd])", re.IGNORECASE)


def delay_hint(reply: str) -> Millis | None:
    """How long the reply itself asks to wait, as greylisting often does ("try again in 300 seconds", "come back in
    00:05:00"); at most 4 h."""
    found = _HINT.search(reply)
    if found is None:
        return None
    if found["durations"] is None:
        asked = int(found["hours"]) * HOUR + int(found["minutes"]) * MINUTE + int(found["seconds"]) * SECOND
    else:
        asked = sum(int(number) * _UNITS[unit.lower()] for number, unit in _PART.findall(found["durations"]))
    return min(asked, _LONGEST_HINT) or None
