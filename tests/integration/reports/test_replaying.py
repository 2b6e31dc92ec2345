"""Acknowledged events on their way a second time."""

import pytest

from localstack.receiver import Answer, Receiver, failing, refusing
from shared.clock import HOUR, MINUTE
from shared.lines.line import LineKind
from shared.reports.replay import Replays, Wanted
from shared.reports.sync_table import SyncRequests, SyncTable
from tests.integration.lane_driver import TENANT, Driver, System
from tests.integration.reports.test_reporting import report, told


@pytest.fixture(autouse=True)
def tenant(system: System, receiver: Receiver) -> None:
    system.add_tenant(client_base_url=receiver.url)


@pytest.fixture
def replays(system: System) -> Replays:
    return Replays(system.messages, system.lines, system.clock)


def everything(system: System) -> Wanted:
    return Wanted(since=None, until=system.clock() + 1)


async def test_replayed_events_come_again_under_their_own_ids_and_are_logged_once(
    system: System, driver: Driver, receiver: Receiver, replays: Replays
) -> None:
    report(system, "m1", "m2")
    await driver.run()
    system.clock.advance(HOUR)

    replays.begin(TENANT, everything(system), within=MINUTE)
    report(system, "m3")
    await driver.run()

    assert told(receiver) == ["m1", "m2", "m1", "m2", "m3"]
    assert len({event.event.event_id for event in receiver.events.all()}) == 3
    assert [event.id for event in system.logged_events()] == ["m1", "m2", "m3"]
    assert system.pages() == []


async def test_a_replayed_event_that_is_refused_comes_again_and_is_not_logged_either(
    system: System, driver: Driver, receiver: Receiver, replays: Replays
) -> None:
    report(system, "m1")
    await driver.run()
    receiver.add_rule(refusing("m1", times=2))
    replays.begin(TENANT, everything(system), within=MINUTE)
    await driver.pass_time(10 * MINUTE, LineKind.REPORTS)

    assert told(receiver) == ["m1"] * 4
    assert [event.id for event in system.logged_events()] == ["m1"]


async def test_what_a_call_left_the_scheduler_pushes_again(
    system: System, driver: Driver, receiver: Receiver, replays: Replays
) -> None:
    report(system, "m1")
    await driver.run()
    replays.begin(TENANT, everything(system), within=0)

    await driver.pass_time(3 * MINUTE, LineKind.REPORTS)

    assert told(receiver) == ["m1", "m1"]


async def test_after_a_push_was_disabled_and_enabled_all_that_is_kept_can_come_again(
    system: System, driver: Driver, receiver: Receiver, replays: Replays
) -> None:
    report(system, "told")
    await driver.run()
    receiver.add_rule(failing(1, Answer(410)))
    report(system, "missed")
    await driver.run()
    await driver.pass_time(10 * MINUTE, LineKind.REPORTS)
    assert told(receiver) == ["told", "missed"]

    SyncRequests(SyncTable(system.messages), system.lines, system.clock).request(TENANT, own=True)
    await driver.run()
    replays.begin(TENANT, everything(system), within=MINUTE)
    await driver.run()

    assert told(receiver) == ["told", "missed", "missed", "told", "missed"]
    assert [event.id for event in system.logged_events()] == ["told", "missed"]
