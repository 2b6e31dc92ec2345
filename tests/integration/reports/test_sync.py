"""The two-way sync call: heartbeats, quiet, mail to submit, requests, signatures, an end to hopeless pushes."""

import base64
import hashlib
import hmac
from collections.abc import Sequence

import pytest

from localstack.inbox import Inbox
from localstack.receiver import Acknowledgement, Answer, Receiver, SyncCall, failing
from shared.audit.model import Actor
from shared.clock import DAY, HOUR, MINUTE, SECOND
from shared.lines.line import LineKind
from shared.reports.sync_state import MAX_ACCELERATED, Disabled
from shared.reports.sync_table import SyncRequests, SyncTable
from shared.tenants.signing import SigningTable
from tests.integration.lane_driver import TENANT, Driver, System
from tests.integration.reports.test_reporting import report, told


@pytest.fixture
def syncs(system: System) -> SyncTable:
    return SyncTable(system.messages)


@pytest.fixture
def requests(system: System, syncs: SyncTable, receiver: Receiver) -> SyncRequests:
    """Of a tenant as the API makes it."""
    asking = SyncRequests(syncs, system.lines, system.clock)
    asking.begin(TENANT)
    system.add_tenant(client_base_url=receiver.url)
    return asking


def quiet_for(system: System, seconds: int) -> Answer:
    return Answer(acknowledgement=Acknowledgement(next_sync_after=system.clock() // SECOND + seconds))


async def test_an_active_tenant_is_called_every_five_minutes_though_nothing_happens(
    system: System, driver: Driver, receiver: Receiver, requests: SyncRequests
) -> None:
    await driver.pass_time(HOUR, LineKind.REPORTS)

    calls = receiver.calls.all()
    assert 9 <= len(calls) <= 12  # the scheduler looks each minute
    assert {call.body for call in calls} == {b'{"delivery_report":[]}'}
    assert len({call.headers["webhook-id"] for call in calls}) == len(calls)


async def test_one_who_does_not_want_to_be_disturbed_gets_events_and_else_nothing(
    system: System, driver: Driver, receiver: Receiver, requests: SyncRequests
) -> None:
    receiver.add_rule(failing(1, quiet_for(system, 3_600)))
    report(system, "m1")
    await driver.run(LineKind.REPORTS)
    await driver.pass_time(30 * MINUTE, LineKind.REPORTS)
    assert len(receiver.calls.all()) == 1

    report(system, "m2")
    await driver.pass_time(28 * MINUTE, LineKind.REPORTS)
    assert told(receiver) == ["m1", "m2"]
    assert len(receiver.calls.all()) == 2

    await driver.pass_time(5 * MINUTE, LineKind.REPORTS)
    assert len(receiver.calls.all()) == 3


async def test_a_client_that_submits_a_batch_a_call_is_called_until_its_outbox_is_empty(
    system: System, driver: Driver, receiver: Receiver, requests: SyncRequests, inbox: Inbox
) -> None:
    """What it submits is sent and reported meanwhile, in the very calls that ask for more."""
    system.add_account(inbox)
    waiting = [{"id": f"m{number:02}"} for number in range(23)]

    def submit_some(_call: SyncCall) -> Answer:
        batch = [waiting.pop(0) for _ in range(min(5, len(waiting)))]
        if batch:
            system.submit(*batch)
        return Answer(acknowledgement=Acknowledgement(queued=len(waiting)))

    receiver.add_rule(submit_some)
    requests.request(TENANT, own=True)
    await driver.run()

    assert waiting == []
    assert told(receiver) == [f"m{number:02}" for number in range(23)]
    assert [mail.header("Subject") for mail in inbox.mailbox.mails.all()] == [f"m{number:02}" for number in range(23)]
    assert len(receiver.calls.all()) <= 5 + 2  # a batch each, then what the last ones brought
    assert system.pages() == []


async def test_one_that_always_has_mail_to_submit_does_not_spin(
    system: System, driver: Driver, receiver: Receiver, requests: SyncRequests
) -> None:
    receiver.add_rule(lambda _call: Answer(acknowledgement=Acknowledgement(queued=1)))
    requests.request(TENANT, own=True)

    await driver.run(LineKind.REPORTS)

    assert len(receiver.calls.all()) == MAX_ACCELERATED + 1


async def test_the_admins_request_leaves_the_quiet_and_the_tenants_own_ends_it(
    system: System, driver: Driver, receiver: Receiver, requests: SyncRequests
) -> None:
    receiver.add_rule(failing(1, quiet_for(system, 3_600)))
    requests.request(TENANT, own=False)
    await driver.run(LineKind.REPORTS)

    requests.request(TENANT, own=False)
    await driver.run(LineKind.REPORTS)
    assert len(receiver.calls.all()) == 1

    requests.request(TENANT, own=True)
    await driver.run(LineKind.REPORTS)
    assert len(receiver.calls.all()) == 2


async def test_an_endpoint_that_is_gone_is_left_alone_until_a_call_is_asked_for(
    system: System, driver: Driver, receiver: Receiver, requests: SyncRequests, syncs: SyncTable
) -> None:
    receiver.add_rule(failing(1, Answer(410)))
    report(system, "m1")
    await driver.run(LineKind.REPORTS)
    assert syncs.get(TENANT).disabled is Disabled.GONE

    (recorded,) = driver.reporter_parts.audit.page(limit=10, tenant_id=TENANT).commands
    assert (recorded.entry.actor, recorded.entry.action) == (Actor.proxy("reporter"), "disable_push")
    assert recorded.entry.result == {"disabled": "gone", "failures": 1, "last_error": "HTTP 410"}

    report(system, "m2")
    await driver.pass_time(HOUR, LineKind.REPORTS)
    assert told(receiver) == ["m1"]

    requests.request(TENANT, own=False)
    await driver.run(LineKind.REPORTS)
    assert told(receiver) == ["m1", "m1", "m2"]
    assert syncs.get(TENANT).disabled is None


async def test_one_that_fails_for_five_days_is_given_up_and_keeps_its_events(
    system: System, driver: Driver, receiver: Receiver, requests: SyncRequests, syncs: SyncTable
) -> None:
    receiver.add_rule(failing(1_000, Answer(503)))
    report(system, "m1")
    await driver.run(LineKind.REPORTS)
    while (due := syncs.get(TENANT).next_sync_at) is not None:
        system.clock.now = due
        driver.make_round()
        await driver.run(LineKind.REPORTS)

    state = syncs.get(TENANT)
    assert state.disabled is Disabled.FAILING
    assert state.disabled_at is not None
    assert state.failing_since is not None
    assert 5 * DAY <= state.disabled_at - state.failing_since < 5 * DAY + 10 * HOUR
    assert [event.id for event in system.events()] == ["m1"]


def signatures(call: SyncCall, secrets: Sequence[str]) -> list[str]:
    """By hand, as the documentation tells tenants."""
    signed = f"{call.headers['webhook-id']}.{call.headers['webhook-timestamp']}.".encode() + call.body
    keys = [base64.b64decode(secret.removeprefix("whsec_")) for secret in secrets]
    return ["v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys]


async def test_calls_are_signed_with_the_secret_and_during_an_overlap_with_both(
    system: System, driver: Driver, receiver: Receiver, kms_key_id: str
) -> None:
    signing: SigningTable = driver.reporter_parts.signing
    system.add_tenant(client_base_url=receiver.url)
    first = signing.replace(TENANT, overlap=0).secret
    report(system, "m1")
    await driver.run(LineKind.REPORTS)
    second = signing.replace(TENANT, overlap=HOUR).secret
    report(system, "m2")
    await driver.run(LineKind.REPORTS)
    system.clock.advance(HOUR)
    report(system, "m3")
    await driver.run(LineKind.REPORTS)

    calls = receiver.calls.all()
    assert [call.headers["webhook-signature"] for call in calls] == [
        " ".join(signatures(calls[0], [first])),
        " ".join(signatures(calls[1], [second, first])),
        " ".join(signatures(calls[2], [second])),
    ]


async def test_a_repeated_call_has_the_same_id(
    system: System, driver: Driver, receiver: Receiver, requests: SyncRequests
) -> None:
    receiver.add_rule(failing(1))
    report(system, "m1", "m2")
    await driver.run(LineKind.REPORTS)
    await driver.pass_time(2 * MINUTE, LineKind.REPORTS)

    first, second = receiver.calls.all()
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
