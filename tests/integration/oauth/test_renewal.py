"""How long an access token serves, and how the next one comes."""

import asyncio

import pytest

from localstack.inbox import Inbox, Reply, Stage, answer
from shared.accounts.health import HealthTable
from shared.accounts.oauth.token_table import TokenTable
from shared.aws.dynamodb import Table
from shared.clock import DAY, MINUTE, SECOND
from shared.errors import StorageUnavailable
from tests import boto
from tests.integration.lane_driver import ACCOUNT, TENANT, Driver, System
from tests.integration.oauth.authority import FIRST_REFRESH_TOKEN, Authority
from tests.integration.oauth.conftest import AddAccount, WorkerTokens


async def send(system: System, driver: Driver, mail_id: str) -> str:
    """What becomes of a mail that goes over a connection of its own."""
    await driver.pool.close()
    system.submit({"id": mail_id})
    await driver.run()
    return system.mail(mail_id).status.value


def refresh_tokens_used(authority: Authority) -> list[str]:
    return [form["refresh_token"] for form in authority.forms()]


async def test_a_token_serves_every_connection_until_five_minutes_before_its_end(
    system: System, driver: Driver, relay: Inbox, authority: Authority, add_account: AddAccount
) -> None:
    add_account()
    assert await send(system, driver, "m1") == "sent"
    system.clock.advance(55 * MINUTE - SECOND)
    assert await send(system, driver, "m2") == "sent"
    assert len(authority.calls.all()) == 1

    system.clock.advance(SECOND)
    assert await send(system, driver, "m3") == "sent"

    assert len(authority.calls.all()) == 2
    assert relay.connections == 3


@pytest.mark.parametrize(("lifetime", "fresh_for"), [(60, 45), (None, 55 * 60)])
async def test_a_short_life_leaves_a_quarter_of_it_and_an_unsaid_one_is_an_hour(
    system: System,
    driver: Driver,
    authority: Authority,
    add_account: AddAccount,
    lifetime: int | None,
    fresh_for: int,
) -> None:
    authority.lifetime = lifetime
    add_account()
    await send(system, driver, "m1")
    system.clock.advance(fresh_for * SECOND - 1)
    await send(system, driver, "m2")
    assert len(authority.calls.all()) == 1

    system.clock.advance(1)
    await send(system, driver, "m3")
    assert len(authority.calls.all()) == 2


async def test_another_worker_uses_the_token_that_is_there(
    system: System, driver: Driver, authority: Authority, add_account: AddAccount
) -> None:
    add_account()
    await send(system, driver, "m1")
    other = Driver(system)

    assert await send(system, other, "m2") == "sent"

    assert len(authority.calls.all()) == 1
    await other.close()


async def test_a_token_that_the_relay_does_not_take_is_replaced_over_the_same_connection(
    system: System, driver: Driver, relay: Inbox, authority: Authority, add_account: AddAccount
) -> None:
    add_account()
    await send(system, driver, "m1")
    authority.access_tokens.clear()  # revoked
    connections = relay.connections

    assert await send(system, driver, "m2") == "sent"

    assert relay.connections == connections + 1
    assert len(authority.calls.all()) == 2
    replies = [each.reply[:3] for each in relay.mailbox.exchanges(Stage.AUTH)]
    assert replies == ["235", "535", "235"]


async def test_a_relay_that_hangs_up_on_a_bad_token_gets_the_next_one_over_the_next_connection(
    system: System, driver: Driver, relay: Inbox, authority: Authority, add_account: AddAccount
) -> None:
    add_account()
    relay.script.add(answer(Stage.AUTH, Reply("535 5.7.3 Authentication unsuccessful", hang_up=True), first=1))

    assert await send(system, driver, "m1") == "pending"
    await driver.pass_time(5 * SECOND)

    assert system.mail("m1").status.value == "sent"
    assert len(authority.calls.all()) == 2


async def test_where_the_new_token_is_refused_too_the_account_waits(
    system: System, driver: Driver, relay: Inbox, authority: Authority, add_account: AddAccount
) -> None:
    add_account()
    relay.script.add(answer(Stage.AUTH, Reply("535 5.7.3 Authentication unsuccessful")))

    assert await send(system, driver, "m1") == "pending"

    assert len(authority.calls.all()) == 2
    fault = HealthTable(system.messages).fault(TENANT, ACCOUNT)
    assert fault is not None
    assert (fault.scope, fault.stage, fault.code) == ("account", "auth", 535)


async def test_a_refresh_token_that_replaces_another_is_used_from_then_on_by_every_worker(
    system: System, driver: Driver, authority: Authority, add_account: AddAccount
) -> None:
    authority.rotates = True
    add_account()
    await send(system, driver, "m1")
    system.clock.advance(DAY)
    await send(system, driver, "m2")
    system.clock.advance(DAY)
    other = Driver(system)
    assert await send(system, other, "m3") == "sent"

    assert refresh_tokens_used(authority) == [FIRST_REFRESH_TOKEN, "refresh-1", "refresh-2"]
    await other.close()


async def test_it_stays_in_use_when_the_account_is_changed_or_given_the_first_one_again(
    system: System, driver: Driver, authority: Authority, add_account: AddAccount
) -> None:
    authority.rotates = True
    add_account()
    await send(system, driver, "m1")
    add_account(without="refresh_token", scope="another")
    await send(system, driver, "m2")
    add_account()
    assert await send(system, driver, "m3") == "sent"

    assert refresh_tokens_used(authority) == [FIRST_REFRESH_TOKEN, "refresh-1", "refresh-2"]


async def test_a_refresh_token_given_anew_is_used_in_place_of_what_replaced_the_old_one(
    system: System, driver: Driver, authority: Authority, add_account: AddAccount
) -> None:
    authority.rotates = True
    add_account()
    await send(system, driver, "m1")
    authority.refresh_token = "granted-anew"
    add_account(refresh_token="granted-anew")

    assert await send(system, driver, "m2") == "sent"

    assert refresh_tokens_used(authority) == [FIRST_REFRESH_TOKEN, "granted-anew"]


async def test_where_the_endpoint_replaces_none_the_configured_one_is_used_again(
    system: System, driver: Driver, authority: Authority, add_account: AddAccount
) -> None:
    add_account()
    await send(system, driver, "m1")
    system.clock.advance(DAY)
    await send(system, driver, "m2")

    assert refresh_tokens_used(authority) == [FIRST_REFRESH_TOKEN] * 2


async def test_a_new_refresh_token_that_could_not_be_written_is_written_before_the_next_is_asked_for(
    system: System, driver: Driver, authority: Authority, add_account: AddAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.rotates = True
    add_account()
    write = TokenTable.write

    def unavailable(*_: object) -> bool:
        raise StorageUnavailable("DynamoDB PutItem: throttled")

    monkeypatch.setattr(TokenTable, "write", unavailable)
    assert await send(system, driver, "m1") == "pending"
    monkeypatch.setattr(TokenTable, "write", write)
    await driver.pass_time(5 * SECOND)
    system.clock.advance(DAY)
    other = Driver(system)

    assert system.mail("m1").status.value == "sent"
    assert await send(system, other, "m2") == "sent"
    assert refresh_tokens_used(authority) == [FIRST_REFRESH_TOKEN, "refresh-1"]
    await other.close()


async def test_nor_is_it_lost_when_whoever_asked_for_it_gives_up(
    system: System,
    authority: Authority,
    add_account: AddAccount,
    worker_tokens: WorkerTokens,
    token_table: TokenTable,
) -> None:
    authority.rotates = True
    authority.doors.clear()
    add_account()
    account = system.accounts.get(TENANT, ACCOUNT)
    tokens = worker_tokens()
    asking = asyncio.create_task(tokens.get(account))
    await asyncio.to_thread(authority.waiting.wait_for, 1, timeout=5)

    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    authority.doors.set()

    assert await tokens.get(account) == "access-1"
    assert token_table.read(account).tokens is not None
    assert len(authority.calls.all()) == 1


async def test_neither_access_nor_refresh_tokens_lie_in_the_clear(
    system: System, driver: Driver, authority: Authority, add_account: AddAccount, messages: Table, registry: Table
) -> None:
    authority.rotates = True
    add_account()
    await send(system, driver, "m1")

    for table in (messages, registry):
        stored = repr(boto.dynamodb().scan(TableName=table.name)["Items"])
        for secret in ("access-1", "refresh-0", "refresh-1", "s3cret"):
            assert secret not in stored
