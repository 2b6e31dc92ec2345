"""Accounts with OAuth, over HTTP."""

import pytest

from functions.api.services import Services
from shared.accounts.oauth.token_table import token_key
from shared.aws.dynamodb import Table
from tests.unit.functions.api.caller import Api, CheckProblem

ACCOUNT = "/v1/tenants/acme/accounts/m365"
OAUTH = {
    "grant": "refresh_token",
    "token_url": "https://login.microsoftonline.com/common/oauth2/v2.0/token",
    "client_id": "4ed8ccd5",
    "client_secret": "SECRET-1",
    "refresh_token": "SECRET-2",
    "scope": "https://outlook.office.com/SMTP.Send offline_access",
}
RELAY = {"host": "smtp.office365.com", "port": 587, "tls": "starttls", "username": "shop@example.org", "oauth": OAUTH}


def with_oauth(**changes: object) -> dict[str, object]:
    return RELAY | {"oauth": {name: value for name, value in (OAUTH | changes).items() if value is not None}}


def test_settings_are_shown_and_secrets_are_not(acme: Api) -> None:
    created = acme.put(ACCOUNT, RELAY)

    assert created.status_code == 201
    shown = acme.get(ACCOUNT)
    assert shown.json() == created.json()
    assert shown.json()["has_password"] is False
    assert shown.json()["oauth"] == {
        "grant": "refresh_token",
        "token_url": "https://login.microsoftonline.com/common/oauth2/v2.0/token",
        "client_id": "4ed8ccd5",
        "scope": "https://outlook.office.com/SMTP.Send offline_access",
        "key_id": None,
        "subject": None,
        "audience": None,
        "has_client_secret": True,
        "has_refresh_token": True,
        "has_private_key": False,
    }
    assert "SECRET" not in shown.text + created.text + acme.get("/v1/tenants/acme/accounts").text


def test_secrets_left_out_stay_unless_they_would_go_elsewhere(
    acme: Api, services: Services, problem: CheckProblem
) -> None:
    acme.put(ACCOUNT, RELAY)
    assert acme.put(ACCOUNT, with_oauth(client_secret=None, refresh_token=None, scope="x")).status_code == 200
    assert services.accounts.oauth_secrets(services.accounts.get("acme", "m365")).refresh_token == "SECRET-2"

    moved = with_oauth(client_secret=None, refresh_token=None, token_url="https://evil.example/token")
    document = problem(acme.put(ACCOUNT, moved), 422, "missing_field")
    assert document["errors"][0]["pointer"] == "/oauth/client_secret"


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"refresh_token": None}, "/oauth/refresh_token", "missing_field"),
        ({"token_url": "http://login.example.com/token"}, "/oauth/token_url", "https_required"),
        ({"token_url": "https://10.0.0.1/token"}, "/oauth/token_url", "address_refused"),
        ({"token_url": "https://[::1]/token"}, "/oauth/token_url", "address_refused"),
        ({"token_url": "https://169.254.169.254/token"}, "/oauth/token_url", "address_refused"),
    ],
)
def test_what_is_wrong_is_named(
    acme: Api, problem: CheckProblem, changes: dict[str, object], pointer: str, code: str
) -> None:
    document = problem(acme.put(ACCOUNT, with_oauth(**changes)), 422, code)

    assert [each["pointer"] for each in document["errors"]] == [pointer]


def test_a_host_that_the_operator_allows_may_be_plain_and_local(acme: Api) -> None:
    assert acme.put(ACCOUNT, with_oauth(token_url="http://127.0.0.1:8080/token")).status_code == 201


@pytest.mark.parametrize(
    ("body", "pointer", "words"),
    [
        (RELAY | {"password": "pw"}, "/oauth", "not both"),
        ({name: value for name, value in RELAY.items() if name != "username"}, "/oauth", "username"),
        (with_oauth(grant="client_credentials"), "/oauth", "refresh_token"),
        (with_oauth(subject="x"), "/oauth", "subject"),
        (with_oauth(grant="device_code"), "/oauth/grant", "client_credentials"),
    ],
)
def test_what_does_not_go_together_is_said(acme: Api, body: dict[str, object], pointer: str, words: str) -> None:
    answer = acme.put(ACCOUNT, body)

    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["pointer"] == pointer
    assert words in error["detail"]
    assert "SECRET" not in answer.text


def test_with_the_account_go_its_tokens(acme: Api, services: Services, messages: Table) -> None:
    acme.put(ACCOUNT, RELAY)
    account = services.accounts.get("acme", "m365")
    services.access_tokens.lease(account, services.access_tokens.read(account))

    assert acme.delete(ACCOUNT).status_code == 204

    assert messages.get(token_key("acme", "m365")) is None
