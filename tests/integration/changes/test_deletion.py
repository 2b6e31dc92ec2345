"""Accounts and tenants deleted with mail waiting, with the proxy's workers and a real relay."""

import pytest

from localstack.inbox import Inbox
from localstack.receiver import Receiver
from shared.aws.dynamodb import Key
from shared.clock import DAY, HOUR, MINUTE, SECOND, Millis, iso8601
from shared.errors import NotFound
from shared.lines.line import LineKind, account_line, account_lines
from shared.tenants.api_keys import ApiKeyTable
from shared.tenants.deletion import Deletions
from tests.integration.lane_driver import ACCOUNT, TENANT, WORKING_TIME, Driver, System

LINE = account_line(LineKind.MEDIUM, TENANT, ACCOUNT)


@pytest.fixture
def deletions(system: System) -> Deletions:
    return Deletions(
        tenants=system.tenants,
        api_keys=ApiKeyTable(system.registry),
        lines=system.lines,
        clock=system.clock,
        worker_timeout=WORKING_TIME + 10 * SECOND,
    )


def later(system: System, duration: Millis) -> str:
    return iso8601(system.clock() + duration)


async def test_mail_of_a_deleted_account_becomes_an_error_at_once_scheduled_or_not(
    system: System, driver: Driver, inbox: Inbox
) -> None:
    system.add_tenant()
    system.add_account(inbox)
    system.submit({"id": "now"}, {"id": "later", "send_at": later(system, DAY)})
    system.submit({"id": "urgent", "priority": "immediate", "send_at": later(system, HOUR)})
    system.accounts.delete(TENANT, ACCOUNT)
    system.lines.unblock(account_lines(TENANT, ACCOUNT))

    await driver.run()

    assert system.statuses() == {"now": "error", "later": "error", "urgent": "error"}
    assert {(event.id, event.error) for event in system.events()} == {
        (mail_id, "the account was deleted") for mail_id in ("now", "later", "urgent")
    }
    assert inbox.mailbox.mails.all() == []


async def test_a_deleted_tenant_sends_and_reports_nothing_more_and_is_gone_within_minutes(
    system: System, driver: Driver, inbox: Inbox, receiver: Receiver, deletions: Deletions
) -> None:
    system.add_tenant(client_base_url=receiver.url)
    system.add_account(inbox)
    system.submit({"id": "now"}, {"id": "later", "send_at": later(system, HOUR)})
    deletions.begin(TENANT)

    await driver.pass_time(2 * MINUTE)

    assert system.tenants.find(TENANT).deleting_since is not None
    assert system.statuses() == {"now": "pending", "later": "pending"}

    await driver.pass_time(2 * MINUTE)

    with pytest.raises(NotFound):
        system.tenants.find(TENANT)
    assert system.statuses() == {}
    assert list(system.messages.query_all(Key("pk").eq(LINE.partition))) == []
    await driver.pass_time(2 * HOUR)
    assert inbox.mailbox.mails.all() == []
    assert receiver.calls.all() == []


async def test_a_tenant_made_anew_under_the_same_id_sends_its_own_mail(
    system: System, driver: Driver, inbox: Inbox, deletions: Deletions
) -> None:
    system.add_tenant()
    system.add_account(inbox)
    system.submit({"id": "old"})
    deletions.begin(TENANT)
    await driver.pass_time(5 * MINUTE)

    system.add_tenant()
    system.add_account(inbox)
    system.submit({"id": "new"})
    await driver.pass_time(MINUTE)

    assert [mail.header("Subject") for mail in inbox.mailbox.mails.all()] == ["new"]
    assert system.statuses() == {"new": "sent"}
