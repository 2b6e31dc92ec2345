"""Many tenants at once: endpoints that are down, and a reporter that is killed again and again.

`make soak` does the first with 20 tenants of 100 messages each.
"""

import os
import random
import socket
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from localstack.inbox import Inbox
from localstack.receiver import Acknowledgement, Answer, Receiver, SyncCall
from shared.accounts.model import AccountSettings
from shared.clock import DAY, MINUTE, SECOND
from shared.lines.line import LineKind
from shared.reports.sync_table import SyncTable
from tests.integration.lane_driver import ACCOUNT, Driver, System
from tests.integration.reports.test_reporting import report
from tests.unit.moto_wire import observed

TENANTS = [f"tenant-{number:02}" for number in range(int(os.environ.get("REPORTED_TENANTS", "8")))]
GONE = TENANTS[: max(1, len(TENANTS) // 10)]
DOWN_FOR_A_WHILE = TENANTS[len(GONE) : len(GONE) + len(TENANTS) // 4]
HEALTHY = TENANTS[len(GONE) + len(DOWN_FOR_A_WHILE) :]
NAMES = [f"m{number:03}" for number in range(int(os.environ.get("REPORTED_MESSAGES_EACH", "6")))]
DOWN_FOR = 20 * MINUTE
KILLS = 20


@pytest.fixture
def url_of_nobody() -> str:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def told(receiver: Receiver) -> dict[str, list[str]]:
    """The ids of the mails that each tenant heard of, in calls that it acknowledged, repetitions too."""
    heard: dict[str, list[str]] = defaultdict(list)
    for received in receiver.events.all():
        if received.acknowledged:
            heard[str(received.event.tenant_id)].append(str(received.event.id))
    return heard


def content_to_be_left_alone(system: System) -> Answer:
    """Without heartbeats there is nothing but events to see."""
    return Answer(acknowledgement=Acknowledgement(next_sync_after=(system.clock() + DAY) // SECOND))


@pytest.mark.timeout(3_600 if len(TENANTS) > 8 else 240)
async def test_who_is_down_slows_nobody_and_gets_everything_once_he_is_back(
    system: System, driver: Driver, receiver: Receiver, inbox: Inbox, url_of_nobody: str
) -> None:
    back_at = system.clock() + DOWN_FOR

    def down_for_a_while(call: SyncCall) -> Answer:
        is_down = any(event.tenant_id in DOWN_FOR_A_WHILE for event in call.events) and system.clock() < back_at
        return Answer(503) if is_down else content_to_be_left_alone(system)

    receiver.add_rule(down_for_a_while)
    for tenant_id in TENANTS:
        system.add_tenant(tenant_id, client_base_url=url_of_nobody if tenant_id in GONE else receiver.url)
        relay = {"host": inbox.host, "port": inbox.port, "tls": "none"}
        system.accounts.put(tenant_id, ACCOUNT, AccountSettings.model_validate(relay))
        system.submit(*({"id": name} for name in NAMES), tenant_id=tenant_id)

    await driver.run()
    heard = told(receiver)
    assert {tenant_id: heard[tenant_id] for tenant_id in HEALTHY} == dict.fromkeys(HEALTHY, NAMES)
    assert not {*GONE, *DOWN_FOR_A_WHILE} & heard.keys()
    failed_calls = len(receiver.calls.all()) - len(HEALTHY)
    assert failed_calls == len(DOWN_FOR_A_WHILE)  # one each, however many events wait

    await driver.pass_time(DOWN_FOR + 10 * MINUTE)
    recovered = told(receiver)
    assert {tenant_id: recovered[tenant_id] for tenant_id in DOWN_FOR_A_WHILE} == dict.fromkeys(DOWN_FOR_A_WHILE, NAMES)
    assert {tenant_id: recovered[tenant_id] for tenant_id in HEALTHY} == dict.fromkeys(HEALTHY, NAMES)
    for tenant_id in GONE:
        assert [event.id for event in system.events(tenant_id)] == NAMES
        assert SyncTable(system.messages).get(tenant_id).failures >= 3
    assert all(system.pages(tenant_id) == [] for tenant_id in (*HEALTHY, *DOWN_FOR_A_WHILE))


class Killed(Exception):
    """kill -9, as far as anybody else can tell: nothing that the process had yet to do is done."""


@contextmanager
def killed_at(call: int) -> Iterator[None]:
    """The process dies right before its `call`-th call of AWS, and makes none any more."""
    made = 0

    def count(_operation: str, _request: dict[str, Any]) -> None:
        nonlocal made
        made += 1
        if made >= call:
            raise Killed

    with observed(count):
        yield


async def test_a_reporter_that_is_killed_again_and_again_loses_nothing(
    system: System, driver: Driver, receiver: Receiver
) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)  # noqa: T201 - pytest shows it with a failure
    chance = random.Random(seed)
    receiver.add_rule(lambda _call: content_to_be_left_alone(system))
    written: dict[str, list[str]] = {tenant_id: [] for tenant_id in TENANTS}
    for tenant_id in TENANTS:
        system.add_tenant(tenant_id, client_base_url=receiver.url)

    while len(driver.crashes) < KILLS:
        for tenant_id in chance.sample(TENANTS, 2):
            so_far = len(written[tenant_id])
            new = [f"{tenant_id}-m{so_far + number:03}" for number in range(chance.randrange(1, 6))]
            report(system, *new, tenant_id=tenant_id)
            written[tenant_id] += new
        # From the second call on: the first is what makes the driver hold the wake-up.
        with killed_at(chance.randrange(2, 14)):
            await driver.run_one(LineKind.REPORTS)
        if chance.random() < 0.3:
            await driver.pass_time(3 * MINUTE, LineKind.REPORTS)
    assert {type(crash) for crash in driver.crashes} == {Killed}
    driver.crashes.clear()
    await driver.pass_time(10 * MINUTE, LineKind.REPORTS)

    events: dict[str, list[str]] = defaultdict(list)
    contents: dict[str, set[str]] = defaultdict(set)
    for received in receiver.events.all():
        events[str(received.event.tenant_id)].append(str(received.event.id))
        contents[str(received.event.event_id)].add(received.event.model_dump_json())
    assert {tenant_id: list(dict.fromkeys(events[tenant_id])) for tenant_id in TENANTS} == written
    assert all(len(each) == 1 for each in contents.values())
    assert len(contents) == sum(len(set(names)) for names in written.values())
    assert all(system.pages(tenant_id) == [] for tenant_id in TENANTS)
    for tenant_id in TENANTS:
        assert {event.id for event in system.logged_events(tenant_id)} == set(written[tenant_id])
