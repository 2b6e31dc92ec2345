"""Events on their way to a real endpoint of the tenant."""

from collections.abc import Callable

import aiohttp
import pytest

from localstack.receiver import (
    Acknowledgement,
    Answer,
    BasicAuth,
    BearerAuth,
    Receiver,
    Rule,
    SyncCall,
    failing,
    refusing,
)
from shared.clock import DAY, HOUR, MINUTE, SECOND
from shared.identifiers import digest
from shared.lines.line import LineKind, reports_line
from shared.outgoing import http
from shared.reports.events import ReportEvent
from shared.reports.protocol import MAX_EVENTS_A_CALL, MAX_REFUSALS
from shared.tenants.model import Acknowledgement as TenantAck
from tests.integration.lane_driver import ACCOUNT, TENANT, Driver, System

LINE = reports_line(TENANT)


@pytest.fixture(autouse=True)
def tenant(system: System, receiver: Receiver) -> None:
    system.add_tenant(client_base_url=receiver.url)


def report(system: System, *names: str, tenant_id: str = TENANT) -> None:
    """Events as a sender would leave them: the line announced, the page written, the reporter woken."""
    line, now = reports_line(tenant_id), system.clock()
    events = [
        ReportEvent(event_id=digest(name), id=name, tenant_id=tenant_id, account_id=ACCOUNT, pk="0", sent_ts=1)
        for name in names
    ]
    system.lines.announce(line, now)
    system.outbox.write(tenant_id, events, now)
    system.lines.wake(line)


def told(receiver: Receiver) -> list[str | None]:
    """The mails that the tenant heard of, repetitions too."""
    return [received.event.id for received in receiver.events.all()]


def always(answer: Answer) -> Rule:
    return failing(1_000_000, answer)


def blocked_for(system: System) -> int:
    return (system.head_of(LINE).blocked_until or 0) - system.clock()


async def test_events_are_pushed_in_their_order_and_then_logged(
    system: System, driver: Driver, receiver: Receiver
) -> None:
    report(system, "m1", "m2")
    report(system, "m3")

    await driver.run()

    assert told(receiver) == ["m1", "m2", "m3"]
    assert len(receiver.calls.all()) == 1
    assert system.pages() == []
    assert [event.id for event in system.logged_events()] == ["m1", "m2", "m3"]


async def test_a_call_carries_what_the_protocol_says(system: System, driver: Driver, receiver: Receiver) -> None:
    report(system, "m1")

    await driver.run()

    (call,) = receiver.calls.all()
    assert call.headers["content-type"] == "application/json"
    assert call.body == (
        b'{"delivery_report":[{"event_id":"' + digest("m1").encode() + b'","id":"m1",'
        b'"tenant_id":"acme","account_id":"main","pk":"0","sent_ts":1}]}'
    )


async def test_at_most_five_hundred_events_go_into_a_call(system: System, driver: Driver, receiver: Receiver) -> None:
    names = [f"m{number:04}" for number in range(1_200)]
    report(system, *names)

    await driver.run()

    assert told(receiver) == names
    assert all(len(call.events) <= MAX_EVENTS_A_CALL for call in receiver.calls.all())
    assert system.pages() == []


@pytest.mark.parametrize(
    ("auth", "settings"),
    [
        (BearerAuth("t0ken"), {"method": "bearer", "token": "t0ken"}),
        (BasicAuth("proxy", "pässwörd:1"), {"method": "basic", "user": "proxy", "password": "pässwörd:1"}),
    ],
)
async def test_the_proxy_proves_itself_as_the_tenant_says(
    system: System, driver: Driver, auth: BearerAuth | BasicAuth, settings: dict[str, str]
) -> None:
    with Receiver(auth=auth) as guarded:
        system.add_tenant("other", client_base_url=guarded.url, client_auth=settings)
        report(system, "m1", tenant_id="other")
        await driver.run()

        assert told(guarded) == ["m1"]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(500),
        Answer(503),
        Answer(400),
        Answer(401),
        Answer(404),
        Answer(302, headers={"Location": "/elsewhere"}),
        Answer(acknowledgement=Acknowledgement(ok=False)),
        Answer(text="OK"),
        Answer(text="{}"),
        Answer(text=""),
        Answer(204, text=""),
    ],
    ids=lambda answer: f"{answer.status}-{answer.text}",
)
async def test_what_is_no_acknowledgement_blocks_the_line_and_everything_is_pushed_again(
    system: System, driver: Driver, receiver: Receiver, answer: Answer
) -> None:
    receiver.add_rule(failing(1, answer))
    report(system, "m1", "m2")

    await driver.run()
    assert len(receiver.calls.all()) == 1
    assert blocked_for(system) == 45 * SECOND
    assert len(system.events()) == 2
    assert system.logged_events() == []

    await driver.pass_time(2 * MINUTE)
    assert told(receiver) == ["m1", "m2", "m1", "m2"]
    assert [event.id for event in system.logged_events()] == ["m1", "m2"]


async def test_an_endpoint_that_stays_down_is_tried_on_a_growing_schedule(
    system: System, driver: Driver, receiver: Receiver
) -> None:
    receiver.add_rule(always(Answer(503)))
    report(system, "m1")
    await driver.run()

    pauses = []
    for _ in range(5):
        pauses.append(blocked_for(system))
        system.clock.advance(pauses[-1])
        driver.make_round()
        await driver.run()

    assert pauses == [3 * step // 4 for step in (MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR)]
    assert len(receiver.calls.all()) == 6
    assert len(system.events()) == 1


async def test_new_events_do_not_open_a_blocked_line(system: System, driver: Driver, receiver: Receiver) -> None:
    receiver.add_rule(failing(1))
    report(system, "m1")
    await driver.run()
    report(system, "m2")
    await driver.pass_time(30 * SECOND)
    assert len(receiver.calls.all()) == 1

    await driver.pass_time(2 * MINUTE)
    assert told(receiver) == ["m1", "m1", "m2"]


async def test_one_failure_of_a_busy_endpoint_that_once_was_down_for_long_blocks_it_for_a_minute_at_most(
    system: System, driver: Driver, receiver: Receiver
) -> None:
    receiver.add_rule(failing(4))
    report(system, "m1")
    await driver.run()
    for _ in range(4):
        system.clock.advance(blocked_for(system))
        driver.make_round()
        await driver.run()
    assert [event.id for event in system.logged_events()] == ["m1"]

    receiver.add_rule(failing(1))
    report(system, "m2")
    await driver.run()
    assert blocked_for(system) == 45 * SECOND


async def test_a_tenant_that_is_down_slows_nobody_else(system: System, driver: Driver, receiver: Receiver) -> None:
    receiver.add_rule(always(Answer(503)))
    with Receiver() as healthy:
        system.add_tenant("other", client_base_url=healthy.url)
        report(system, "m1")
        report(system, "m2", tenant_id="other")
        await driver.run()

        assert told(healthy) == ["m2"]


@pytest.mark.parametrize("name", [str, digest], ids=["by the id of its mail", "by its own id"])
async def test_a_refused_event_is_pushed_again_later_and_holds_up_no_other(
    system: System, driver: Driver, receiver: Receiver, name: Callable[[str], str]
) -> None:
    receiver.add_rule(refusing(name("m2"), times=2))
    report(system, "m1", "m2", "m3")
    await driver.run()
    report(system, "m4")
    await driver.run()

    assert told(receiver) == ["m1", "m2", "m3", "m4"]
    assert [event.id for event in system.logged_events()] == ["m1", "m3", "m4"]

    await driver.pass_time(5 * MINUTE)
    assert told(receiver) == ["m1", "m2", "m3", "m4", "m2", "m2"]
    assert [event.id for event in system.logged_events()] == ["m1", "m3", "m4", "m2"]
    assert system.pages() == []


async def test_an_event_that_is_always_refused_is_pushed_a_bounded_number_of_times(
    system: System, driver: Driver, receiver: Receiver
) -> None:
    receiver.add_rule(refusing("m1", times=1_000))
    report(system, "m1")

    await driver.pass_time(20 * MINUTE)

    assert told(receiver) == ["m1"] * MAX_REFUSALS
    assert system.pages() == []
    assert [event.id for event in system.logged_events()] == ["m1"]


async def test_what_the_tenant_does_not_know_is_acknowledged(
    system: System, driver: Driver, receiver: Receiver
) -> None:
    receiver.add_rule(failing(1, Answer(acknowledgement=Acknowledgement(not_found=["m1"]))))
    report(system, "m1")

    await driver.run()

    assert system.pages() == []


async def test_a_lenient_tenant_acknowledges_by_any_success(system: System, driver: Driver, receiver: Receiver) -> None:
    system.change_tenant(ack=TenantAck.LENIENT)
    receiver.add_rule(failing(1, Answer(text='{"sent": 1, "error": 0}')))
    report(system, "m1")

    await driver.run()

    assert system.pages() == []


async def test_without_a_url_events_wait_until_there_is_one(system: System, driver: Driver, receiver: Receiver) -> None:
    system.change_tenant(client_base_url=None)
    report(system, "m1")
    await driver.pass_time(10 * MINUTE)
    assert receiver.calls.all() == []
    assert len(system.events()) == 1
    assert blocked_for(system) > DAY - 10 * MINUTE

    system.change_tenant(client_base_url=receiver.url)
    system.lines.unblock([LINE])
    await driver.run()
    assert told(receiver) == ["m1"]


async def test_events_of_an_inactive_tenant_wait(system: System, driver: Driver, receiver: Receiver) -> None:
    system.change_tenant(active=False)
    report(system, "m1")
    await driver.pass_time(20 * MINUTE)
    assert receiver.calls.all() == []

    system.change_tenant(active=True)
    system.lines.unblock([LINE])
    await driver.run()
    assert told(receiver) == ["m1"]


async def test_a_lost_wake_up_is_found_within_two_minutes(system: System, driver: Driver, receiver: Receiver) -> None:
    report(system, "m1")
    driver.lose_wake_ups()

    await driver.pass_time(2 * MINUTE)

    assert told(receiver) == ["m1"]


async def test_an_endpoint_that_does_not_answer_is_left(
    system: System, driver: Driver, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "_TIMEOUT", aiohttp.ClientTimeout(total=0.3, connect=0.3))
    receiver.add_rule(failing(1, Answer(delay_seconds=1)))
    report(system, "m1")

    await driver.run()

    assert blocked_for(system) == 45 * SECOND
    assert len(system.events()) == 1


async def test_the_body_that_a_rule_sees_is_the_one_that_was_logged(
    system: System, driver: Driver, receiver: Receiver
) -> None:
    """An event is the same at every push, so that the tenant can recognise it."""
    bodies: list[bytes] = []

    def remember(call: SyncCall) -> Answer | None:
        bodies.append(call.body)
        return Answer(503) if len(bodies) == 1 else None

    receiver.add_rule(remember)
    report(system, "m1", "m2")
    await driver.pass_time(2 * MINUTE)

    assert len(bodies) == 2
    assert bodies[0] == bodies[1]


async def test_report_lines_do_not_keep_lanes_waiting(system: System, driver: Driver, receiver: Receiver) -> None:
    report(system, "m1")

    await driver.run(LineKind.MEDIUM, LineKind.HIGH)
    assert receiver.calls.all() == []

    await driver.run(LineKind.REPORTS)
    assert told(receiver) == ["m1"]
