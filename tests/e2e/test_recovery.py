"""What happens when something dies on the way: a worker in the middle of a slice, a wake-up that SQS never took.

Both take a minute or two of real time, since leases run out and the scheduler's minute is real. So both are set going
together, once, and then looked at.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import psutil
import pytest

from localstack import ACCESS_KEY, REGION, SECRET_KEY, aws
from localstack.deploy import Deployment
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


@pytest.fixture(scope="module")
def interrupted(deployment: Deployment, admin: httpx.Client) -> Iterator[tuple[Tenant, Tenant]]:
    """The tenant whose sender was killed, and the one whose wake-up was lost."""
    with ExitStack() as running:
        unheard = start_tenant(deployment, admin, running)
        _submit_without_wake_up(deployment, unheard)
        crashed = start_tenant(deployment, admin, running)
        crashed.inbox.behaviour.latency_seconds = 0.02
        crashed.submit(*(message(name, priority="low") for name in MAILS))
        crashed.wait_for_mails(10, timeout=60)
        _kill_workers_of(deployment.functions["sender-low"])
        yield crashed, unheard


def test_mails_whose_sender_was_killed_are_sent_by_the_next_one(interrupted: tuple[Tenant, Tenant]) -> None:
    tenant, _ = interrupted

    tenant.wait_for_finals(len(MAILS), timeout=RECOVERED_WITHIN)

    copies = Counter(tenant.subjects())
    assert set(copies) == set(MAILS)
    # With one connection, one mail may have been on the wire and one outcome unwritten.
    assert copies.total() <= len(MAILS) + 2


def test_a_copy_that_a_killed_sender_caused_has_the_same_message_id(interrupted: tuple[Tenant, Tenant]) -> None:
    tenant, _ = interrupted

    tenant.wait_for_finals(len(MAILS), timeout=RECOVERED_WITHIN)

    named = {(mail.header("Subject"), mail.header("Message-ID")) for mail in tenant.inbox.mailbox.mails.all()}
    assert len(named) == len(MAILS)


def test_a_wake_up_that_was_lost_is_made_up_for_by_the_scheduler(interrupted: tuple[Tenant, Tenant]) -> None:
    _, tenant = interrupted

    tenant.wait_for_mails(1, timeout=RECOVERED_WITHIN)

    assert tenant.subjects() == ["unheard"]


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
