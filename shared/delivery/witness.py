"""What is seen while a session is opened: the steps with their times, the relay's words, how it encrypts.

Filled by whoever opens the session, and read by `verification`; nobody else looks at it. Secrets are no part of it, and
where a relay repeats one that it was sent, `public` leaves it out.
"""

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from aiosmtplib import SMTP, SMTPResponse

from shared.delivery.replies import Reply, Stage

_REDACTED = "[redacted]"
_MAX_TEXT = 500
_MAX_EXTENSIONS = 60


class Step(StrEnum):
    """`tls` begins with the connection and includes the greeting, or follows `starttls`'s yes and belongs to it."""

    RESOLVE = "resolve"
    CONNECT = "connect"
    TLS = "tls"
    GREETING = "greeting"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    TOKEN = "token"  # noqa: S105 - the step in which an access token is obtained
    AUTH = "auth"


_STAGES = {
    Step.RESOLVE: Stage.CONNECT,
    Step.CONNECT: Stage.CONNECT,
    Step.TLS: Stage.TLS,
    Step.GREETING: Stage.CONNECT,
    Step.EHLO: Stage.EHLO,
    Step.STARTTLS: Stage.TLS,
    Step.TOKEN: Stage.AUTH,
    Step.AUTH: Stage.AUTH,
}


@dataclass(slots=True)
class Taken:
    """One step, with what was seen of it; `ended` is None while it is under way."""

    step: Step
    began: float
    ended: float | None = None
    failed: bool = False
    seen: str = ""

    @property
    def duration_ms(self) -> float:
        """Until it ended."""
        return round(((self.ended or self.began) - self.began) * 1_000, 1)


@dataclass(frozen=True, slots=True)
class Encryption:
    """`certificate` is the relay's, in DER."""

    version: str
    cipher: str
    certificate: bytes | None = field(repr=False)


@dataclass(slots=True)
class Witness:
    """Of one session, until it is open or has failed to."""

    now: Callable[[], float] = time.perf_counter
    steps: list[Taken] = field(default_factory=list)  # never empty once the opening has begun
    addresses: list[str] = field(default_factory=list)
    address: str | None = None
    greeting: str | None = None
    extensions: dict[str, str] = field(default_factory=dict)
    encryption: Encryption | None = None
    mechanism: str | None = None
    _secrets: set[str] = field(default_factory=set, repr=False)

    @property
    def stage(self) -> Stage:
        """Of the session, as failures are classified by."""
        return _STAGES[self.steps[-1].step] if self.steps else Stage.CONNECT

    def begin(self, step: Step) -> None:
        """The step before has succeeded, if nobody said that it failed."""
        self.end()
        self.steps.append(Taken(step, self.now()))

    def end(self) -> None:
        """Of the step under way."""
        if self.steps and self.steps[-1].ended is None:
            self.steps[-1].ended = self.now()

    def fail(self, seen: str = "") -> None:
        """The step under way, or the last one, has failed."""
        if seen:
            self.note(seen)
        self.end()
        self.steps[-1].failed = True

    def note(self, seen: str) -> None:
        """More of the step under way."""
        current = self.steps[-1]
        current.seen = f"{current.seen}; {seen}" if current.seen else seen

    def was_greeted(self, response: SMTPResponse) -> None:
        """The relay's first words."""
        self.greeting = _text(response)
        self.note(self.greeting)

    def heard_of_extensions(self, client: SMTP, response: SMTPResponse) -> None:
        """The answer to EHLO, which replaces that of an earlier one (RFC 3207 §4.2)."""
        offered = list(client.esmtp_extensions.items())[:_MAX_EXTENSIONS]
        self.extensions = {name.upper()[:_MAX_TEXT]: value[:_MAX_TEXT] for name, value in offered}
        self.note(_text(response))

    def was_encrypted(self, client: SMTP) -> None:
        """How, if it is."""
        secured = client.get_transport_info("ssl_object")
        if secured is not None:
            cipher = secured.cipher()
            self.encryption = Encryption(
                secured.version() or "", cipher[0] if cipher else "", secured.getpeercert(binary_form=True)
            )
            self.note(f"{self.encryption.version}, {self.encryption.cipher}")

    def tried(self, mechanism: str, response: SMTPResponse | Reply) -> None:
        """A mechanism of AUTH, and the answer to it."""
        self.mechanism = mechanism.upper()
        self.note(f"{self.mechanism}: {_text(response)}")

    def conceal(self, username: str, secret: str) -> None:
        """A password or token that is about to be shown to the relay, in all forms that AUTH gives it."""
        forms = (secret, f"\0{username}\0{secret}", f"user={username}\x01auth=Bearer {secret}\x01\x01")
        self._secrets |= {secret, *(base64.b64encode(each.encode()).decode() for each in forms)}

    def public(self, text: str) -> str:
        """Without secrets, on one line, at most 500 characters."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, _REDACTED)
        return " ".join(text.split())[:_MAX_TEXT]


def _text(response: SMTPResponse | Reply) -> str:
    return str(response if isinstance(response, Reply) else Reply.of(response.code, response.message))
