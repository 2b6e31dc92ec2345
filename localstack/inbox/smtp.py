"""Speaks SMTP for the inbox: aiosmtpd's server, with the script asked before each reply.

aiosmtpd knows the protocol; this module adds what a test needs from a relay: scripted replies, hang-ups,
latency, and a note of everything that was answered.
"""
# ruff: noqa: ARG002, N802 - aiosmtpd names hooks after the commands, and gives them more than each needs.

import asyncio
import base64
import logging
import re
import secrets
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Final, NoReturn

from aiosmtpd.smtp import MISSING, SMTP, AuthResult, Envelope, LoginPassword, Session

from localstack.inbox.behaviour import ALL_MECHANISMS, Behaviour, TlsMode
from localstack.inbox.mailbox import Exchange, Mailbox, ReceivedMail
from localstack.inbox.script import Occasion, Reply, Stage

HOSTNAME: Final = "inbox.localhost"
LONGEST_AUTH_LINE: Final = 12_288 + len("AUTH XOAUTH2 \r\n")

# aiosmtpd warns at each authentication of a field that it alone uses.
logging.getLogger("mail.log").setLevel(logging.ERROR)


class Dialogue:
    """What one connection is told: the hooks that aiosmtpd calls before its own answer to a command."""

    def __init__(self, *, behaviour: Behaviour, mailbox: Mailbox, connection: int) -> None:
        self._behaviour = behaviour
        self._mailbox = mailbox
        self._connection = connection
        self._accepted = 0
        self._username: str | None = None

    async def handle_EHLO(
        self,
        server: "InboxProtocol",
        session: Session,
        envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        """Announce the extensions; AUTH only where there is a user."""
        reply = await self.scripted(server, Stage.EHLO)
        if reply is not None and not reply.positive:
            return [reply.text]
        session.host_name = hostname
        return [line for line in responses if self._behaviour.credentials or not line.startswith("250-AUTH")]

    async def handle_AUTH(
        self, server: "InboxProtocol", session: Session, envelope: Envelope, args: list[str]
    ) -> object:
        """Refuse by script, or leave the mechanism to aiosmtpd."""
        reply = await self.scripted(server, Stage.AUTH)
        return reply.text if reply else MISSING

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, login: LoginPassword
    ) -> AuthResult:
        """Check what a client gave for PLAIN or LOGIN; the other mechanisms have methods of their own."""
        credentials = self._behaviour.credentials
        return self._judge(login.login, success=credentials is not None and credentials.match(login))

    async def auth_CRAM__MD5(self, server: "InboxProtocol", args: list[str]) -> AuthResult:
        """RFC 2195: the client keys a digest of our challenge with its password."""
        challenge = f"<{secrets.token_hex(8)}.{_now_ms()}@{HOSTNAME}>".encode()
        answer = await server.challenge_auth(challenge)
        if not isinstance(answer, bytes):
            return AuthResult(success=False, handled=True)
        username, _, digest = answer.rpartition(b" ")
        credentials = self._behaviour.credentials
        success = credentials is not None and credentials.match_digest(username, digest, challenge)
        return self._judge(username, success=success)

    async def auth_XOAUTH2(self, server: "InboxProtocol", args: list[str]) -> AuthResult:
        """As Google and Microsoft do it: what is wrong with a token is told in a challenge, the refusal comes after it
        (https://developers.google.com/workspace/gmail/imap/xoauth2-protocol)."""
        given = base64.b64decode(args[1]) if len(args) > 1 else await server.challenge_auth(b"")
        found = re.fullmatch(
            rb"user=([^\x01]*)\x01auth=Bearer ([^\x01]*)\x01\x01", given if isinstance(given, bytes) else b""
        )
        credentials = self._behaviour.credentials
        if found is not None and credentials is not None and credentials.match_token(found[1], found[2]):
            return self._judge(found[1], success=True)
        await server.challenge_auth(b'{"status":"400","schemes":"Bearer"}')
        return self._judge(b"", success=False)

    def _judge(self, username: bytes, *, success: bool) -> AuthResult:
        self._username = username.decode() if success else None
        reply = "235 2.7.0 Authentication successful" if success else "535 5.7.8 Authentication credentials invalid"
        self._note(Stage.AUTH, reply=reply)
        return AuthResult(success=success, handled=False, auth_data=LoginPassword(username, b""))

    async def handle_MAIL(
        self, server: "InboxProtocol", session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take the envelope sender."""
        credentials = self._behaviour.credentials
        if credentials is not None and credentials.required and not session.authenticated:
            return self._note(Stage.MAIL, sender=address, reply="530 5.7.0 Authentication required")
        reply = await self.scripted(server, Stage.MAIL, sender=address)
        if reply is None or reply.positive:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return reply.text if reply else self._note(Stage.MAIL, sender=address, reply="250 2.1.0 sender ok")

    async def handle_RCPT(
        self, server: "InboxProtocol", session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take one recipient."""
        sender = envelope.mail_from or ""
        reply = await self.scripted(server, Stage.RCPT, sender=sender, recipient=address)
        if reply is None or reply.positive:
            envelope.rcpt_tos.append(address)
            envelope.rcpt_options.extend(options)
        if reply is not None:
            return reply.text
        return self._note(Stage.RCPT, sender=sender, recipient=address, reply="250 2.1.5 recipient ok")

    async def handle_DATA(self, server: "InboxProtocol", session: Session, envelope: Envelope) -> str:
        """Take the message: called once the final dot has been read."""
        sender = envelope.mail_from or ""
        content = envelope.original_content or b""

        def keep() -> str:
            mail = self._mailbox.mails.add(
                lambda order: ReceivedMail(
                    order=order,
                    connection=self._connection,
                    received_at=_now_ms(),
                    mail_from=sender,
                    rcpt_tos=tuple(envelope.rcpt_tos),
                    raw=content,
                    tls=server.encrypted,
                    username=self._username,
                )
            )
            self._accepted += 1
            return f"250 2.6.0 queued as {mail.order:06}"

        reply = await self.scripted(server, Stage.FINAL_DOT, sender=sender, content=content, keep=keep)
        return reply.text if reply else self._note(Stage.FINAL_DOT, sender=sender, reply=keep())

    async def handle_RSET(self, server: "InboxProtocol", session: Session, envelope: Envelope) -> object:
        """Refuse by script, or leave it to aiosmtpd."""
        reply = await self.scripted(server, Stage.RSET)
        return reply.text if reply else MISSING

    async def scripted(
        self,
        server: "InboxProtocol",
        stage: Stage,
        *,
        sender: str = "",
        recipient: str = "",
        content: bytes = b"",
        keep: Callable[[], str] | None = None,
    ) -> Reply | None:
        """Ask the script, carry out what it says, note it. Does not return when that ends the connection."""
        reply = self._behaviour.script.decide(
            Occasion(
                stage=stage,
                connection=self._connection,
                sender=sender,
                recipient=recipient,
                content=content,
                accepted=self._accepted,
            )
        )
        if reply is None:
            return None
        if keep is not None and (reply.positive or reply.keep):
            keep()
        self._note(stage, sender=sender, recipient=recipient, reply=reply.text)
        if reply.delay_seconds:
            await asyncio.sleep(reply.delay_seconds)
        if reply.closes:
            await server.say_and_hang_up(reply.text)
        return reply

    def _note(self, stage: Stage, *, reply: str, sender: str = "", recipient: str = "") -> str:
        self._mailbox.note(Exchange(_now_ms(), self._connection, stage, sender, recipient, reply))
        return reply


class InboxProtocol(SMTP):
    """One connection to the inbox."""

    line_length_limit = LONGEST_AUTH_LINE  # of what aiosmtpd reads at once; of mails, see below

    def __init__(self, *, behaviour: Behaviour, mailbox: Mailbox, connection: int, open_connections: set[int]) -> None:
        self._behaviour = behaviour
        self._connection = connection
        self._open_connections = open_connections
        self._dialogue = Dialogue(behaviour=behaviour, mailbox=mailbox, connection=connection)
        self.encrypted = False
        tls = behaviour.tls
        starttls = tls if tls is not None and tls.mode is not TlsMode.IMPLICIT else None
        super().__init__(
            self._dialogue,
            hostname=HOSTNAME,
            ident="ESMTP",
            data_size_limit=behaviour.max_size,
            enable_SMTPUTF8=behaviour.smtputf8,
            tls_context=starttls.context if starttls else None,
            require_starttls=starttls is not None and starttls.mode is TlsMode.STARTTLS_REQUIRED,
            # aiosmtpd sees encryption by STARTTLS only, and would refuse AUTH under implicit TLS.
            auth_require_tls=starttls is not None,
            auth_exclude_mechanism=ALL_MECHANISMS
            - (behaviour.credentials.mechanisms if behaviour.credentials else set()),
            authenticator=self._dialogue.authenticate,
        )
        # RFC 4954 §4 lets AUTH have longer lines than all else; access tokens need them.
        self.command_size_limits = defaultdict(lambda: SMTP.command_size_limit, {"AUTH": LONGEST_AUTH_LINE})
        self.line_length_limit = SMTP.line_length_limit

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection as open. Called a second time after STARTTLS."""
        self._open_connections.add(self._connection)
        self.encrypted = transport.get_extra_info("ssl_object") is not None
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Count the connection as closed."""
        self._open_connections.discard(self._connection)
        super().connection_lost(error)

    async def push(self, status: str | bytes) -> None:
        """Send one line of a reply, after the configured latency if it is the reply's last."""
        line = status if isinstance(status, str) else status.decode()
        is_last = line.rpartition("\n")[2][3:4] != "-"
        if self._behaviour.latency_seconds and is_last:
            await asyncio.sleep(self._behaviour.latency_seconds)
        await super().push(line)

    async def say_and_hang_up(self, text: str) -> NoReturn:
        """Send `text`, unless empty, close the connection and end its task."""
        if text:
            await self.push(text)
        if self.transport is not None:
            self.transport.close()
        raise asyncio.CancelledError

    async def _handle_client(self) -> None:
        # aiosmtpd has no hook for the greeting; a refusing one replaces the whole dialogue.
        reply = await self._dialogue.scripted(self, Stage.CONNECT)
        if reply is not None and not reply.positive:
            await self.say_and_hang_up(reply.text)
        await super()._handle_client()

    async def smtp_DATA(self, arg: str) -> None:
        """Answer `DATA`, unless the script refuses it before any content is sent."""
        if self.envelope is not None and self.envelope.rcpt_tos:
            reply = await self._dialogue.scripted(self, Stage.DATA, sender=self.envelope.mail_from or "")
            if reply is not None:
                await self.push(reply.text)
                return
        await super().smtp_DATA(arg)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
