"""A relay that takes access tokens alone, the token endpoint that issues them, and a tenant with an account at both."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Protocol

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from localstack.inbox import Credentials, Inbox, Tls, TlsMode, local_certificate
from shared.accounts.oauth.endpoint import TokenEndpoint
from shared.accounts.oauth.token_table import TokenTable
from shared.accounts.oauth.tokens import AccessTokens
from shared.aws import clients
from shared.aws.dynamodb import Table
from shared.aws.envelopes import EnvelopeSealer
from shared.aws.kms import SecretSealer
from shared.clock import Millis
from tests.integration.lane_driver import LOCAL, System
from tests.integration.oauth.authority import CLIENT_ID, CLIENT_SECRET, FIRST_REFRESH_TOKEN, Authority
from tests.unit.clock import SettableClock

MAILBOX = "shop@example.org"


class WorkerTokens(Protocol):
    """The access tokens as one worker has them: with a memory of its own."""

    def __call__(self, *, pause: Callable[[Millis], Awaitable[None]] | None = ...) -> AccessTokens: ...


class AddAccount(Protocol):
    def __call__(self, *, without: str = ..., **oauth: Any) -> None: ...


@pytest.fixture(scope="session")
def service_key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65_537, key_size=2_048)


@pytest.fixture(scope="session")
def service_key_pem(service_key: RSAPrivateKey) -> str:
    return service_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture
def authority(service_key: RSAPrivateKey) -> Iterator[Authority]:
    with Authority(public_key=service_key.public_key()) as running:
        yield running


@pytest.fixture
def relay(authority: Authority) -> Iterator[Inbox]:
    taking_tokens = Credentials(MAILBOX, mechanisms=frozenset({"XOAUTH2"}), access_tokens=authority.access_tokens)
    encrypted = Tls(TlsMode.STARTTLS, local_certificate(trustme.CA()))
    with Inbox(credentials=taking_tokens, tls=encrypted) as running:
        yield running


@pytest.fixture
def token_table(messages: Table, kms_key_id: str, clock: SettableClock) -> TokenTable:
    sealer = SecretSealer(clients.kms(), kms_key_id, clock)
    return TokenTable(messages, EnvelopeSealer(sealer), clock)


@pytest.fixture
def worker_tokens(system: System, token_table: TokenTable, clock: SettableClock) -> WorkerTokens:
    async def no_pause(_: Millis) -> None:
        """As if the time had passed."""

    def make(*, pause: Callable[[Millis], Awaitable[None]] | None = None) -> AccessTokens:
        return AccessTokens(
            accounts=system.accounts,
            table=token_table,
            endpoint=TokenEndpoint(LOCAL),
            clock=clock,
            pause=pause or no_pause,
        )

    return make


@pytest.fixture
def add_account(system: System, relay: Inbox, authority: Authority) -> AddAccount:
    """Adds or replaces the account: by default with the grant refresh_token, `without` one of its fields."""
    system.add_tenant()

    def add(*, without: str = "", **oauth: Any) -> None:
        settings = {
            "grant": "refresh_token",
            "token_url": authority.url,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "refresh_token": FIRST_REFRESH_TOKEN,
            "scope": "https://outlook.office.com/SMTP.Send offline_access",
        } | oauth
        if settings["grant"] != "refresh_token":
            del settings["refresh_token"]
        given = {k: v for k, v in settings.items() if k != without}
        system.add_account(relay, tls="starttls", verify_certificate=False, username=MAILBOX, oauth=given)

    return add
