"""What happens when something dies on the way: a sender in the middle of a slice, a reporter in the middle of a call, a
wake-up that SQS never took.

Each takes a minute or two of real time, since leases run out and the scheduler's minute is real. So all are set going
together, once, and then looked at.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

import httpx
import psutil
import pytest

from localstack import ACCESS_KEY, REGION, SECRET_KEY, aws
from localstack.deploy import Deployment
from localstack.receiver import Answer, failing
from shared.accounts.table import AccountTable
from shared.aws import clients
from shared.aws.connections import Connections
from shared.aws.credentials import Credentials
from shared.aws.dynamodb import Table
from shared.aws.kms import SecretSealer
from shared.aws.s3 import Bucket
from shared.aws.service import Dialect, Service
from shared.aws.sqs import FifoQueue
from shared.clock import system_clock
from shared.instance.model import Instance
from shared.lines.head import Heads
from shared.lines.line import LineKind
from shared.lines.lines import Lines
from shared.lines.wakeups import WakeUps
from shared.messages.intake import Intake
from shared.messages.payloads import PayloadStore
from shared.messages.table import MailTable
from shared.tenants.table import TenantTable
from tests.e2e.conftest import Tenant, message, start_tenant

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

MAILS = [f"mail-{number:02d}" for number in range(40)]
RECOVERED_WITHIN = 240.0


class Interrupted(NamedTuple):
    """The tenant whose sender was killed, the one whose reporter was, and the one whose wake-up was lost."""

    crashed: Tenant
    half_told: Tenant
    unheard: Tenant


@pytest.fixture(scope="module")
def interrupted(deployment: Deployment, admin: httpx.Client) -> Iterator[Interrupted]:
    with ExitStack() as running:
        unheard = start_tenant(deployment, admin, running)
        _submit_without_wake_up(deployment, unheard)
        half_told = start_tenant(deployment, admin, running)
        half_told.receiver.add_rule(failing(1, Answer(delay_seconds=20)))
        half_told.submit(message("told-twice"))
        half_told.receiver.calls.wait_for(1, timeout=60)
        _kill_workers_of(deployment.functions["reporter"])
        crashed = start_tenant(deployment, admin, running)
        crashed.inbox.behaviour.latency_seconds = 0.02
        crashed.submit(*(message(name, priority="low") for name in MAILS))
        crashed.wait_for_mails(10, timeout=60)
        _kill_workers_of(deployment.functions["sender-low"])
        yield Interrupted(crashed, half_told, unheard)


def test_mails_whose_sender_was_killed_are_sent_by_the_next_one(interrupted: Interrupted) -> None:
    tenant = interrupted.crashed

    _wait_until_all_are_told_of(tenant)

    copies = Counter(tenant.subjects())
    assert set(copies) == set(MAILS)
    # With one connection, one mail may have been on the wire and one outcome unwritten.
    assert copies.total() <= len(MAILS) + 2


def test_a_copy_that_a_killed_sender_caused_has_the_same_message_id(interrupted: Interrupted) -> None:
    tenant = interrupted.crashed

    _wait_until_all_are_told_of(tenant)

    named = {(mail.header("Subject"), mail.header("Message-ID")) for mail in tenant.inbox.mailbox.mails.all()}
    assert len(named) == len(MAILS)


def test_events_that_a_killed_reporter_had_told_come_again_under_the_same_ids(interrupted: Interrupted) -> None:
    tenant = interrupted.half_told

    assert tenant.wait_for_finals(2, timeout=RECOVERED_WITHIN) == ["told-twice"] * 2
    assert len({each.event.event_id for each in tenant.receiver.events.all()}) == 1


def test_a_wake_up_that_was_lost_is_made_up_for_by_the_scheduler(interrupted: Interrupted) -> None:
    tenant = interrupted.unheard

    tenant.wait_for_mails(1, timeout=RECOVERED_WITHIN)

    assert tenant.subjects() == ["unheard"]


def _wait_until_all_are_told_of(tenant: Tenant) -> None:
    """Each at least once: what the sender reported and did not record any more is reported again."""
    tenant.receiver.events.wait_until(
        lambda seen: {each.event.id for each in seen if each.event.kind.is_final} == set(MAILS),
        timeout=RECOVERED_WITHIN,
        waiting_for="a final event of each mail",
    )


def _kill_workers_of(function: str) -> None:
    """The way the kernel does it when memory runs out. The processes are children of this test's own emulator."""
    workers = [each for each in psutil.Process().children(recursive=True) if _runs(each, function)]
    assert workers, f"no worker process of {function}"
    for worker in workers:
        worker.kill()


def _runs(process: psutil.Process, function: str) -> bool:
    try:
        return process.environ().get("AWS_LAMBDA_FUNCTION_NAME") == function
    except psutil.Error:
        return False


def _submit_without_wake_up(deployment: Deployment, tenant: Tenant) -> None:
    """As the API does it, but SQS is out of reach."""
    url = deployment.endpoint_url

    def service(dialect: Dialect) -> Service:
        credentials = Credentials(ACCESS_KEY, SECRET_KEY)
        return Service(dialect, connections=Connections(url), region=REGION, credentials=lambda: credentials)

    messages = Table(service(clients.DYNAMODB), deployment.messages_table)
    registry = Table(service(clients.DYNAMODB), deployment.registry_table)
    sealer = SecretSealer(service(clients.KMS), deployment.environment["KMS_KEY_ID"], system_clock)
    nowhere = FifoQueue(service(clients.SQS), f"{url}/000000000000/nowhere.fifo")
    s3 = aws.session().client("s3", endpoint_url=url, config=aws.CONFIG)
    intake = Intake(
        messages=messages,
        mails=MailTable(messages),
        payloads=PayloadStore(messages, Bucket(lambda: s3, deployment.payloads_bucket)),
        accounts=AccountTable(registry, sealer, system_clock),
        lines=Lines(Heads(messages), WakeUps(dict.fromkeys(LineKind, nowhere)), system_clock),
        clock=system_clock,
    )
    stored = TenantTable(registry, sealer, system_clock).get(tenant.id)
    result = intake.accept(stored, Instance(), [message("unheard")], None)
    assert [each.id for each in result.accepted] == ["unheard"]
