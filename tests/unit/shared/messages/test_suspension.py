"""What is suspended, who may change it at the same time, and how much waits."""

import pytest

from shared.accounts.table import AccountTable
from shared.aws.dynamodb import Table
from shared.aws.kms import SecretSealer
from shared.errors import Conflict, NotFound
from shared.instance.model import Instance
from shared.lines.lines import Lines
from shared.messages.intake import Intake
from shared.messages.model import Mail, Status
from shared.messages.set_aside import SuspendedSlices
from shared.messages.slices import SliceTable
from shared.messages.suspension import Suspensions, as_shown
from shared.messages.table import MailTable
from shared.messages.waiting import WaitingMail
from shared.tenants.model import Tenant, TenantSettings
from shared.tenants.table import TenantTable
from tests.unit.clock import NOON, SettableClock


@pytest.fixture
def tenants(registry: Table, sealer: SecretSealer, clock: SettableClock) -> TenantTable:
    table = TenantTable(registry, sealer, clock)
    table.create("acme", TenantSettings(default_account="main"))
    return table


@pytest.fixture
def aside(registry: Table, messages: Table, lines: Lines, clock: SettableClock) -> SuspendedSlices:
    return SuspendedSlices(registry=registry, messages=messages, lines=lines, clock=clock)


@pytest.fixture
def suspensions(
    tenants: TenantTable, accounts: AccountTable, aside: SuspendedSlices, lines: Lines, clock: SettableClock
) -> Suspensions:
    return Suspensions(tenants=tenants, accounts=accounts, aside=aside, lines=lines, clock=clock)


@pytest.fixture
def waiting(messages: Table, accounts: AccountTable, clock: SettableClock) -> WaitingMail:
    return WaitingMail(messages=messages, accounts=accounts, clock=clock)


def submit(intake: Intake, tenant: Tenant, *ids: str, **fields: object) -> None:
    base = {"from": "a@example.com", "to": "b@example.com", "text": "x"}
    intake.accept(tenant, Instance(), [base | {"id": each} | fields for each in ids], None)


def test_only_unsent_mail_of_what_is_suspended_shows_as_suspended(
    intake: Intake, mails: MailTable, tenant: Tenant
) -> None:
    submit(intake, tenant, "a", batch_code="x")
    mail = mails.get("acme", "a")

    def shown(mail: Mail, **changes: object) -> Status:
        return as_shown(mail, tenant.model_copy(update=changes)).status

    assert shown(mail) is Status.PENDING
    assert shown(mail, suspended_batches=["x"]) is Status.SUSPENDED
    assert shown(mail, suspended_batches=["y"]) is Status.PENDING
    assert shown(mail, suspended=True) is Status.SUSPENDED
    sent = mail.model_copy(update={"status": Status.SENT})
    assert shown(sent, suspended=True, suspended_batches=["x"]) is Status.SENT
    without_batch = mail.model_copy(update={"batch_code": None})
    assert shown(without_batch, suspended_batches=["x"]) is Status.PENDING


def test_changes_made_at_the_same_time_are_both_kept(
    suspensions: Suspensions, tenants: TenantTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    get, first = TenantTable.get, True

    def changed_after_reading(self: TenantTable, tenant_id: str) -> Tenant:
        nonlocal first
        found = get(self, tenant_id)
        if first:
            first = False
            suspensions.suspend("acme", "theirs")
        return found

    monkeypatch.setattr(TenantTable, "get", changed_after_reading)
    assert suspensions.suspend("acme", "ours").suspended_batches == ["theirs", "ours"]


def test_new_settings_that_meet_a_suspension_are_refused(suspensions: Suspensions, tenants: TenantTable) -> None:
    """In the very millisecond in which they were read."""
    read = tenants.get("acme")
    suspensions.suspend("acme", "x")
    with pytest.raises(Conflict):
        tenants.replace(read, TenantSettings())
    assert tenants.get("acme").suspended_batches == ["x"]


def test_an_unknown_tenant_is_not_found(suspensions: Suspensions) -> None:
    with pytest.raises(NotFound):
        suspensions.suspend("nobody", None)
    with pytest.raises(NotFound):
        suspensions.activate("nobody", None, within=0)


def test_what_waits_is_counted_in_lines_and_aside(
    intake: Intake,
    tenant: Tenant,
    tenants: TenantTable,
    suspensions: Suspensions,
    aside: SuspendedSlices,
    slices: SliceTable,
    mails: MailTable,
    waiting: WaitingMail,
) -> None:
    submit(intake, tenant, "a", "b", batch_code="x")
    submit(intake, tenant, "c", batch_code="x", priority="high")
    submit(intake, tenant, "later", send_at=(NOON // 1000) + 3600)
    changed = suspensions.suspend("acme", "x")
    found = slices.first(mails.get("acme", "a").line)
    assert found is not None
    assert aside.set_aside(found)
    assert waiting.count(changed, "x", within=1_000).mails == 3
    assert waiting.count(changed, None, within=1_000).mails == 4
    assert waiting.count(changed, "y", within=1_000).mails == 0
    assert waiting.count(changed, None, within=1_000).complete
    assert not waiting.count(changed, None, within=0).complete
