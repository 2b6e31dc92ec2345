"""Opens a session with a relay: connecting, TLS, AUTH. What fails there concerns the whole line, never a mail."""

import asyncio
import socket
import ssl
from functools import lru_cache

from aiosmtplib import SMTP, SMTPConnectError, SMTPException, SMTPNotSupported, SMTPResponseException, SMTPTimeoutError

from shared.accounts.model import Account, TlsMode
from shared.accounts.oauth.endpoint import TokenFault, TokenRefused
from shared.clock import Clock
from shared.delivery.authentication import Credentials, authenticate
from shared.delivery.classification import classify
from shared.delivery.replies import Reply, Scope, Stage
from shared.delivery.session import Session
from shared.delivery.transmission import LineFault
from shared.delivery.witness import Step, Witness
from shared.errors import MailProxyError, StorageError
from shared.outgoing.guard import AddressRefused, Guard, Resolved

_CONNECT_SECONDS = 10
COMMAND_SECONDS = 30


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


async def open_session(
    account: Account,
    credentials: Credentials | None,
    *,
    guard: Guard,
    clock: Clock,
    witness: Witness | None = None,
    seconds: float = COMMAND_SECONDS,
) -> Session:
    """Connects, secures and authenticates as the account says, waiting at most `seconds` for each answer. `witness`
    gets what is seen. Raises SessionFault."""
    seen = witness or Witness()
    client = SMTP(
        hostname=account.host,
        use_tls=account.tls is TlsMode.TLS,
        start_tls=False,  # done below, as a stage of its own
        tls_context=_tls_context(verify=account.verify_certificate, ca_certificate=account.ca_certificate),
        timeout=seconds,
    )
    try:
        sock = await _connect(account, guard, seen)
        seen.begin(Step.TLS if account.tls is TlsMode.TLS else Step.GREETING)
        greeting = await client.connect(sock=sock, local_hostname=_literal(sock))
        seen.was_encrypted(client)
        seen.was_greeted(greeting)
        await _ehlo(client, seen)
        if _wants_starttls(account, client):
            seen.begin(Step.STARTTLS)
            await client.starttls()
            seen.was_encrypted(client)
            await _ehlo(client, seen)
        if credentials is not None:
            seen.begin(Step.AUTH)
            await authenticate(client, credentials, seen)
    except AddressRefused as error:
        raise SessionFault(LineFault(Scope.ACCOUNT, seen.stage, f"host: {error.detail}")) from error
    except (TokenFault, StorageError) as error:
        client.close()
        raise SessionFault(_token_fault(seen.stage, error)) from error
    except (SMTPException, OSError) as error:
        client.close()
        raise SessionFault(_opening_fault(seen.stage, error)) from error
    except BaseException:
        client.close()
        raise
    seen.end()
    return Session(client, clock)


async def _ehlo(client: SMTP, seen: Witness) -> None:
    seen.begin(Step.EHLO)
    seen.heard_of_extensions(client, await client.ehlo())


def _wants_starttls(account: Account, client: SMTP) -> bool:
    if account.tls is TlsMode.OPPORTUNISTIC:
        return client.supports_extension("starttls")
    return account.tls is TlsMode.STARTTLS


def _literal(sock: socket.socket) -> str:
    """How a client without a name introduces itself (RFC 5321 §4.1.3)."""
    address = str(sock.getsockname()[0])
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


async def _connect(account: Account, guard: Guard, seen: Witness) -> socket.socket:
    """A connection to the first checked address that answers."""
    seen.begin(Step.RESOLVE)
    addresses = await guard.resolve(account.host, account.port)
    seen.addresses = [each.address for each in addresses]
    seen.note(", ".join(seen.addresses))
    seen.begin(Step.CONNECT)
    failure: OSError = OSError(f"{account.host} has no address")
    for each in addresses:
        try:
            sock = await _connect_to(each, account.port)
        except OSError as error:  # TimeoutError is one
            failure = error
            seen.note(f"{each.address}: {error}")
        else:
            seen.address = each.address
            seen.note(f"{each.address}: connected")
            return sock
    raise failure


async def _connect_to(resolved: Resolved, port: int) -> socket.socket:
    """Raises OSError."""
    sock = socket.socket(resolved.family, socket.SOCK_STREAM)
    sock.setblocking(False)
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            await asyncio.get_running_loop().sock_connect(sock, (resolved.address, port))
    except TimeoutError as error:
        sock.close()
        raise TimeoutError(f"{resolved.address} did not answer on port {port} in {_CONNECT_SECONDS} s") from error
    except BaseException:
        sock.close()
        raise
    return sock


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
    # aiosmtplib says "Error connecting to … on port None: …" of a socket that it was given.
    cause = error.__cause__ if isinstance(error, SMTPConnectError) and not isinstance(error, SMTPTimeoutError) else None
    reason = str(cause or error) or type(error).__name__
    return LineFault(Scope.RELAY, stage, reason)
