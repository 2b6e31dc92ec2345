"""A PEC account's mail at a real relay: in one transaction to all who stand in its header, or to nobody."""

from collections.abc import Iterator

import pytest

from localstack.inbox import HANG_UP, Inbox, Reply, Stage, answer
from shared.clock import MINUTE
from shared.lines.line import LineKind, account_line
from shared.suppression.table import SuppressionTable
from tests.integration.lane_driver import ACCOUNT, TENANT, Driver, System

LINE = account_line(LineKind.MEDIUM, TENANT, ACCOUNT)
ANNA, BOB, CARLA = "anna@pec.example", "bob@pec.example", "carla@example.net"
TO_ALL: dict[str, object] = {"to": [ANNA, BOB], "cc": [CARLA]}


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with Inbox() as running:
        yield running


@pytest.fixture(autouse=True)
def pec_account(system: System, inbox: Inbox) -> None:
    system.add_tenant()
    system.add_account(inbox, is_pec_account=True)


def transactions(inbox: Inbox) -> list[tuple[str, ...]]:
    return [mail.rcpt_tos for mail in inbox.mailbox.mails.all()]


def results(system: System, mail_id: str = "m1") -> dict[str, tuple[str, int | None]]:
    return {each.address: (each.status, each.code) for each in system.mails.recipients(system.mail(mail_id))}


async def test_goes_to_all_of_to_and_cc_in_one_transaction_from_the_address_in_from(
    system: System, driver: Driver, inbox: Inbox
) -> None:
    system.submit({"id": "m1", "return_path": "Shop@Example.org", **TO_ALL})

    await driver.run()

    assert system.mail("m1").status.value == "sent"
    assert transactions(inbox) == [(ANNA, BOB, CARLA)]
    assert inbox.mailbox.mails.all()[0].mail_from == "shop@example.org"


async def test_a_recipient_refused_for_good_fails_the_mail_for_all_and_nothing_is_sent(
    system: System, driver: Driver, inbox: Inbox
) -> None:
    inbox.script.add(answer(Stage.RCPT, Reply("550 5.1.1 user unknown"), recipient=BOB))
    system.submit({"id": "m1", **TO_ALL}, {"id": "next"})

    await driver.run()

    assert system.statuses() == {"m1": "error", "next": "sent"}
    assert transactions(inbox) == [("anna@example.net",)]
    assert inbox.connections == 1
    assert results(system) == {ANNA: ("error", None), BOB: ("error", 550), CARLA: ("error", None)}
    (carla,) = [each for each in system.mails.recipients(system.mail("m1")) if each.address == CARLA]
    assert carla.reply == f"not sent: the mail goes to all recipients or to none, and {BOB} was refused"


async def test_only_who_was_refused_is_suppressed(system: System, driver: Driver, inbox: Inbox) -> None:
    inbox.script.add(answer(Stage.RCPT, Reply("550 5.1.1 user unknown"), recipient=BOB))
    inbox.script.add(answer(Stage.RCPT, Reply("450 4.2.1 busy"), recipient=CARLA))
    system.submit({"id": "m1", **TO_ALL})

    await driver.run()

    assert results(system) == {ANNA: ("error", None), BOB: ("error", 550), CARLA: ("error", 450)}
    assert set(system.suppressions.among(TENANT, [ANNA, BOB, CARLA])) == {BOB}


async def test_a_recipient_put_off_puts_the_mail_off_for_all_who_get_it_together_later(
    system: System, driver: Driver, inbox: Inbox
) -> None:
    inbox.script.add(answer(Stage.RCPT, Reply("451 4.7.1 greylisted"), recipient=CARLA, first=1))
    system.submit({"id": "m1", **TO_ALL})

    await driver.run()
    assert system.mail("m1").status.value == "deferred"
    assert results(system) == {ANNA: ("deferred", None), BOB: ("deferred", None), CARLA: ("deferred", 451)}
    assert transactions(inbox) == []
    await driver.pass_time(2 * MINUTE)

    assert system.mail("m1").status.value == "sent"
    assert transactions(inbox) == [(ANNA, BOB, CARLA)]


async def test_a_relay_that_wants_another_transaction_gets_none(system: System, driver: Driver, inbox: Inbox) -> None:
    inbox.script.add(answer(Stage.RCPT, Reply("452 4.5.3 too many recipients"), recipient=CARLA))
    system.change_instance(schedule_seconds=[600], max_age_seconds=1_200)
    system.submit({"id": "m1", **TO_ALL})

    await driver.run()
    assert system.mail("m1").status.value == "deferred"
    await driver.pass_time(25 * MINUTE)

    assert system.mail("m1").status.value == "error"
    assert transactions(inbox) == []
    assert results(system)[CARLA] == ("error", 452)


@pytest.mark.parametrize("reply", [Reply("421 4.3.0 closing"), HANG_UP])
async def test_a_relay_that_fails_in_mid_transaction_got_nothing_and_the_mail_waits_untouched(
    system: System, driver: Driver, inbox: Inbox, reply: Reply
) -> None:
    inbox.script.add(answer(Stage.RCPT, reply, recipient=BOB, first=1))
    system.submit({"id": "m1", **TO_ALL})

    await driver.run()
    assert (system.mail("m1").status.value, system.mail("m1").attempts) == ("pending", 0)
    await driver.pass_time(2 * MINUTE)

    assert system.mail("m1").status.value == "sent"
    assert transactions(inbox) == [(ANNA, BOB, CARLA)]


async def test_what_is_refused_at_the_final_dot_is_refused_for_all(
    system: System, driver: Driver, inbox: Inbox
) -> None:
    inbox.script.add(answer(Stage.FINAL_DOT, Reply("554 5.7.1 virus")))
    system.submit({"id": "m1", **TO_ALL})

    await driver.run()

    assert results(system) == {ANNA: ("error", 554), BOB: ("error", 554), CARLA: ("error", 554)}


async def test_a_suppressed_recipient_is_not_left_out_but_keeps_the_mail_from_all(
    system: System, driver: Driver, inbox: Inbox
) -> None:
    SuppressionTable(system.registry, system.clock).put(TENANT, BOB, "asked to be left alone")
    system.submit({"id": "m1", **TO_ALL}, {"id": "anyway", "ignore_suppression": True, **TO_ALL})

    await driver.run()

    assert system.statuses() == {"m1": "error", "anyway": "sent"}
    assert transactions(inbox) == [(ANNA, BOB, CARLA)]
    (event,) = [event for event in system.events() if event.id == "m1"]
    assert event.error == f"a PEC account sends to all recipients or to none, and {BOB} can get no mail"


async def test_rules_hold_for_mail_that_was_submitted_before_the_account_was_one(
    system: System, driver: Driver, inbox: Inbox
) -> None:
    system.add_account(inbox, is_pec_account=False)
    system.submit({"id": "hidden", "bcc": [BOB]}, {"id": "path", "return_path": "bounces@example.org"}, {"id": "good"})
    system.add_account(inbox, is_pec_account=True)

    await driver.run()

    assert system.statuses() == {"hidden": "error", "path": "error", "good": "sent"}
    errors = {event.id: event.error for event in system.events() if event.error}
    assert (errors["hidden"] or "").startswith("bcc: ")
    assert (errors["path"] or "").startswith("return_path: ")


async def test_a_mail_is_too_large_as_it_is_composed_not_as_it_was_submitted(
    system: System, driver: Driver, inbox: Inbox
) -> None:
    system.add_account(inbox, is_pec_account=True, pec_max_total_mb=1)
    text = "è" * 150_000  # 300 KB submitted, more in base64
    system.submit({"id": "large", "text": text, **TO_ALL}, {"id": "one", "text": text})

    await driver.run()

    assert system.statuses() == {"large": "error", "one": "sent"}
    (error,) = [event.error for event in system.events() if event.id == "large"]
    assert error is not None
    assert "3 recipients" in error
    assert "the account takes 1 MB" in error
