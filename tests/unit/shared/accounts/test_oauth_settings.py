"""What an account's OAuth settings may be, and which of its secrets stay when it is changed."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from pydantic import ValidationError

from shared.accounts.model import AccountSettings
from shared.accounts.oauth.settings import SECRETS, OAuthSecrets, OAuthSettings
from shared.accounts.table import AccountTable
from shared.aws.dynamodb import Table
from shared.aws.kms import SecretSealer
from shared.errors import InvalidInput, StorageError
from tests.unit.clock import SettableClock

type Fields = dict[str, Any]

ENDPOINT = {"token_url": "https://login.example.com/token", "client_id": "app"}
REFRESHING: Fields = ENDPOINT | {"grant": "refresh_token", "client_secret": "s", "refresh_token": "r"}
CREDENTIALS: Fields = ENDPOINT | {"grant": "client_credentials", "client_secret": "s"}


def pem(key: Any, encryption: KeySerializationEncryption | None = None) -> str:
    octets: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())
    return octets.decode()


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65_537, key_size=2_048)


@pytest.fixture(scope="module")
def service_account(key: RSAPrivateKey) -> Fields:
    return ENDPOINT | {"grant": "jwt_bearer", "private_key": pem(key), "scope": "https://mail.google.com/"}


def settings(oauth: Fields, /, **changes: object) -> AccountSettings:
    relay: Fields = {"host": "smtp.example.com", "port": 587, "tls": "starttls", "username": "shop@example.org"}
    given = relay | {"oauth": {name: value for name, value in oauth.items() if value is not None}} | changes
    return AccountSettings.model_validate({name: value for name, value in given.items() if value is not None})


@pytest.fixture
def accounts(registry: Table, sealer: SecretSealer, clock: SettableClock) -> AccountTable:
    return AccountTable(registry, sealer, clock)


@pytest.mark.parametrize(
    ("changes", "where", "words"),
    [
        ({"grant": "password"}, ("grant",), "refresh_token"),
        ({"token_url": "login.example.com/token"}, ("token_url",), "http"),
        ({"token_url": "https://user:pw@login.example.com/token"}, ("token_url",), "credentials"),
        ({"token_url": "https://login.example.com/token#x"}, ("token_url",), "fragment"),
        ({"token_url": "https://login.example.com/a b"}, ("token_url",), "pattern"),
        ({"client_id": ""}, ("client_id",), "1 character"),
        ({"client_id": "a\r\nb"}, ("client_id",), "pattern"),
        ({"client_id": None}, ("client_id",), "required"),
        ({"token_url": None}, ("token_url",), "required"),
        ({"scope": "a  b"}, ("scope",), "pattern"),
        ({"scope": 'a"b'}, ("scope",), "pattern"),
        ({"client_secret": "a\0b"}, ("client_secret",), "control"),
        ({"refresh_token": "a\nb"}, ("refresh_token",), "visible"),
        ({"refresh_token": "x" * 8_193}, ("refresh_token",), "8192"),
        ({"private_key": "nonsense"}, ("private_key",), "PEM"),
        ({"key_id": "k"}, (), "key_id"),
        ({"subject": "s"}, (), "subject"),
        ({"audience": "a"}, (), "audience"),
        ({"secret": "x"}, ("secret",), "permitted"),
    ],
)
def test_a_wrong_setting_is_named(changes: Fields, where: tuple[str, ...], words: str) -> None:
    with pytest.raises(ValidationError) as raised:
        settings(REFRESHING | changes)

    (error,) = raised.value.errors()
    assert error["loc"] == ("oauth", *where)
    assert words in error["msg"]


def test_only_an_rsa_key_that_can_be_read_and_is_long_enough_signs(key: RSAPrivateKey, service_account: Fields) -> None:
    settings(service_account)
    short = generate_private_key(public_exponent=65_537, key_size=1_024)  # noqa: S505 - to be refused
    for bad in (pem(short), pem(generate_ec_key(SECP256R1())), pem(key, BestAvailableEncryption(b"x")), "x"):
        with pytest.raises(ValidationError, match="private_key"):
            settings(service_account | {"private_key": bad})


@pytest.mark.parametrize(
    ("grant", "useless"),
    [("refresh_token", "private_key"), ("client_credentials", "refresh_token"), ("jwt_bearer", "client_secret")],
)
def test_a_secret_that_the_grant_has_no_use_for_is_refused(
    grant: str, useless: str, key: RSAPrivateKey, service_account: Fields
) -> None:
    known = {"refresh_token": REFRESHING, "client_credentials": CREDENTIALS, "jwt_bearer": service_account}[grant]
    value = pem(key) if useless == "private_key" else "x"

    with pytest.raises(ValidationError, match=f"{grant} has no use for {useless}"):
        settings(known | {useless: value})


def test_a_service_account_needs_a_scope(service_account: Fields) -> None:
    with pytest.raises(ValidationError, match="needs scope"):
        settings(service_account | {"scope": None})


def test_oauth_needs_a_mailbox_and_takes_the_place_of_a_password() -> None:
    with pytest.raises(ValidationError, match="username"):
        settings(REFRESHING, username=None)
    with pytest.raises(ValidationError, match="not both"):
        settings(REFRESHING, password="pw")


def test_secrets_are_not_printed(key: RSAPrivateKey) -> None:
    oauth = OAuthSettings.model_validate(REFRESHING | {"client_secret": "SECRET-1", "refresh_token": "SECRET-2"})
    held = OAuthSecrets(client_secret="SECRET-3")

    assert "SECRET" not in f"{oauth} {oauth!r} {oauth.model_dump_json()} {held!r}"


@pytest.mark.parametrize("grant", ["refresh_token", "client_credentials", "jwt_bearer"])
def test_a_new_account_needs_the_secret_of_its_grant(
    accounts: AccountTable, grant: str, service_account: Fields
) -> None:
    needed = {"refresh_token": "refresh_token", "client_credentials": "client_secret", "jwt_bearer": "private_key"}
    known = {"refresh_token": REFRESHING, "client_credentials": CREDENTIALS, "jwt_bearer": service_account}[grant]

    with pytest.raises(InvalidInput, match=f"{grant} needs {needed[grant]}") as raised:
        accounts.put("acme", "main", settings(known | {needed[grant]: None}))

    assert raised.value.pointer == f"/oauth/{needed[grant]}"
    assert raised.value.code == "missing_field"


def test_secrets_are_sealed_for_their_account_alone(accounts: AccountTable, registry: Table) -> None:
    account, _ = accounts.put("acme", "main", settings(REFRESHING | {"refresh_token": "SECRET" * 1_000}))

    assert accounts.get("acme", "main") == account
    assert account.oauth is not None
    assert (account.oauth.has_client_secret, account.oauth.has_refresh_token, account.oauth.has_private_key) == (
        True,
        True,
        False,
    )
    assert accounts.oauth_secrets(account).refresh_token == "SECRET" * 1_000
    assert account.sealed_oauth is not None
    assert b"SECRET" not in account.sealed_oauth
    for moved in (account.model_copy(update={"tenant_id": "other"}), account.model_copy(update={"id": "other"})):
        with pytest.raises(StorageError):
            accounts.oauth_secrets(moved)


def test_secrets_left_out_stay_one_by_one(accounts: AccountTable) -> None:
    accounts.put("acme", "main", settings(REFRESHING))
    changed, _ = accounts.put("acme", "main", settings(REFRESHING | {"refresh_token": None, "client_secret": "s2"}))
    assert accounts.oauth_secrets(changed) == OAuthSecrets(client_secret="s2", refresh_token="r")

    without, _ = accounts.put(
        "acme", "main", settings(REFRESHING | dict.fromkeys(SECRETS) | {"scope": "new"}, port=2525)
    )
    assert accounts.oauth_secrets(without) == OAuthSecrets(client_secret="s2", refresh_token="r")


@pytest.mark.parametrize(
    ("oauth", "relay"),
    [
        ({"token_url": "https://evil.example/token"}, {}),
        ({"client_id": "another"}, {}),
        ({}, {"host": "smtp.evil.example"}),
        ({}, {"username": "boss@example.org"}),
    ],
)
def test_secrets_that_would_go_elsewhere_are_wanted_again(accounts: AccountTable, oauth: Fields, relay: Fields) -> None:
    accounts.put("acme", "main", settings(REFRESHING))
    for left_out in ("client_secret", "refresh_token"):
        with pytest.raises(InvalidInput, match=left_out) as raised:
            accounts.put("acme", "main", settings(REFRESHING | oauth | {left_out: None}, **relay))
        assert raised.value.pointer == f"/oauth/{left_out}"

    changed, _ = accounts.put("acme", "main", settings(REFRESHING | oauth, **relay))
    assert accounts.oauth_secrets(changed) == OAuthSecrets(client_secret="s", refresh_token="r")


def test_a_key_does_not_sign_for_another_subject_unless_given_again(
    accounts: AccountTable, service_account: Fields
) -> None:
    accounts.put("acme", "main", settings(service_account))

    with pytest.raises(InvalidInput, match="private_key again"):
        accounts.put("acme", "main", settings(service_account | {"private_key": None, "subject": "boss@example.org"}))


def test_another_grant_keeps_only_what_it_can_use(accounts: AccountTable) -> None:
    accounts.put("acme", "main", settings(REFRESHING))
    changed, _ = accounts.put("acme", "main", settings(CREDENTIALS | {"client_secret": None}))

    assert accounts.oauth_secrets(changed) == OAuthSecrets(client_secret="s")
    assert changed.oauth is not None
    assert not changed.oauth.has_refresh_token


def test_a_password_gives_way_to_oauth_and_the_other_way_round(accounts: AccountTable) -> None:
    with_password = settings(REFRESHING, oauth=None, password="pw")
    accounts.put("acme", "main", with_password)
    by_token, _ = accounts.put("acme", "main", settings(REFRESHING))
    assert (by_token.sealed_password, accounts.password(by_token)) == (None, None)

    with pytest.raises(InvalidInput, match="needs a password, or oauth"):
        accounts.put("acme", "main", settings(REFRESHING, oauth=None))
    by_password, _ = accounts.put("acme", "main", with_password)
    assert (by_password.oauth, by_password.sealed_oauth) == (None, None)
