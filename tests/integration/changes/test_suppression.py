"""Suppressed addresses, and what a real relay's refusals make of addresses."""

from collections.abc import Iterator

import pytest

from localstack.inbox import Inbox, Reply, Stage, answer
from shared.aws.dynamodb import Table
from shared.clock import MINUTE
from shared.errors import StorageUnavailable
from shared.suppression.model import Suppression
from shared.suppression.table import SuppressionTable
from tests.integration.lane_driver import TENANT, Driver, System

GONE, FINE = "gone@example.net", "fine@example.net"


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    refuse = answer(Stage.RCPT, Reply("550 5.1.1 user unknown"), recipient=GONE)
    with Inbox(rules=[refuse]) as running:
        yield running


@pytest.fixture(autouse=True)
def tenant(system: System, inbox: Inbox) -> None:
    system.add_tenant()
    system.add_account(inbox)


def suppressed(system: System) -> list[Suppression]:
    return system.suppressions.page(TENANT, limit=100).suppressions


async def test_a_refused_address_is_not_asked_for_again(system: System, driver: Driver, inbox: Inbox) -> None:
    system.submit({"id": "first", "to": [GONE]})
    await driver.run()
    [found] = suppressed(system)
    [event] = system.events()
    assert (found.address, found.reason, found.since) == (GONE, "550 5.1.1 user unknown", system.clock())
    assert (found.message_id, found.event_id) == ("first", event.event_id)

    inbox.behaviour.script.clear()
    system.submit({"id": "second", "to": [GONE.upper()]})
    await driver.run()

    assert system.statuses() == {"first": "error", "second": "error"}
    assert inbox.mailbox.mails.all() == []
    assert system.mail("second").attempts == 0
    error = system.events()[1].error
    assert error is not None
    assert "suppressed since 2026-01-01" in error
    assert error.endswith("550 5.1.1 user unknown")


async def test_the_other_recipients_get_the_mail(system: System, driver: Driver, inbox: Inbox) -> None:
    system.suppressions.put(TENANT, GONE, "unsubscribed")
    system.submit({"id": "m", "to": [GONE, FINE]})
    await driver.run()
    [mail] = inbox.mailbox.mails.all()
    assert mail.rcpt_tos == (FINE,)
    results = {each.address: each for each in system.mails.recipients(system.mail("m"))}
    assert (results[FINE].status, results[GONE].status) == ("sent", "error")
    assert "unsubscribed" in (results[GONE].reply or "")


async def test_a_mail_may_say_that_it_does_not_matter(system: System, driver: Driver, inbox: Inbox) -> None:
    inbox.behaviour.script.clear()
    system.suppressions.put(TENANT, GONE, "unsubscribed")
    system.submit({"id": "m", "to": [GONE], "ignore_suppression": True})
    await driver.run()
    assert system.statuses() == {"m": "sent"}


async def test_another_tenant_is_not_concerned(system: System, driver: Driver, inbox: Inbox) -> None:
    inbox.behaviour.script.clear()
    system.suppressions.put("other", GONE, "unsubscribed")
    system.submit({"id": "m", "to": [GONE]})
    await driver.run()
    assert system.statuses() == {"m": "sent"}


@pytest.mark.parametrize(
    ("stage", "reply"),
    [
        (Stage.RCPT, "550 5.7.1 blocked"),
        (Stage.RCPT, "552 5.2.2 mailbox full"),
        (Stage.RCPT, "550 no enhanced code"),
        (Stage.MAIL, "550 5.1.1 unknown"),
        (Stage.FINAL_DOT, "550 5.1.1 unknown"),
    ],
)
async def test_no_other_refusal_suppresses(
    system: System, driver: Driver, inbox: Inbox, stage: Stage, reply: str
) -> None:
    inbox.behaviour.script.add(answer(stage, Reply(reply)))
    system.submit({"id": "m", "to": [FINE]})
    await driver.run()
    assert system.statuses() == {"m": "error"}
    assert suppressed(system) == []


async def test_an_address_let_go_gets_mail_again(system: System, driver: Driver, inbox: Inbox) -> None:
    system.suppressions.put(TENANT, FINE, "unsubscribed")
    system.suppressions.delete(TENANT, FINE)
    system.submit({"id": "m", "to": [FINE]})
    await driver.run()
    assert system.statuses() == {"m": "sent"}


async def test_what_cannot_be_suppressed_is_recorded_all_the_same(
    system: System, driver: Driver, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(_self: SuppressionTable, suppressions: object) -> None:
        raise StorageUnavailable("throttled")

    monkeypatch.setattr(SuppressionTable, "add", unavailable)
    system.submit({"id": "m", "to": [GONE]})
    await driver.run()
    assert system.statuses() == {"m": "error"}
    assert len(system.events()) == 1


async def test_tenants_without_any_are_not_looked_up(
    system: System, driver: Driver, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    batch_get = Table.batch_get

    def counting(self: Table, keys: object) -> object:
        wanted = list(keys)  # type: ignore[call-overload]
        asked.extend(each.sk for each in wanted if each.sk.startswith("SUPPRESSION#"))
        return batch_get(self, wanted)

    monkeypatch.setattr(Table, "batch_get", counting)
    system.submit({"id": "m", "to": [FINE]})
    await driver.run()
    assert asked == []
    system.suppressions.put(TENANT, GONE, "unsubscribed")
    system.submit({"id": "n", "to": [FINE]})
    await driver.pass_time(2 * MINUTE)
    assert asked == [f"SUPPRESSION#{FINE}"]
