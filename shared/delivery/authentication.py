"""How a session proves who sends: a password, by the best mechanism that the relay offers, or an access token."""

from dataclasses import dataclass, field
from typing import Final

from aiosmtplib import SMTP, SMTPAuthenticationError, SMTPNotSupported, SMTPServerDisconnected

from shared.accounts.model import Account
from shared.accounts.oauth.tokens import AccessTokens
from shared.accounts.table import AccountTable
from shared.delivery.replies import Reply
from shared.delivery.witness import Step, Witness

# The relay does not take the token: it was revoked, or ended early. 334 is the challenge that tells why, had it ended
# the exchange (https://developers.google.com/workspace/gmail/imap/xoauth2-protocol#error_response).
_TOKEN_REFUSED: Final = {334, 535}


@dataclass(frozen=True, slots=True)
class PasswordCredentials:
    """For CRAM-MD5, PLAIN or LOGIN; the password is in the clear, so never logged or kept beyond the process."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OAuthCredentials:
    """For XOAUTH2; the token is obtained when a session is opened, not before."""

    username: str
    account: Account = field(repr=False)
    tokens: AccessTokens = field(repr=False)


type Credentials = PasswordCredentials | OAuthCredentials


class CredentialsReader:
    """What each account proves itself with."""

    def __init__(self, *, accounts: AccountTable, tokens: AccessTokens) -> None:
        self._accounts = accounts
        self._tokens = tokens

    def read(self, account: Account | None) -> Credentials | None:
        """None for an account that sends without AUTH. Raises StorageError when the password cannot be opened."""
        if account is None or account.username is None:
            return None
        if account.oauth is not None:
            return OAuthCredentials(account.username, account, self._tokens)
        return PasswordCredentials(account.username, self._accounts.password(account) or "")


async def authenticate(client: SMTP, credentials: Credentials, seen: Witness) -> None:
    """AUTH (RFC 4954), on a client that has said EHLO.

    Raises SMTPException, TokenFault when no access token can be had, StorageError when it cannot be read or kept.
    """
    match credentials:
        case PasswordCredentials(username=username, password=password):
            await _authenticate_by_password(client, username, password, seen)
        case OAuthCredentials():
            await _authenticate_by_token(client, credentials, seen)


async def _authenticate_by_password(client: SMTP, username: str, password: str, seen: Witness) -> None:
    """By each mechanism on offer until one succeeds: relays offer some that they cannot do, CRAM-MD5 above all, which
    needs passwords kept in the clear."""
    mechanisms = {"cram-md5": client.auth_crammd5, "plain": client.auth_plain, "login": client.auth_login}
    offered = [name for name in mechanisms if name in client.server_auth_methods]
    if not offered:
        raise SMTPNotSupported(f"the relay takes no password: it offers {_offer(client)}")
    seen.conceal(username, password)
    refusal: SMTPAuthenticationError | None = None
    for name in offered:
        try:
            response = await mechanisms[name](username, password)
        except SMTPAuthenticationError as error:
            refusal = error
            seen.tried(name, Reply.of(error.code, error.message))
            if 400 <= error.code < 500:
                break
        except SMTPServerDisconnected:
            if refusal is None:
                raise
            break
        else:
            seen.tried(name, response)
            return
    if refusal is not None:
        raise refusal


def _offer(client: SMTP) -> str:
    mechanisms = ", ".join(sorted(client.server_auth_methods)).upper()
    if mechanisms:
        return f"AUTH {mechanisms}"
    return "no AUTH" + ("" if client.get_transport_info("sslcontext") else " on an unencrypted connection")


async def _authenticate_by_token(client: SMTP, credentials: OAuthCredentials, seen: Witness) -> None:
    if "xoauth2" not in client.server_auth_methods:
        raise SMTPNotSupported(f"oauth needs AUTH XOAUTH2: the relay offers {_offer(client)}")
    token = await _token(credentials, seen)
    try:
        await _show_token(client, credentials, token, seen)
    except SMTPAuthenticationError as error:
        if error.code not in _TOKEN_REFUSED:
            raise
        other = await _token(credentials, seen, refused=token)
        try:
            await _show_token(client, credentials, other, seen)
        except SMTPServerDisconnected as hung_up:
            # The next session has the new token from the start.
            raise SMTPServerDisconnected(f"refused the access token ({error}), then hung up") from hung_up


async def _token(credentials: OAuthCredentials, seen: Witness, *, refused: str | None = None) -> str:
    seen.begin(Step.TOKEN)
    token = await credentials.tokens.get(credentials.account, refused=refused)
    seen.conceal(credentials.username, token)
    return token


async def _show_token(client: SMTP, credentials: OAuthCredentials, token: str, seen: Witness) -> None:
    seen.begin(Step.AUTH)
    try:
        response = await client.auth_xoauth2(credentials.username, token)
    except SMTPAuthenticationError as error:
        seen.tried("xoauth2", Reply.of(error.code, error.message))
        seen.fail()
        raise
    seen.tried("xoauth2", response)
