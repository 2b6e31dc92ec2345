"""What to do about a session that could not be opened, and which field of the account it is about."""

from dataclasses import dataclass

from shared.accounts.model import Account, TlsMode
from shared.delivery.replies import Scope
from shared.delivery.transmission import LineFault
from shared.delivery.witness import Step
from shared.outgoing.guard import AddressRefused


@dataclass(frozen=True, slots=True)
class Advice:
    """`pointer` is the JSON pointer of the field to look at, empty where no setting of the account is at fault."""

    text: str
    pointer: str = ""


_LATER = Advice("nothing to change: the relay is having trouble, try again later")
_TLS_PORT = "the usual ports are 465 for 'tls', 587 for 'starttls'"
_CERTIFICATE = (
    ("expired", Advice("the relay has to renew its certificate; `verify_certificate: false` takes any", "/host")),
    ("not yet valid", Advice("the relay's certificate begins to hold later; or its clock is wrong", "/host")),
    ("mismatch", Advice("host: it must be a name that the relay's certificate holds for", "/host")),
    ("not valid for", Advice("host: it must be a name that the relay's certificate holds for", "/host")),
    (
        "certificate verify failed",
        Advice("ca_certificate: give the PEM of the authority that issued the relay's certificate", "/ca_certificate"),
    ),
)


def advise(account: Account, step: Step, fault: LineFault) -> Advice:
    """By the step that failed, and the relay's or the network's own words."""
    match step:
        case Step.RESOLVE if fault.scope is Scope.ACCOUNT:
            return Advice("host: name a relay with a public address, or have the operator allow this one", "/host")
        case Step.RESOLVE:
            return Advice("host: look at how it is written; no address is known for it", "/host")
        case Step.CONNECT:
            return Advice(f"port: nothing answers there; {_TLS_PORT}. AWS blocks port 25", "/port")
        case Step.TLS | Step.STARTTLS:
            return _of_encryption(account, step, fault)
        case Step.GREETING | Step.EHLO:
            return _of_greeting(account, fault)
        case Step.TOKEN:
            return _of_token(fault)
        case Step.AUTH:
            return _of_credentials(account, fault)


def _of_encryption(account: Account, step: Step, fault: LineFault) -> Advice:
    reason = fault.reason.lower()
    for words, advice in _CERTIFICATE:
        if words in reason:
            return advice
    if step is Step.STARTTLS and "not supported" in reason:
        return Advice(f"tls: the relay offers no STARTTLS on port {account.port}; {_TLS_PORT}", "/tls")
    if step is Step.STARTTLS:
        return _LATER
    return Advice(
        f"tls: the relay does not speak TLS from the first byte on port {account.port}: try 'starttls'; {_TLS_PORT}",
        "/tls",
    )


def _of_greeting(account: Account, fault: LineFault) -> Advice:
    if fault.code is not None and fault.code >= 500:
        return Advice("the relay takes no mail from here: ask its operator, and show these words")
    if fault.code is not None:
        return _LATER
    if account.tls is TlsMode.TLS:
        return _LATER
    return Advice(
        f"tls: the relay says nothing on port {account.port}; if it expects TLS from the first byte, say 'tls'; "
        f"{_TLS_PORT}",
        "/tls",
    )


def _of_token(fault: LineFault) -> Advice:
    if fault.error == AddressRefused.code:
        return Advice("oauth.token_url: it must lead to a public address", "/oauth/token_url")
    if fault.scope is Scope.RELAY:
        return Advice("nothing to change: the token endpoint gives no answer, try again later")
    if fault.error == "invalid_grant":
        return Advice("oauth.refresh_token: it has ended or was revoked; authorise again", "/oauth/refresh_token")
    if fault.error in ("invalid_client", "unauthorized_client"):
        return Advice("oauth.client_id and client_secret: the provider does not take them", "/oauth/client_secret")
    return Advice("oauth: the provider's words say what it does not take", "/oauth")


def _of_credentials(account: Account, fault: LineFault) -> Advice:
    if fault.code is None and fault.scope is Scope.ACCOUNT:  # nothing was tried: the relay offers nothing that fits
        if account.oauth is not None:
            return Advice("oauth: this relay takes no XOAUTH2; give a password, or look at the host", "/oauth")
        if "unencrypted" in fault.reason:
            return Advice("tls: many relays offer AUTH over an encrypted connection only; say 'starttls'", "/tls")
        return Advice(
            "password: this relay wants another mechanism, perhaps oauth; or it needs no username", "/password"
        )
    if fault.scope is Scope.RELAY:
        return _LATER
    if account.oauth is not None:
        return Advice("username: the relay knows the token but not that it may send as this mailbox", "/username")
    return Advice("username, password: the relay does not take them", "/password")
