"""Many workers of one account, and one token for all of them."""

import asyncio
import threading
from typing import Any

import pytest

from shared.accounts.oauth.endpoint import TokenUnavailable
from shared.accounts.oauth.token_table import LEASE, TokenTable
from shared.accounts.oauth.tokens import LOOKS
from shared.aws.dynamodb import Table
from shared.aws.service import Service
from shared.clock import MINUTE, Millis
from tests.integration.lane_driver import ACCOUNT, TENANT, System
from tests.integration.oauth.authority import Authority
from tests.integration.oauth.conftest import AddAccount, WorkerTokens


class OneAtATime(Service):
    """DynamoDB whose conditional writes are atomic; those of the AWS in this process are not."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._lock = threading.Lock()

    def call(self, operation: str, request: Any, shape: Any) -> Any:
        with self._lock:
            return self._service.call(operation, request, shape)


@pytest.fixture
def token_table(messages: Table, token_table: TokenTable, monkeypatch: pytest.MonkeyPatch) -> TokenTable:
    monkeypatch.setattr(token_table, "_table", Table(OneAtATime(messages._service), messages.name))
    return token_table


async def test_workers_that_start_together_ask_once(
    system: System, authority: Authority, add_account: AddAccount, worker_tokens: WorkerTokens
) -> None:
    add_account()
    account = system.accounts.get(TENANT, ACCOUNT)

    async def until_somebody_was_answered(_: Millis) -> None:
        await asyncio.to_thread(authority.calls.wait_for, 1, timeout=5)

    workers = [worker_tokens(pause=until_somebody_was_answered) for _ in range(8)]
    tokens = await asyncio.gather(*(worker.get(account) for worker in workers for _ in range(3)))

    assert set(tokens) == {"access-1"}
    assert len(authority.calls.all()) == 1


async def test_workers_whose_token_is_refused_together_replace_it_once(
    system: System, authority: Authority, add_account: AddAccount, worker_tokens: WorkerTokens
) -> None:
    authority.rotates = True
    add_account()
    account = system.accounts.get(TENANT, ACCOUNT)

    async def until_somebody_was_answered(_: Millis) -> None:
        await asyncio.to_thread(authority.calls.wait_for, 2, timeout=5)

    workers = [worker_tokens(pause=until_somebody_was_answered) for _ in range(8)]
    for worker in workers:
        assert await worker.get(account) == "access-1"

    tokens = await asyncio.gather(*(worker.get(account, refused="access-1") for worker in workers))

    assert set(tokens) == {"access-2"}
    assert len(authority.calls.all()) == 2


async def test_while_one_worker_renews_the_token_the_others_go_on_with_the_old_one(
    system: System, authority: Authority, add_account: AddAccount, worker_tokens: WorkerTokens
) -> None:
    add_account()
    account = system.accounts.get(TENANT, ACCOUNT)
    renewing, other = worker_tokens(), worker_tokens()
    await renewing.get(account)
    system.clock.advance(56 * MINUTE)
    authority.doors.clear()

    renewal = asyncio.create_task(renewing.get(account))
    await asyncio.to_thread(authority.waiting.wait_for, 2, timeout=5)
    assert await other.get(account) == "access-1"

    authority.doors.set()
    assert await renewal == "access-2"
    assert await other.get(account) == "access-2"


async def test_a_worker_waits_ten_seconds_for_another_and_then_its_line_does(
    system: System,
    authority: Authority,
    add_account: AddAccount,
    worker_tokens: WorkerTokens,
    token_table: TokenTable,
) -> None:
    add_account()
    account = system.accounts.get(TENANT, ACCOUNT)
    assert token_table.lease(account, token_table.read(account)) is not None
    pauses: list[Millis] = []

    async def note(duration: Millis) -> None:
        pauses.append(duration)

    with pytest.raises(TokenUnavailable, match="another worker"):
        await worker_tokens(pause=note).get(account)

    assert (len(pauses), sum(pauses)) == (LOOKS, 10_000)
    assert authority.forms() == []


async def test_the_lease_of_a_worker_that_died_runs_out(
    system: System,
    authority: Authority,
    add_account: AddAccount,
    worker_tokens: WorkerTokens,
    token_table: TokenTable,
) -> None:
    add_account()
    account = system.accounts.get(TENANT, ACCOUNT)
    token_table.lease(account, token_table.read(account))
    system.clock.advance(LEASE)

    assert await worker_tokens().get(account) == "access-1"


async def test_a_worker_that_lost_its_lease_writes_nothing(
    system: System, add_account: AddAccount, worker_tokens: WorkerTokens, token_table: TokenTable
) -> None:
    add_account()
    account = system.accounts.get(TENANT, ACCOUNT)
    late = token_table.lease(account, token_table.read(account))
    assert late is not None
    system.clock.advance(LEASE)
    await worker_tokens().get(account)
    shared = token_table.read(account)
    assert shared.tokens is not None

    assert not token_table.write(late, shared.tokens.model_copy(update={"access_token": "late"}))
    token_table.give_back(late)

    assert token_table.read(account) == shared


async def test_a_worker_that_knows_the_account_as_it_was_does_not_overwrite_newer_tokens(
    system: System, authority: Authority, add_account: AddAccount, worker_tokens: WorkerTokens
) -> None:
    authority.rotates = True
    add_account()
    before = system.accounts.get(TENANT, ACCOUNT)
    add_account(without="refresh_token", scope="another")
    assert await worker_tokens().get(system.accounts.get(TENANT, ACCOUNT)) == "access-1"

    with pytest.raises(TokenUnavailable, match="changed meanwhile"):
        await worker_tokens().get(before)

    assert len(authority.calls.all()) == 1


async def test_tokens_of_an_account_that_was_deleted_serve_no_other(
    system: System,
    authority: Authority,
    add_account: AddAccount,
    worker_tokens: WorkerTokens,
    token_table: TokenTable,
) -> None:
    add_account()
    tokens = worker_tokens()
    await tokens.get(system.accounts.get(TENANT, ACCOUNT))
    system.accounts.delete(TENANT, ACCOUNT)
    token_table.forget(TENANT, ACCOUNT)
    system.clock.advance(1)
    add_account(client_id="another", without="client_secret")

    authority.fail("invalid_client")
    with pytest.raises(Exception, match="invalid_client"):
        await worker_tokens().get(system.accounts.get(TENANT, ACCOUNT))
