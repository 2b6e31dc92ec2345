"""What takes in and gives back mail, over AWS in-process, with a tenant and its account `main`."""

import pytest

from shared.accounts.model import AccountSettings, TlsMode
from shared.accounts.table import AccountTable
from shared.aws.dynamodb import Table
from shared.aws.kms import SecretSealer
from shared.aws.s3 import Bucket
from shared.aws.sqs import FifoQueue
from shared.lines.head import Heads
from shared.lines.line import LineKind
from shared.lines.lines import Lines
from shared.lines.wakeups import WakeUps
from shared.messages.cancellation import Cancellation
from shared.messages.intake import Intake
from shared.messages.payloads import PayloadStore
from shared.messages.retrying import Retrying
from shared.messages.slices import SliceTable
from shared.messages.table import MailTable
from shared.tenants.model import Tenant
from tests.unit.clock import NOON, SettableClock


@pytest.fixture
def accounts(registry: Table, sealer: SecretSealer, clock: SettableClock) -> AccountTable:
    table = AccountTable(registry, sealer, clock)
    table.put("acme", "main", AccountSettings(host="smtp.example.com", port=25, tls=TlsMode.NONE))
    return table


@pytest.fixture
def tenant() -> Tenant:
    return Tenant(id="acme", default_account="main", created_at=NOON, updated_at=NOON)


@pytest.fixture
def mails(messages: Table) -> MailTable:
    return MailTable(messages)


@pytest.fixture
def slices(messages: Table) -> SliceTable:
    return SliceTable(messages)


@pytest.fixture
def payloads(messages: Table, payloads_bucket: Bucket) -> PayloadStore:
    return PayloadStore(messages, payloads_bucket)


@pytest.fixture
def lines(messages: Table, queues: dict[LineKind, FifoQueue], clock: SettableClock) -> Lines:
    return Lines(Heads(messages), WakeUps(queues), clock)


@pytest.fixture
def intake(
    messages: Table,
    mails: MailTable,
    payloads: PayloadStore,
    accounts: AccountTable,
    lines: Lines,
    clock: SettableClock,
) -> Intake:
    return Intake(messages=messages, mails=mails, payloads=payloads, accounts=accounts, lines=lines, clock=clock)


@pytest.fixture
def cancellation(
    messages: Table, mails: MailTable, slices: SliceTable, lines: Lines, clock: SettableClock
) -> Cancellation:
    return Cancellation(messages=messages, mails=mails, slices=slices, lines=lines, clock=clock)


@pytest.fixture
def retrying(messages: Table, mails: MailTable, accounts: AccountTable, lines: Lines, clock: SettableClock) -> Retrying:
    return Retrying(messages=messages, mails=mails, accounts=accounts, lines=lines, clock=clock)
