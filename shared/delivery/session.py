"""One session with a relay: connecting, TLS, AUTH, mails, QUIT. Turns what aiosmtplib raises into outcomes."""

import asyncio
import socket
import ssl
from dataclasses import dataclass
from functools import cache

from aiosmtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPSenderRefused,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from shared.accounts.model import Account, TlsMode
from shared.clock import Clock, Millis
from shared.delivery.replies import Reply, Scope, Stage, classify
from shared.delivery.transmission import (
    Answered,
    Envelope,
    LineFault,
    MailFailed,
    Outcome,
    RecipientReply,
    outcome_of_refusal,
    taken,
)
from shared.errors import MailProxyError
from shared.outgoing.guard import AddressRefused, Guard

_CONNECT_SECONDS = 10
_COMMAND_SECONDS = 30
_RESET_SECONDS = 5
_DATA_SECONDS = 60  # RFC 5321 §4.5.3.2 allows ten minutes; a function has two


class SessionFault(MailProxyError):
    """The session could not be opened, for a reason that concerns the whole line."""

    code = "session"

    def __init__(self, fault: LineFault) -> None:
        super().__init__(fault.reason)
        self.fault = fault


class SessionDied(MailProxyError):
    """A kept session turned out dead before the mail was begun: a fresh one may take it."""

    code = "session_died"


@dataclass(frozen=True, slots=True)
class Credentials:
    """For AUTH; the password is in the clear, so never logged or kept beyond the process."""

    username: str
    password: str


@cache
def _tls_context(*, verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not verify:  # only where the account says so explicitly
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class Session:
    """Open from `open_session` until `close`. Carries one mail at a time."""

    def __init__(self, client: SMTP, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._text_is_out = False
        self.mails = 0
        self.last_used: Millis = clock()

    async def transmit(self, envelope: Envelope, message: bytes, *, seconds: float) -> Outcome:
        """Takes at most `seconds`. Raises SessionDied if the connection was gone at MAIL FROM."""
        self.mails += 1
        self._text_is_out = False
        try:
            async with asyncio.timeout(seconds):
                return await self._transmit(envelope, message)
        except TimeoutError as error:
            self._client.close()
            if self._text_is_out:
                return _unknown(error)
            return LineFault(Scope.RELAY, Stage.RCPT, f"the relay took longer than {seconds:.0f} s")
        finally:
            self.last_used = self._clock()

    async def _transmit(self, envelope: Envelope, message: bytes) -> Outcome:
        refused = await self._mail(envelope, len(message))
        if refused is not None:
            return refused
        try:
            answers = await self._recipients(envelope)
        except (SMTPServerDisconnected, SMTPTimeoutError) as error:
            return self._broken(Stage.RCPT, error)
        if isinstance(answers, LineFault):
            return answers
        accepted = [each.address for each in answers if each.verdict is None]
        if not accepted:
            return await self._reset(Answered(tuple(answers)))
        return await self._data(accepted, [each for each in answers if each.verdict is not None], message)

    async def _mail(self, envelope: Envelope, size: int) -> MailFailed | LineFault | None:
        limit = self._size_limit()
        if limit is not None and size > limit:
            return MailFailed(f"the mail has {size} bytes, the relay takes {limit}", permanent=True)
        options = [f"SIZE={size}"] if self._client.supports_extension("size") else []
        try:
            await self._client.mail(envelope.sender, options=options)
        except SMTPSenderRefused as error:
            reply = Reply.of(error.code, error.message)
            return await self._reset(outcome_of_refusal(Stage.MAIL, reply, classify(Stage.MAIL, reply)))
        except (SMTPServerDisconnected, SMTPTimeoutError) as error:
            self._client.close()
            raise SessionDied(f"mail: {error}") from error
        return None

    def _size_limit(self) -> int | None:
        """What EHLO announced (RFC 1870); 0 or nothing means no limit is known."""
        announced = self._client.esmtp_extensions.get("size", "").strip()
        return int(announced) if announced.isdigit() and int(announced) > 0 else None

    async def _recipients(self, envelope: Envelope) -> list[RecipientReply] | LineFault:
        answers: list[RecipientReply] = []
        for address in envelope.recipients:
            try:
                response = await self._client.rcpt(address)
            except SMTPRecipientRefused as error:
                reply = Reply.of(error.code, error.message)
                verdict = classify(Stage.RCPT, reply)
                if verdict.scope is not Scope.RECIPIENT:
                    return await self._reset(LineFault(verdict.scope, Stage.RCPT, str(reply), reply.code))
                answers.append(RecipientReply(address, reply, verdict))
            else:
                answers.append(RecipientReply(address, Reply.of(response.code, response.message), None))
        return answers

    async def _data(
        self, accepted: list[str], refused: list[RecipientReply], message: bytes
    ) -> Answered | MailFailed | LineFault:
        self._text_is_out = True
        try:
            response = await self._client.data(message, timeout=_DATA_SECONDS)
        except SMTPDataError as error:
            reply = Reply.of(error.code, error.message)
            verdict = classify(Stage.DATA, reply)
            if verdict.scope is Scope.MESSAGE:
                # Recipients refused before keep their own reply; the others share this one.
                shared = [RecipientReply(address, reply, verdict) for address in accepted]
                return await self._reset(Answered((*refused, *shared)))
            return await self._reset(outcome_of_refusal(Stage.DATA, reply, verdict))
        except (SMTPServerDisconnected, SMTPTimeoutError) as error:
            self._client.close()
            return _unknown(error)
        return Answered((*taken(accepted, Reply.of(response.code, response.message)), *refused))

    def _broken(self, stage: Stage, error: SMTPException) -> LineFault:
        self._client.close()
        return LineFault(Scope.RELAY, stage, str(error))

    async def _reset[T](self, outcome: T) -> T:
        """Ends the transaction, so that the session can carry the next mail. Closes it where that fails."""
        try:
            await self._client.rset(timeout=_RESET_SECONDS)
        except SMTPException:
            self._client.close()
        return outcome

    @property
    def is_open(self) -> bool:
        return self._client.is_connected

    async def is_alive(self) -> bool:
        """Asks the relay; a session that does not answer is closed."""
        if self._client.is_connected:
            await self._reset(None)
        return self._client.is_connected

    def abandon(self) -> None:
        """Closes at once, without QUIT: the relay may be waiting for the rest of a mail."""
        self._client.close()

    async def close(self) -> None:
        try:
            await self._client.quit(timeout=_RESET_SECONDS)
        except SMTPException:
            self._client.close()


def _unknown(error: Exception) -> MailFailed:
    reason = f"no answer after the mail's text: {error}".rstrip(": ")
    return MailFailed(reason, permanent=False, unknown_outcome=True)


async def open_session(account: Account, credentials: Credentials | None, *, guard: Guard, clock: Clock) -> Session:
    """Connects, secures and authenticates as the account says. Raises SessionFault."""
    client = SMTP(
        hostname=account.host,
        use_tls=account.tls is TlsMode.TLS,
        start_tls=False,  # done below, as a stage of its own
        tls_context=_tls_context(verify=account.verify_certificate),
        timeout=_COMMAND_SECONDS,
    )
    stage = Stage.CONNECT
    try:
        sock = await _connect(account, guard)
        if account.tls is TlsMode.TLS:
            stage = Stage.TLS
        await client.connect(sock=sock, local_hostname=_literal(sock))
        stage = Stage.EHLO
        await client.ehlo()
        if _wants_starttls(account, client):
            stage = Stage.TLS
            await client.starttls()
            stage = Stage.EHLO
            await client.ehlo()
        if credentials is not None:
            stage = Stage.AUTH
            await client.login(credentials.username, credentials.password)
    except AddressRefused as error:
        raise SessionFault(LineFault(Scope.ACCOUNT, stage, f"host: {error.detail}")) from error
    except (SMTPException, OSError) as error:
        client.close()
        raise SessionFault(_opening_fault(stage, error)) from error
    except BaseException:
        client.close()
        raise
    return Session(client, clock)


def _wants_starttls(account: Account, client: SMTP) -> bool:
    if account.tls is TlsMode.OPPORTUNISTIC:
        return client.supports_extension("starttls")
    return account.tls is TlsMode.STARTTLS


def _literal(sock: socket.socket) -> str:
    """How a client without a name introduces itself (RFC 5321 §4.1.3)."""
    address = str(sock.getsockname()[0])
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


async def _connect(account: Account, guard: Guard) -> socket.socket:
    """A connection to the first checked address that answers."""
    loop = asyncio.get_running_loop()
    failure: OSError = OSError(f"{account.host} has no address")
    for resolved in await guard.resolve(account.host, account.port):
        sock = socket.socket(resolved.family, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await loop.sock_connect(sock, (resolved.address, account.port))
        except OSError as error:  # TimeoutError is one
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failure


def _opening_fault(stage: Stage, error: SMTPException | OSError) -> LineFault:
    if isinstance(error, SMTPResponseException):
        reply = Reply.of(error.code, error.message)
        return LineFault(classify(stage, reply).scope, stage, str(reply), reply.code)
    if type(error) in (SMTPException, SMTPNotSupported):
        # STARTTLS or AUTH that the relay does not offer: only the account's settings can mend that.
        return LineFault(Scope.ACCOUNT, stage, str(error))
    reason = str(error) or type(error).__name__
    return LineFault(Scope.RELAY, stage, reason)
