"""Mails that are submitted again or sent again, on their way through a real relay."""

from collections.abc import Iterator

import pytest

from localstack.inbox import Inbox, Reply, Stage, answer
from shared.clock import HOUR, MINUTE
from shared.lines.line import LineKind, account_line
from shared.messages.intake import IntakeResult
from shared.messages.retrying import Retrying
from tests.integration.lane_driver import ACCOUNT, TENANT, Driver, System

LINE = account_line(LineKind.MEDIUM, TENANT, ACCOUNT)


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with Inbox() as running:
        yield running


@pytest.fixture(autouse=True)
def tenant(system: System, inbox: Inbox) -> None:
    system.add_tenant()
    system.add_account(inbox)


@pytest.fixture
def retrying(system: System) -> Retrying:
    return Retrying(
        messages=system.messages, mails=system.mails, accounts=system.accounts, lines=system.lines, clock=system.clock
    )


def subjects(inbox: Inbox) -> list[str | None]:
    return [mail.header("Subject") for mail in inbox.mailbox.mails.all()]


def resubmit(system: System, mail_id: str, **fields: object) -> IntakeResult:
    entry = {"id": mail_id, "from": "shop@example.org", "to": ["anna@example.net"], "text": "x", "account_id": ACCOUNT}
    return system.intake.accept(system.tenants.get(TENANT), system.instance, [entry | fields], None)


class TestReplacing:
    async def test_the_relay_gets_the_new_content_only_and_in_the_old_place(
        self, system: System, driver: Driver, inbox: Inbox
    ) -> None:
        system.submit({"id": "a"}, {"id": "b"}, {"id": "c"})
        assert resubmit(system, "b", subject="b, better").accepted

        await driver.run()

        assert subjects(inbox) == ["a", "b, better", "c"]
        assert system.statuses() == {"a": "sent", "b": "sent", "c": "sent"}

    async def test_a_mail_put_off_gets_its_new_recipients_and_all_its_tries(
        self, system: System, driver: Driver, inbox: Inbox
    ) -> None:
        refuse = answer(Stage.RCPT, Reply("450 4.2.0 try later"), recipient="anna@example.net")
        inbox.behaviour.script.add(refuse)
        system.submit({"id": "a"})
        await driver.run()
        assert system.statuses() == {"a": "deferred"}
        resubmit(system, "a", to=["bob@example.net"])

        await driver.pass_time(10 * MINUTE)

        [mail] = inbox.mailbox.mails.all()
        assert mail.rcpt_tos == ("bob@example.net",)
        assert (system.mail("a").attempts, system.mail("a").generation) == (1, 2)

    async def test_once_sent_it_is_refused(self, system: System, driver: Driver, inbox: Inbox) -> None:
        system.submit({"id": "a"})
        await driver.run()
        [rejected] = resubmit(system, "a", subject="too late").rejected
        assert rejected.code == "id_conflict"
        await driver.pass_time(2 * MINUTE)
        assert subjects(inbox) == ["a"]


class TestRetrying:
    async def test_a_failed_mail_reaches_the_relay_once_more(
        self, system: System, driver: Driver, inbox: Inbox, retrying: Retrying
    ) -> None:
        inbox.behaviour.script.add(answer(Stage.FINAL_DOT, Reply("550 5.7.1 policy")))
        system.submit({"id": "a"}, {"id": "b"})
        await driver.run()
        assert system.statuses() == {"a": "error", "b": "error"}
        inbox.behaviour.script.clear()
        system.clock.advance(HOUR)

        retrying.retry(TENANT, "a")
        await driver.run()

        assert subjects(inbox) == ["a"]
        assert system.statuses() == {"a": "sent", "b": "error"}
        reported = [event for event in system.events() if event.id == "a"]
        assert [event.sent_ts is not None for event in reported] == [False, True]
        assert len({event.event_id for event in reported}) == 2

    async def test_it_fails_again_if_nothing_has_changed(
        self, system: System, driver: Driver, inbox: Inbox, retrying: Retrying
    ) -> None:
        inbox.behaviour.script.add(answer(Stage.RCPT, Reply("550 5.1.1 unknown")))
        system.submit({"id": "a", "to": ["a@example.net", "b@example.net"], "ignore_suppression": True})
        await driver.run()
        retrying.retry(TENANT, "a")
        await driver.run()
        mail = system.mail("a")
        assert (mail.status.value, mail.attempts, mail.generation) == ("error", 1, 2)
        assert len(system.mails.recipients(mail)) == 2
