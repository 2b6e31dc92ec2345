"""What one inbox is like: its script, its encryption, its user, its limits."""

import hmac
import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from aiosmtpd.smtp import LoginPassword

from localstack.inbox.script import ReplyScript

PASSWORD_MECHANISMS: Final = frozenset({"PLAIN", "LOGIN"})
ALL_MECHANISMS: Final = PASSWORD_MECHANISMS | {"CRAM-MD5", "XOAUTH2"}
DEFAULT_MAX_SIZE: Final = 32 * 1024 * 1024


class TlsMode(StrEnum):
    """When a connection is encrypted."""

    IMPLICIT = "implicit"
    STARTTLS = "starttls"
    STARTTLS_REQUIRED = "starttls_required"


@dataclass(frozen=True, slots=True)
class Tls:
    """How the inbox encrypts, and with which certificate."""

    mode: TlsMode
    context: ssl.SSLContext


@dataclass(frozen=True, slots=True)
class Credentials:
    """The one user there is, and the mechanisms of AUTH that are offered: PLAIN, LOGIN, CRAM-MD5, XOAUTH2.

    With `required`, `MAIL` is refused before AUTH. `access_tokens` may be changed while the inbox runs.
    """

    username: str
    password: str = field(default="", repr=False)
    required: bool = True
    mechanisms: frozenset[str] = PASSWORD_MECHANISMS
    access_tokens: set[str] = field(default_factory=set, repr=False, compare=False)

    def match_digest(self, username: bytes, digest: bytes, challenge: bytes) -> bool:
        """Whether a client named this user, and keyed the challenge's digest with this password (RFC 2195)."""
        expected = hmac.new(self.password.encode(), challenge, "md5").hexdigest().encode()
        return hmac.compare_digest(username, self.username.encode()) and hmac.compare_digest(digest, expected)

    def match_token(self, username: bytes, token: bytes) -> bool:
        """Whether a client named this user and an access token that is valid now."""
        return username == self.username.encode() and token.decode(errors="replace") in self.access_tokens

    def match(self, login: LoginPassword) -> bool:
        """Whether a client named this user and this password."""
        return hmac.compare_digest(login.login, self.username.encode()) and hmac.compare_digest(
            login.password, self.password.encode()
        )


@dataclass(slots=True)
class Behaviour:
    """What one inbox does. All of it may be changed while the inbox runs; connections made later follow.

    `latency_seconds` is added before each reply, once for a reply of several lines, and follows at once.
    `max_size` is announced as SIZE, in octets.
    """

    script: ReplyScript
    tls: Tls | None = None
    credentials: Credentials | None = None
    latency_seconds: float = 0.0
    max_size: int = DEFAULT_MAX_SIZE
    smtputf8: bool = False
