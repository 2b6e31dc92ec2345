"""What happens when no access token can be had."""

import logging

import pytest

from localstack.inbox import Inbox
from shared.accounts.health import Fault, HealthTable
from shared.accounts.oauth import endpoint
from shared.accounts.oauth.endpoint import TokenEndpoint, TokenRefused, TokenUnavailable
from shared.clock import DAY, MINUTE, SECOND
from shared.lines.line import LineKind, account_line
from shared.outgoing.guard import Guard
from tests.integration.lane_driver import ACCOUNT, LOCAL, TENANT, Driver, System
from tests.integration.oauth.authority import Authority
from tests.integration.oauth.conftest import AddAccount, WorkerTokens
from tests.unit.shared.outgoing.peers import Peer, saying, until_the_client_leaves

LINE = account_line(LineKind.MEDIUM, TENANT, ACCOUNT)
FOREVER = 1_000


def health(system: System) -> Fault | None:
    return HealthTable(system.messages).fault(TENANT, ACCOUNT)


@pytest.mark.parametrize("error", ["invalid_grant", "invalid_client", "unauthorized_client", "invalid_scope"])
async def test_a_refusal_makes_the_account_wait_with_the_endpoints_error_until_it_is_corrected(
    system: System,
    driver: Driver,
    relay: Inbox,
    authority: Authority,
    add_account: AddAccount,
    caplog: pytest.LogCaptureFixture,
    error: str,
) -> None:
    caplog.set_level(logging.INFO)
    authority.fail(error)
    add_account()
    system.submit({"id": "m1"})

    await driver.run()

    assert system.mail("m1").status.value == "pending"
    assert system.mail("m1").attempts == 0
    fault = health(system)
    assert fault is not None
    assert (fault.scope, fault.stage) == ("account", "auth")
    assert error in fault.reason
    logged = "".join(str(vars(record)) for record in caplog.records)
    assert f"account at auth: {error}" in logged
    assert "anna@example.net" not in logged

    add_account()
    system.unblock_account()
    await driver.pass_time(MINUTE)
    assert system.mail("m1").status.value == "sent"
    assert len(relay.mailbox.mails.all()) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 429, 408])
async def test_an_endpoint_that_fails_makes_the_line_wait_as_a_relay_does(
    system: System, driver: Driver, authority: Authority, add_account: AddAccount, status: int
) -> None:
    authority.answers.append((status, b"<html>busy"))
    add_account()
    system.submit({"id": "m1"})

    await driver.run()

    assert system.mail("m1").status.value == "pending"
    assert system.head_of(LINE).waits == 1
    assert health(system) is None

    await driver.pass_time(5 * SECOND)
    assert system.mail("m1").status.value == "sent"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (200, b"<html>sign in"),
        (200, b"[]"),
        (200, b'{"access_token": ""}'),
        (200, b'{"access_token": "a\\u0001b"}'),
        (200, b'{"access_token": "a", "token_type": "mac"}'),
        (200, b'{"access_token": "a", "expires_in": -1}'),
        (200, b'{"access_token": "' + b"x" * 8_193 + b'"}'),
        (200, b'{"token": "a"}'),
        (302, b""),
        (400, b"nonsense"),
        (404, b"<html>not found"),
        (401, b'{"error": "two words and \\n a line"}'),
    ],
)
async def test_an_answer_that_makes_no_sense_is_the_accounts_fault_and_says_what_to_look_at(
    system: System, driver: Driver, authority: Authority, add_account: AddAccount, status: int, body: bytes
) -> None:
    authority.answers.append((status, body))
    add_account()
    system.submit({"id": "m1"})

    await driver.run()

    fault = health(system)
    assert fault is not None
    assert fault.scope == "account"
    assert "token_url" in fault.reason
    assert system.mail("m1").status.value == "pending"


@pytest.mark.parametrize("octets", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"])
async def test_what_is_no_http_at_all_is_no_answer(octets: bytes) -> None:
    with Peer(saying(octets)) as peer, pytest.raises(TokenUnavailable):
        await TokenEndpoint(LOCAL).ask(peer.url, {})


async def test_an_endpoint_that_falls_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "CALL_SECONDS", 0.2)

    with Peer(until_the_client_leaves()) as peer, pytest.raises(TokenUnavailable, match="no answer within"):
        await TokenEndpoint(LOCAL).ask(peer.url, {})


@pytest.mark.parametrize("url", ["http://{host}/token", "https://{host}/token"])
async def test_an_endpoint_on_a_private_address_is_not_called(url: str) -> None:
    with Peer(saying(b"")) as peer:
        with pytest.raises(TokenRefused, match="token_url") as refused:
            await TokenEndpoint(Guard([])).ask(url.format(host=peer.url.removeprefix("http://")), {})

        assert refused.value.code == "address_refused"
        assert peer.connections == 0


async def test_while_the_endpoint_is_down_the_token_in_use_serves_to_its_end(
    system: System, authority: Authority, add_account: AddAccount, worker_tokens: WorkerTokens
) -> None:
    add_account()
    account, tokens = system.accounts.get(TENANT, ACCOUNT), worker_tokens()
    assert await tokens.get(account) == "access-1"
    authority.answers.extend([(503, b"")] * FOREVER)
    system.clock.advance(56 * MINUTE)

    assert await tokens.get(account) == "access-1"
    system.clock.advance(4 * MINUTE - 30 * SECOND)
    with pytest.raises(TokenUnavailable):
        await tokens.get(account)

    authority.answers.clear()
    assert await tokens.get(account) == "access-2"


async def test_a_refresh_token_that_is_refused_stays_until_another_is_given(
    system: System, authority: Authority, add_account: AddAccount, worker_tokens: WorkerTokens
) -> None:
    authority.rotates = True
    add_account()
    account, tokens = system.accounts.get(TENANT, ACCOUNT), worker_tokens()
    await tokens.get(account)
    system.clock.advance(DAY)
    authority.fail("invalid_grant")
    with pytest.raises(TokenRefused):
        await tokens.get(account)

    assert await tokens.get(account) == "access-2"
    assert authority.forms()[-1]["refresh_token"] == "refresh-1"
