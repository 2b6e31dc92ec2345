"""An account is verified over a real session, and the answer tells what was seen: never a secret."""

import base64
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
from fastapi.testclient import TestClient

from functions.api.app import create_app
from functions.api.services import Services
from localstack.inbox import Credentials, Inbox, Reply, Stage, Tls, TlsMode, answer, local_certificate
from shared.accounts.health import Fault
from shared.aws.dynamodb import Table, Update
from shared.clock import HOUR
from shared.delivery import opening, verification
from shared.lines.line import LineKind, account_line
from tests import boto
from tests.integration.delivery.raw_relay import RawRelay
from tests.integration.oauth.authority import CLIENT_ID, CLIENT_SECRET, FIRST_REFRESH_TOKEN, Authority
from tests.unit.clock import NOON, SettableClock
from tests.unit.functions.api.caller import Api
from tests.unit.functions.api.conftest import services  # noqa: F401 - a fixture, found here by its name

ACCOUNT = "/v1/tenants/acme/accounts/main"
LOGIN = Credentials("shop", "s3cret pässwörd")
SECRETS = (LOGIN.password, base64.b64encode(LOGIN.password.encode()).decode())


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(verification, "AT_MOST_SECONDS", 3)


@pytest.fixture
def api(services: Services) -> Iterator[Api]:  # noqa: F811
    with TestClient(create_app(lambda: services)) as client:
        api = Api(client)
        assert api.put("/v1/tenants/acme", {}).status_code == 201
        yield api


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[trustme.CA]:
    """The one authority that this machine trusts."""
    authority = trustme.CA()
    bundle = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(bundle)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    opening._tls_context.cache_clear()
    yield authority
    opening._tls_context.cache_clear()


def verified(api: Api, host: str, port: int, **settings: Any) -> dict[str, Any]:
    """What is told of an account at this relay."""
    put = api.put(ACCOUNT, {"host": host, "port": port, "tls": "none"} | settings)
    assert put.is_success, put.text
    told = api.post(f"{ACCOUNT}/verify")
    assert told.status_code == 200, told.text
    for secret in SECRETS:
        assert secret not in told.text
    found: dict[str, Any] = told.json()
    assert found["ok"] is (found["failure"] is None)
    assert [each["ok"] for each in found["steps"]][:-1] == [True] * (len(found["steps"]) - 1)
    assert found["steps"][-1]["ok"] is found["ok"]
    return found


def steps(found: dict[str, Any]) -> list[str]:
    return [each["step"] for each in found["steps"]]


def by_password(**more: Any) -> dict[str, Any]:
    return {"username": LOGIN.username, "password": LOGIN.password} | more


def test_a_relay_that_takes_the_password_is_told_step_by_step(api: Api) -> None:
    with Inbox(credentials=LOGIN, smtputf8=True) as relay:
        found = verified(api, relay.host, relay.port, **by_password())
        assert relay.mailbox.exchanges(Stage.MAIL) == []
    assert steps(found) == ["resolve", "connect", "greeting", "ehlo", "auth"]
    assert found["addresses"] == ["127.0.0.1"]
    assert found["address"] == "127.0.0.1"
    assert found["greeting"].startswith("220 ")
    assert found["extensions"]["SIZE"] == str(32 * 1024 * 1024)
    assert {"8BITMIME", "SMTPUTF8"} <= found["extensions"].keys()
    assert set(found["extensions"]["AUTH"].split()) == {"LOGIN", "PLAIN"}
    assert found["mechanism"] == "PLAIN"
    assert found["steps"][-1]["seen"].startswith("PLAIN: 235")
    assert found["tls"] is None
    assert found["warnings"] == ["tls: the credentials went over an unencrypted connection"]
    assert found["duration_ms"] >= max(each["duration_ms"] for each in found["steps"]) > 0


@pytest.mark.parametrize(
    ("offered", "mode", "way"),
    [
        (TlsMode.IMPLICIT, "tls", ["tls", "ehlo"]),
        (TlsMode.STARTTLS_REQUIRED, "starttls", ["greeting", "ehlo", "starttls", "ehlo"]),
    ],
)
def test_how_the_session_is_encrypted_is_told(
    api: Api, authority: trustme.CA, offered: TlsMode, mode: str, way: list[str]
) -> None:
    with Inbox(credentials=LOGIN, tls=Tls(offered, local_certificate(authority))) as relay:
        found = verified(api, relay.host, relay.port, **by_password(tls=mode))
    assert steps(found) == ["resolve", "connect", *way, "auth"]
    assert found["tls"]["version"] == "TLSv1.3"
    assert found["tls"]["cipher"].startswith("TLS_")
    assert set(found["tls"]["certificate"]["names"]) == {"127.0.0.1", "localhost"}
    assert "trustme" in found["tls"]["certificate"]["subject"]
    assert "trustme" in found["tls"]["certificate"]["issuer"]
    assert found["tls"]["certificate"]["not_after"] > "2030"
    assert found["warnings"] == []


def test_a_wrong_password_is_told_with_the_relays_words(api: Api) -> None:
    with Inbox(credentials=LOGIN) as relay:
        found = verified(api, relay.host, relay.port, username="shop", password="wrong")
    failure = found["failure"]
    assert (failure["step"], failure["scope"], failure["code"], failure["pointer"]) == (
        "auth",
        "account",
        535,
        "/password",
    )
    assert failure["reason"].startswith("535 ")
    assert "PLAIN: 535" in found["steps"][-1]["seen"]
    assert "LOGIN: 535" in found["steps"][-1]["seen"]


def test_what_a_relay_repeats_of_the_credentials_is_left_out(api: Api) -> None:
    plain = base64.b64encode(f"\0shop\0{LOGIN.password}".encode())
    echo = b"535 5.7.8 AUTH PLAIN " + plain + b" is wrong: " + LOGIN.password.encode() + b"\r\n"
    with RawRelay({"EHLO": b"250-raw.localhost\r\n250 AUTH PLAIN\r\n", "AUTH": echo}) as relay:
        found = verified(api, relay.host, relay.port, **by_password())
    assert found["failure"]["reason"] == "535 5.7.8 AUTH PLAIN [redacted] is wrong: [redacted]"
    assert plain.decode() not in str(found)


def test_a_host_without_an_address_is_told(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    found = verified(api, "smtp.acme.invalid", 587, tls="starttls")
    assert steps(found) == ["resolve"]
    assert found["failure"]["pointer"] == "/host"
    assert "Name or service not known" in found["failure"]["reason"]


def test_a_host_that_may_not_be_reached_is_told(api: Api) -> None:
    failure = verified(api, "10.0.0.1", 587)["failure"]
    assert (failure["step"], failure["scope"], failure["pointer"]) == ("resolve", "account", "/host")
    assert "10.0.0.1, which is not a public address" in failure["reason"]


def test_a_port_where_nobody_listens_is_told(api: Api) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    failure = verified(api, "127.0.0.1", port)["failure"]
    assert (failure["step"], failure["scope"], failure["pointer"]) == ("connect", "relay", "/port")


def test_tls_where_the_relay_begins_in_the_clear_is_told(api: Api) -> None:
    with Inbox() as relay:
        failure = verified(api, relay.host, relay.port, tls="tls")["failure"]
    assert (failure["step"], failure["pointer"]) == ("tls", "/tls")
    assert "WRONG_VERSION_NUMBER" in failure["reason"]
    assert "try 'starttls'" in failure["advice"]


def test_the_clear_where_the_relay_expects_tls_is_told(api: Api, authority: trustme.CA) -> None:
    with Inbox(tls=Tls(TlsMode.IMPLICIT, local_certificate(authority))) as relay:
        failure = verified(api, relay.host, relay.port, tls="starttls")["failure"]
    assert (failure["step"], failure["pointer"]) == ("greeting", "/tls")
    assert "say 'tls'" in failure["advice"]


def test_starttls_that_is_not_offered_is_told(api: Api) -> None:
    with Inbox() as relay:
        failure = verified(api, relay.host, relay.port, tls="starttls")["failure"]
    assert (failure["step"], failure["scope"], failure["pointer"]) == ("starttls", "account", "/tls")


def expired(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued = authority.issue_cert(
        "127.0.0.1", not_before=datetime(2020, 1, 1, tzinfo=UTC), not_after=datetime(2020, 2, 1, tzinfo=UTC)
    )
    issued.configure_cert(context)
    return context


@pytest.mark.parametrize(("offered", "mode"), [(TlsMode.IMPLICIT, "tls"), (TlsMode.STARTTLS, "starttls")])
def test_a_certificate_that_does_not_hold_is_told_with_what_is_wrong(
    api: Api, authority: trustme.CA, offered: TlsMode, mode: str
) -> None:
    flaws = {
        "certificate has expired": (expired(authority), "/host"),
        "unable to get local issuer": (local_certificate(trustme.CA()), "/ca_certificate"),
        "not valid for '127.0.0.1'": (local_certificate(authority, "mail.example.org"), "/host"),
    }
    for words, (context, pointer) in flaws.items():
        with Inbox(tls=Tls(offered, context), credentials=LOGIN) as relay:
            failure = verified(api, relay.host, relay.port, **by_password(tls=mode))["failure"]
            assert relay.mailbox.exchanges(Stage.AUTH) == []
        assert (failure["step"], failure["pointer"]) == (mode, pointer), failure
        assert words in failure["reason"]


def test_an_unchecked_certificate_is_shown_with_a_warning(api: Api, authority: trustme.CA) -> None:
    with Inbox(tls=Tls(TlsMode.IMPLICIT, expired(authority))) as relay:
        found = verified(api, relay.host, relay.port, tls="tls", verify_certificate=False)
    assert found["ok"]
    assert found["tls"]["certificate"]["not_after"] == "2020-02-01T00:00:00.000Z"
    assert found["warnings"] == [
        "verify_certificate: the certificate was not checked",
        "the relay's certificate ends at 2020-02-01 00:00 UTC",
    ]


def test_a_relay_that_says_nothing_is_not_waited_for_long(api: Api) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        failure = verified(api, "127.0.0.1", silent.getsockname()[1])["failure"]
    assert (failure["step"], failure["code"]) == ("greeting", None)


def test_a_relay_that_drags_on_is_left_after_the_whole_time(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "AT_MOST_SECONDS", 0.7)
    with Inbox(latency_seconds=0.4) as relay:
        found = verified(api, relay.host, relay.port)
    assert (found["failure"]["step"], found["failure"]["reason"]) == ("ehlo", "not done after 0.7 s")


def test_a_relay_that_refuses_the_client_is_told(api: Api) -> None:
    with RawRelay({"greeting": b"554 5.7.1 no service for you\r\n"}) as relay:
        failure = verified(api, relay.host, relay.port)["failure"]
    assert (failure["step"], failure["code"], failure["pointer"]) == ("greeting", 554, "")
    assert failure["reason"] == "554 5.7.1 no service for you"


def test_credentials_for_a_relay_without_authentication_are_told(api: Api) -> None:
    with Inbox() as relay:
        failure = verified(api, relay.host, relay.port, **by_password())["failure"]
    assert (failure["step"], failure["scope"], failure["pointer"]) == ("auth", "account", "/tls")
    assert failure["reason"] == "the relay takes no password: it offers no AUTH on an unencrypted connection"


def test_success_clears_the_health_and_wakes_what_waits_and_failure_does_neither(
    api: Api,
    services: Services,  # noqa: F811
    messages: Table,
    queue_urls: dict[LineKind, str],
    clock: SettableClock,
) -> None:
    line, sqs = account_line(LineKind.MEDIUM, "acme", "main"), boto.sqs()
    fault = Fault(scope="account", stage="auth", code=535, reason="535 no", since=NOON)
    with Inbox(credentials=LOGIN) as relay:
        assert verified(api, relay.host, relay.port, **by_password())["ok"]
        message = {"id": "m1", "account_id": "main", "from": "a@acme.example", "to": "b@example.com", "text": "x"}
        assert api.submit(message).status_code == 202
        messages.update(Update(line.head_key, set={"blocked_until": clock.now + HOUR}))
        assert services.health.record_fault("acme", "main", fault)
        for url in queue_urls.values():
            sqs.purge_queue(QueueUrl=url)

        relay.script.add(answer(Stage.AUTH, Reply("535 5.7.8 not now"), first=9))
        assert not api.post(f"{ACCOUNT}/verify").json()["ok"]
        relay.script.clear()
        assert api.get(ACCOUNT).json()["health"]["status"] == "waiting"
        assert (messages.get(line.head_key) or {})["blocked_until"] == clock.now + HOUR

        assert api.post(f"{ACCOUNT}/verify").json()["ok"]
    assert api.get(ACCOUNT).json()["health"]["status"] == "ok"
    assert "blocked_until" not in (messages.get(line.head_key) or {})
    woken = {kind for kind, url in queue_urls.items() if sqs.receive_message(QueueUrl=url).get("Messages")}
    assert woken == {LineKind.MEDIUM, LineKind.REPORTS}


def oauth_settings(endpoint: Authority, **changed: str) -> dict[str, Any]:
    oauth = {
        "grant": "refresh_token",
        "token_url": endpoint.url,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "refresh_token": FIRST_REFRESH_TOKEN,
    }
    return {"username": "shop@example.org", "tls": "starttls", "oauth": oauth | changed}


def test_the_token_endpoint_is_a_step_of_its_own(api: Api, authority: trustme.CA) -> None:
    with Authority() as endpoint:
        taking = Credentials(
            "shop@example.org", mechanisms=frozenset({"XOAUTH2"}), access_tokens=endpoint.access_tokens
        )
        with Inbox(credentials=taking, tls=Tls(TlsMode.STARTTLS, local_certificate(authority))) as relay:
            found = verified(api, relay.host, relay.port, **oauth_settings(endpoint))
            assert steps(found)[-2:] == ["token", "auth"]
            assert found["mechanism"] == "XOAUTH2"
            for secret in (*endpoint.access_tokens, CLIENT_SECRET, FIRST_REFRESH_TOKEN):
                assert secret not in str(found)

            refused = verified(api, relay.host, relay.port, **oauth_settings(endpoint, refresh_token="revoked"))
            failure = refused["failure"]
            assert (failure["step"], failure["error"], failure["pointer"]) == (
                ("token", "invalid_grant", "/oauth/refresh_token")
            )


def test_an_account_that_is_not_there_cannot_be_verified(api: Api) -> None:
    assert api.post("/v1/tenants/acme/accounts/none/verify").status_code == 404
    assert api.post("/v1/tenants/none/accounts/main/verify").status_code == 404
