"""A relay's reply and what it is about: the whole relay, the account, this mail, or one recipient of it.

Classified by stage, reply code (RFC 5321) and enhanced code (RFC 3463). Texts are no protocol: they decide only in
`PROVIDER_REPLIES`, for codes that a provider uses against their meaning.
"""

import re
from dataclasses import dataclass
from enum import StrEnum


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

    def __str__(self) -> str:
        return " ".join(str(part) for part in (self.code, self.enhanced, self.text) if part)


_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?=\s|$)")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whom a failure concerns, and whether trying again can help."""

    scope: Scope
    permanent: bool


@dataclass(frozen=True, slots=True)
class ProviderReply:
    """A reply that means something else than its codes say; `source` is where the provider says so."""

    code: int
    enhanced: str | None
    text: re.Pattern[str]
    verdict: Verdict
    source: str


_ACCOUNT_WAITS = Verdict(Scope.ACCOUNT, permanent=False)
_RELAY_WAITS = Verdict(Scope.RELAY, permanent=False)

PROVIDER_REPLIES = (
    ProviderReply(
        454, None, re.compile(r"Throttling failure", re.I), _ACCOUNT_WAITS,
        "https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-smtp.html",
    ),
    ProviderReply(
        550, "5.4.5", re.compile(r"sending (quota|limit)", re.I), _ACCOUNT_WAITS,
        "https://support.google.com/a/answer/3726730",
    ),
    ProviderReply(
        432, "4.3.2", re.compile(r"concurrent connections", re.I), _RELAY_WAITS,
        "https://learn.microsoft.com/exchange/troubleshoot/email-delivery/smtp-submission-improvements",
    ),
    ProviderReply(
        554, "5.2.2", re.compile(r"mailbox full", re.I), _ACCOUNT_WAITS,
        "https://learn.microsoft.com/exchange/mail-flow-best-practices/non-delivery-reports-in-exchange-online",
    ),
)  # fmt: skip

_NEEDS_AUTH = {530, 534, 535, 538}  # RFC 4954 §6


def classify(stage: Stage, reply: Reply) -> Verdict:
    """What a reply other than success at `stage` is about."""
    if reply.code == 421:  # RFC 5321 §3.8: the server is closing
        return _RELAY_WAITS
    for row in PROVIDER_REPLIES:
        if row.code == reply.code and row.enhanced in (None, reply.enhanced) and row.text.search(reply.text):
            return row.verdict
    permanent = reply.code >= 500
    match stage:
        case Stage.CONNECT | Stage.TLS | Stage.EHLO:
            return _RELAY_WAITS
        case Stage.AUTH:
            refused = permanent or (reply.code == 454 and reply.enhanced == "4.7.0")
            return _ACCOUNT_WAITS if refused else _RELAY_WAITS
        case Stage.MAIL:
            return _classify_mail(reply, permanent=permanent)
        case Stage.RCPT:
            return _ACCOUNT_WAITS if reply.code in _NEEDS_AUTH else Verdict(Scope.RECIPIENT, permanent)
        case Stage.DATA:
            return Verdict(Scope.MESSAGE, permanent)


def _classify_mail(reply: Reply, *, permanent: bool) -> Verdict:
    """At MAIL FROM: the session's right to send, the relay's state, or this mail's sender and size."""
    if reply.code in _NEEDS_AUTH:
        return _ACCOUNT_WAITS
    if not permanent and reply.enhanced is not None and reply.enhanced.startswith("4.3."):
        return _RELAY_WAITS  # RFC 3463 §3.4: mail system status
    return Verdict(Scope.MESSAGE, permanent)
