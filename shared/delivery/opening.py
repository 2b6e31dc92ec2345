"""Opens a session with a relay: connecting, TLS, AUTH. What fails there concerns the whole line, never a mail."""

import asyncio
import socket
import ssl
from functools import lru_cache

from aiosmtplib import SMTP, SMTPException, SMTPNotSupported, SMTPResponseException

from shared.accounts.model import Account, TlsMode
from shared.accounts.oauth.endpoint import TokenFault, TokenRefused
from shared.clock import Clock
from shared.delivery.authentication import Credentials, authenticate
from shared.delivery.classification import classify
from shared.delivery.replies import Reply, Scope, Stage
from shared.delivery.session import Session
from shared.delivery.transmission import LineFault
from shared.errors import MailProxyError, StorageError
from shared.outgoing.guard import AddressRefused, Guard

_CONNECT_SECONDS = 10
_COMMAND_SECONDS = 30


class SessionFault(MailProxyError):
    """The session could not be opened, for a reason that concerns the whole line."""

    code = "session"

    def __init__(self, fault: LineFault) -> None:
        super().__init__(fault.reason)
        self.fault = fault


@lru_cache(maxsize=64)
def _tls_context(*, verify: bool, ca_certificate: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=ca_certificate)
    if not verify:  # only where the account says so explicitly
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def open_session(account: Account, credentials: Credentials | None, *, guard: Guard, clock: Clock) -> Session:
    """Connects, secures and authenticates as the account says. Raises SessionFault."""
    client = SMTP(
        hostname=account.host,
        use_tls=account.tls is TlsMode.TLS,
        start_tls=False,  # done below, as a stage of its own
        tls_context=_tls_context(verify=account.verify_certificate, ca_certificate=account.ca_certificate),
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
            await authenticate(client, credentials)
    except AddressRefused as error:
        raise SessionFault(LineFault(Scope.ACCOUNT, stage, f"host: {error.detail}")) from error
    except (TokenFault, StorageError) as error:
        client.close()
        raise SessionFault(_token_fault(stage, error)) from error
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


def _token_fault(stage: Stage, error: TokenFault | StorageError) -> LineFault:
    scope = Scope.ACCOUNT if isinstance(error, TokenRefused) else Scope.RELAY
    return LineFault(scope, stage, f"no access token: {error.detail}", error=error.code)


def _opening_fault(stage: Stage, error: SMTPException | OSError) -> LineFault:
    if isinstance(error, SMTPResponseException):
        reply = Reply.of(error.code, error.message)
        return LineFault(classify(stage, reply).scope, stage, str(reply), reply.code)
    if type(error) in (SMTPException, SMTPNotSupported):
        # STARTTLS or AUTH that the relay does not offer: only the account's settings can mend that.
        return LineFault(Scope.ACCOUNT, stage, str(error))
    reason = str(error) or type(error).__name__
    return LineFault(Scope.RELAY, stage, reason)
