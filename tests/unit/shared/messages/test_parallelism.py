"""An account whose mail is spread over several lines: where each mail goes, and that it is found there again."""

import pytest

from shared.accounts.model import AccountSettings, TlsMode
from shared.accounts.table import AccountTable
from shared.aws.dynamodb import Table, Update
from shared.clock import HOUR
from shared.instance.model import Instance
from shared.lines.line import LANES, Line, LineKind, account_line, part_of
from shared.messages.cancellation import Cancellation
from shared.messages.intake import Intake
from shared.messages.model import Status
from shared.messages.retrying import Retrying
from shared.messages.slices import SliceTable
from shared.messages.table import MailTable
from shared.messages.waiting import WaitingMail
from shared.tenants.model import Tenant
from tests.unit.clock import SettableClock

IDS = [f"m{number:02d}" for number in range(40)]


def entry(mail_id: str, **fields: object) -> dict[str, object]:
    return {"id": mail_id, "from": "a@example.com", "to": "b@example.com", "text": "x"} | fields


def spread(accounts: AccountTable, parallelism: int) -> list[Line]:
    settings = AccountSettings(host="smtp.example.com", port=25, tls=TlsMode.NONE, parallelism=parallelism)
    account, _ = accounts.put("acme", "main", settings)
    return account.lines


def waiting_in(slices: SliceTable, part: int) -> list[str]:
    found = slices.first(account_line(LineKind.MEDIUM, "acme", "main", part))
    return [each.mail_id for each in found.entries] if found else []


@pytest.fixture
def submitted(intake: Intake, tenant: Tenant, accounts: AccountTable) -> None:
    """Forty mails, over four lines."""
    spread(accounts, 4)
    intake.accept(tenant, Instance(), [entry(each) for each in IDS], None)


def test_each_line_has_its_mails_in_order_of_submission(submitted: None, slices: SliceTable) -> None:
    parts = [waiting_in(slices, part) for part in range(4)]
    assert sorted(mail_id for part in parts for mail_id in part) == IDS
    for number, part in enumerate(parts):
        assert part == [each for each in IDS if part_of(each, 4) == number]
        assert len(part) >= 5


def test_each_line_is_announced_and_woken_in_a_group_of_its_own(submitted: None, messages: Table) -> None:
    lines = [account_line(LineKind.MEDIUM, "acme", "main", part) for part in range(4)]
    heads = [messages.get(line.head_key) or {} for line in lines]
    assert all("woken_at" in head and "wake_at" in head for head in heads)
    assert len({line.message_group for line in lines}) == 4


def test_a_line_knows_account_and_part() -> None:
    line = account_line(LineKind.LOW, "acme", "main", 3)
    assert (line.owner, line.tenant_id, line.account_id, line.part) == ("acme#main#3", "acme", "main", 3)
    first = account_line(LineKind.LOW, "acme", "main")
    assert (first.owner, first.account_id, first.part) == ("acme#main", "main", 0)


def test_lines_of_a_higher_parallelism_stay_known(accounts: AccountTable) -> None:
    assert len(spread(accounts, 1)) == 4
    assert len(spread(accounts, 3)) == 12
    lines = spread(accounts, 2)
    assert [(line.kind, line.part) for line in lines] == [(lane, part) for lane in LANES for part in range(3)]


def test_what_waits_stays_where_it_is_when_parallelism_changes_and_what_comes_then_is_spread_anew(
    submitted: None,
    intake: Intake,
    tenant: Tenant,
    accounts: AccountTable,
    slices: SliceTable,
    clock: SettableClock,
) -> None:
    before = [waiting_in(slices, part) for part in range(4)]
    spread(accounts, 1)
    intake.accept(tenant, Instance(), [entry(f"new{number}") for number in range(10)], None)
    assert [waiting_in(slices, part) for part in range(4)] == before
    line = account_line(LineKind.MEDIUM, "acme", "main")
    assert len(slices.due_keys(line, clock.now, limit=10)) == 2


def test_a_replacement_keeps_its_place_in_a_line_that_its_id_would_not_go_to_by_now(
    submitted: None, intake: Intake, tenant: Tenant, accounts: AccountTable, slices: SliceTable, mails: MailTable
) -> None:
    moved = next(each for each in IDS if part_of(each, 4) == 3)
    before = waiting_in(slices, 3)
    spread(accounts, 1)

    result = intake.accept(tenant, Instance(), [entry(moved, text="Better")], None)

    assert [each.id for each in result.accepted] == [moved]
    assert waiting_in(slices, 3) == before
    assert (mails.get("acme", moved).part, mails.get("acme", moved).generation) == (3, 2)


def test_a_replacement_that_loses_its_place_goes_where_its_id_goes_now(
    submitted: None, intake: Intake, tenant: Tenant, accounts: AccountTable, slices: SliceTable, mails: MailTable
) -> None:
    moved = next(each for each in IDS if part_of(each, 4) == 3)
    spread(accounts, 1)

    intake.accept(tenant, Instance(), [entry(moved, priority="high")], None)

    assert moved not in waiting_in(slices, 3)
    assert mails.get("acme", moved).line == account_line(LineKind.HIGH, "acme", "main")


def test_the_same_submission_again_repairs_the_line_that_the_mail_is_in(
    submitted: None, intake: Intake, tenant: Tenant, accounts: AccountTable, slices: SliceTable, messages: Table
) -> None:
    lost = account_line(LineKind.MEDIUM, "acme", "main", 2)
    before = waiting_in(slices, 2)
    found = slices.first(lost)
    assert found is not None
    messages.delete(found.key)
    spread(accounts, 1)

    intake.accept(tenant, Instance(), [entry(each) for each in IDS], None)

    assert waiting_in(slices, 2) == before


def test_a_mail_is_cancelled_in_its_line(submitted: None, cancellation: Cancellation, slices: SliceTable) -> None:
    for mail_id in IDS:
        assert cancellation.cancel("acme", mail_id).status is Status.CANCELLED
    assert [waiting_in(slices, part) for part in range(4)] == [[], [], [], []]


def test_a_failed_mail_is_sent_again_through_a_line_of_today(
    submitted: None, retrying: Retrying, accounts: AccountTable, mails: MailTable, messages: Table
) -> None:
    failed = mails.get("acme", next(each for each in IDS if part_of(each, 4) == 3))
    messages.update(Update(failed.key, set={"status": "error"}))
    spread(accounts, 2)

    again = retrying.retry("acme", failed.id)

    assert again.line == account_line(LineKind.MEDIUM, "acme", "main", part_of(failed.id, 2))


def test_what_waits_in_any_line_is_counted(
    submitted: None, accounts: AccountTable, tenant: Tenant, messages: Table, clock: SettableClock
) -> None:
    spread(accounts, 1)
    counted = WaitingMail(messages=messages, accounts=accounts, clock=clock).count(tenant, None, within=HOUR)
    assert (counted.mails, counted.complete) == (len(IDS), True)
