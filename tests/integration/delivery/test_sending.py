"""A submitted mail on its way through a real relay."""

import asyncio
import base64
import socket
from email.utils import parsedate_to_datetime

import pytest

from localstack.inbox import Inbox
from shared.clock import HOUR, MINUTE, SECOND
from shared.lines.line import LineKind, account_line
from tests.integration.lane_driver import ACCOUNT, TENANT, Driver, System

PDF = base64.b64encode(b"\0pdf").decode()
LINE = account_line(LineKind.MEDIUM, TENANT, ACCOUNT)


@pytest.fixture(autouse=True)
def tenant(system: System, inbox: Inbox) -> None:
    system.add_tenant()
    system.add_account(inbox)


async def test_a_mail_arrives_with_its_envelope_and_its_content(system: System, driver: Driver, inbox: Inbox) -> None:
    system.submit(
        {
            "id": "m1",
            "from": "Łukasz <lukasz@example.org>",
            "to": ["Anna Müller <anna@example.net>", "bob@example.net"],
            "cc": ["carol@example.net"],
            "bcc": ["hidden@example.net"],
            "return_path": "bounces@example.org",
            "subject": "Grüße aus Köln",
            "text": "Žluťoučký kůň\n.\n..\nEnde",
            "html": "<p>kůň</p>",
            "attachments": [
                {"filename": "Übersicht.pdf", "storage_path": "base64:" + base64.b64encode(b"\0pdf").decode()}
            ],
        }
    )

    await driver.run()

    (mail,) = inbox.mailbox.mails.all()
    assert mail.mail_from == "bounces@example.org"
    assert mail.rcpt_tos == ("anna@example.net", "bob@example.net", "carol@example.net", "hidden@example.net")
    assert mail.header("From") == "Łukasz <lukasz@example.org>"
    assert mail.header("To") == "Anna Müller <anna@example.net>, bob@example.net"
    assert mail.header("Cc") == "carol@example.net"
    assert mail.header("Bcc") is None
    assert b"hidden" not in mail.raw
    assert mail.header("Subject") == "Grüße aus Köln"
    body = mail.message.get_body(("plain",))
    assert body is not None
    assert body.get_content().splitlines() == ["Žluťoučký kůň", ".", "..", "Ende"]
    (attachment,) = mail.message.iter_attachments()
    assert (attachment.get_filename(), attachment.get_payload(decode=True)) == ("Übersicht.pdf", b"\0pdf")
    assert mail.raw.isascii()


async def test_the_mail_is_dated_when_it_was_due_and_named_by_an_opaque_token(
    system: System, driver: Driver, inbox: Inbox
) -> None:
    system.submit({"id": "order-1"})

    await driver.run()

    (mail,) = inbox.mailbox.mails.all()
    date = parsedate_to_datetime(mail.header("Date") or "")
    assert date.timestamp() * SECOND == system.clock()
    token = mail.header("X-Mail-Proxy-ID") or ""
    assert driver.parts.tokens.open(token) == (TENANT, "order-1")
    assert mail.header("Message-ID") == f"<{token}@example.org>"
    assert b"order-1@" not in mail.raw
    assert TENANT.encode() not in mail.raw


async def test_what_became_of_it_is_recorded_and_reported(system: System, driver: Driver, inbox: Inbox) -> None:
    system.submit({"id": "m1"})

    await driver.run()

    mail = system.mail("m1")
    assert (mail.status.value, mail.attempts, mail.first_attempt_at) == ("sent", 1, system.clock())
    (event,) = system.events()
    assert (event.id, event.account_id, event.pk) == ("m1", ACCOUNT, mail.public_key)
    assert event.sent_ts == system.clock() // SECOND
    assert event.recipients is not None
    (recipient,) = event.recipients
    assert (recipient.address, recipient.status, recipient.code, recipient.enhanced) == (
        "anna@example.net", "sent", 250, "2.6.0",
    )  # fmt: skip
    assert recipient.reply == "queued as 000001"


async def test_afterwards_the_line_is_empty_and_within_a_minute_at_rest(system: System, driver: Driver) -> None:
    system.submit({"id": "m1"})

    await driver.run()
    assert system.slices_of(LINE) == []
    assert system.head_of(LINE).wake_at == system.clock() + MINUTE

    await driver.pass_time(2 * MINUTE)
    assert system.head_of(LINE).wake_at is None


async def test_two_hundred_mails_of_one_account_leave_in_their_order_over_one_connection_a_hundred(
    system: System, driver: Driver, inbox: Inbox
) -> None:
    names = [f"m{number:03}" for number in range(200)]
    system.submit(*({"id": name} for name in names[:150]))
    system.submit(*({"id": name} for name in names[150:]))

    await driver.run()

    assert [mail.header("Subject") for mail in inbox.mailbox.mails.all()] == names
    assert inbox.connections == 2
    assert set(system.statuses().values()) == {"sent"}
    assert [event.id for event in system.events()] == names


async def test_higher_priorities_do_not_wait_behind_lower_ones(system: System, driver: Driver, inbox: Inbox) -> None:
    for priority in ("low", "medium", "high", "immediate"):
        system.submit({"id": priority, "priority": priority})

    await driver.run()

    order = [mail.header("Subject") for mail in inbox.mailbox.mails.all()]
    assert order == ["immediate", "high", "medium", "low"]


async def test_sessions_are_kept_between_visits(system: System, driver: Driver, inbox: Inbox) -> None:
    for number in range(5):
        system.submit({"id": f"m{number}"})
        await driver.run()
        system.clock.advance(SECOND)

    assert inbox.connections == 1
    assert len(inbox.mailbox.mails.all()) == 5


async def test_a_session_that_idled_too_long_is_closed_and_replaced(
    system: System, driver: Driver, inbox: Inbox
) -> None:
    system.submit({"id": "m1"})
    await driver.run()
    system.clock.advance(61 * SECOND)
    system.submit({"id": "m2"})
    await driver.run()

    assert inbox.connections == 2
    assert inbox.open_connections == 1


@pytest.mark.parametrize(("kept", "connections"), [(30, 2), (600, 1)])
async def test_how_long_a_session_is_kept_without_a_mail_is_the_accounts_to_say(
    system: System, driver: Driver, inbox: Inbox, kept: int, connections: int
) -> None:
    system.add_account(inbox, idle_seconds=kept)
    system.submit({"id": "m1"})
    await driver.run()
    system.clock.advance(45 * SECOND)
    system.submit({"id": "m2"})
    await driver.run()

    assert inbox.connections == connections
    assert inbox.open_connections == 1


@pytest.mark.parametrize("idle", [SECOND, 10 * SECOND])
async def test_a_kept_session_that_died_meanwhile_is_replaced_silently(
    system: System, driver: Driver, inbox: Inbox, idle: int
) -> None:
    system.submit({"id": "m1"})
    await driver.run()
    inbox.go_down()
    inbox.come_back()
    system.clock.advance(idle)
    system.submit({"id": "m2"})

    await driver.run()

    assert system.statuses() == {"m1": "sent", "m2": "sent"}
    assert inbox.connections == 2
    assert system.mail("m2").attempts == 1


async def test_a_scheduled_mail_waits_for_its_time_and_does_not_hold_up_others(
    system: System, driver: Driver, inbox: Inbox
) -> None:
    at = (system.clock() + HOUR) // SECOND
    system.submit({"id": "later", "send_at": at}, {"id": "now"})

    await driver.run()
    assert system.statuses() == {"later": "pending", "now": "sent"}

    await driver.pass_time(HOUR - MINUTE)
    assert system.mail("later").status.value == "pending"

    await driver.pass_time(2 * MINUTE)
    assert system.mail("later").status.value == "sent"
    assert len(inbox.mailbox.mails.all()) == 2


@pytest.mark.parametrize(("ahead", "status"), [(2, "sent"), (3, "pending")])
async def test_what_is_due_within_two_seconds_counts_as_due_since_clocks_differ(
    system: System, driver: Driver, ahead: int, status: str
) -> None:
    system.submit({"id": "m1", "send_at": system.clock() // SECOND + ahead}, {"id": "now"})

    await driver.run()

    assert system.statuses() == {"m1": status, "now": "sent"}


async def test_a_mail_whose_wake_up_got_lost_is_found_within_two_minutes(
    system: System, driver: Driver, inbox: Inbox
) -> None:
    system.submit({"id": "m1"})
    driver.lose_wake_ups()

    await driver.run()
    assert inbox.mailbox.mails.all() == []

    await driver.pass_time(2 * MINUTE)
    assert system.mail("m1").status.value == "sent"


async def test_cancelled_mails_are_not_sent_and_the_others_of_their_slice_are(
    system: System, driver: Driver, inbox: Inbox
) -> None:
    system.submit(*({"id": f"m{number}"} for number in range(5)))
    for name in ("m0", "m2", "m4"):
        system.cancellation.cancel(TENANT, name)

    await driver.run()

    assert [mail.header("Subject") for mail in inbox.mailbox.mails.all()] == ["m1", "m3"]
    assert system.statuses() == {"m0": "cancelled", "m1": "sent", "m2": "cancelled", "m3": "sent", "m4": "cancelled"}


async def test_a_wholly_cancelled_slice_is_gone(system: System, driver: Driver, inbox: Inbox) -> None:
    system.submit({"id": "m1"})
    system.cancellation.cancel(TENANT, "m1")

    await driver.run()

    assert inbox.mailbox.mails.all() == []
    assert system.slices_of(LINE) == []


async def test_mails_of_a_deleted_account_end_as_errors(system: System, driver: Driver, inbox: Inbox) -> None:
    system.submit({"id": "m1"}, {"id": "m2", "to": ["a@x.org", "b@x.org"]})
    system.accounts.delete(TENANT, ACCOUNT)

    await driver.run()

    assert inbox.mailbox.mails.all() == []
    assert system.statuses() == {"m1": "error", "m2": "error"}
    assert [event.error for event in system.events()] == ["the account was deleted"] * 2
    assert system.mail("m1").attempts == 0


async def test_mails_of_an_inactive_tenant_wait_and_go_out_in_order_when_it_is_active_again(
    system: System, driver: Driver, inbox: Inbox
) -> None:
    system.submit({"id": "m1"}, {"id": "m2"})
    system.change_tenant(active=False)

    await driver.pass_time(HOUR)
    assert inbox.mailbox.mails.all() == []
    assert inbox.connections == 0
    assert set(system.statuses().values()) == {"pending"}

    system.change_tenant(active=True)
    system.unblock_account()
    await driver.run()
    assert [mail.header("Subject") for mail in inbox.mailbox.mails.all()] == ["m1", "m2"]


async def test_a_mail_larger_than_the_relay_takes_is_an_error_before_it_is_sent(system: System, driver: Driver) -> None:
    with Inbox(max_size=2_000) as small:
        system.add_account(small)
        system.submit({"id": "large", "text": "x" * 5_000}, {"id": "small"})
        await driver.run()

        assert [mail.header("Subject") for mail in small.mailbox.mails.all()] == ["small"]
    assert system.mail("large").status.value == "error"
    errors = [event.error or "" for event in system.events() if event.id == "large"]
    assert "the relay takes 2000" in errors[0]


async def test_a_local_part_beyond_ascii_goes_to_a_relay_that_takes_it(system: System, driver: Driver) -> None:
    with Inbox(smtputf8=True) as modern:
        system.add_account(modern)
        system.submit({"id": "m1", "to": ["Jörg <jörg@bücher.example>", "anna@example.net"]})
        await driver.run()

        (mail,) = modern.mailbox.mails.all()
    assert mail.rcpt_tos == ("jörg@xn--bcher-kva.example", "anna@example.net")
    assert "jörg@xn--bcher-kva.example".encode() in mail.raw


async def test_a_local_part_beyond_ascii_is_a_clear_error_where_the_relay_does_not_take_it(
    system: System, driver: Driver, inbox: Inbox
) -> None:
    system.submit({"id": "m1", "to": ["jörg@example.net"]}, {"id": "m2"})

    await driver.run()

    assert system.statuses() == {"m1": "error", "m2": "sent"}
    assert "SMTPUTF8" in (system.events()[0].error or "")


async def test_a_quoted_local_part_reaches_the_relay_as_it_is(system: System, driver: Driver, inbox: Inbox) -> None:
    system.submit({"id": "m1", "to": ['"john doe"@example.net']})

    await driver.run()

    assert system.statuses() == {"m1": "sent"}
    assert inbox.mailbox.mails.all()[0].rcpt_tos == ('"john doe"@example.net',)


async def test_an_account_changed_meanwhile_is_used_as_it_is_now(system: System, driver: Driver, inbox: Inbox) -> None:
    system.submit({"id": "m1"})
    await driver.run()
    with Inbox() as other:
        system.add_account(other)
        system.submit({"id": "m2"})
        await driver.run()

        assert [mail.header("Subject") for mail in other.mailbox.mails.all()] == ["m2"]
    assert [mail.header("Subject") for mail in inbox.mailbox.mails.all()] == ["m1"]


async def test_a_host_that_is_not_public_is_refused_unless_the_operator_allows_it(
    system: System, driver: Driver
) -> None:
    with Inbox() as local:
        system.add_account(local, host="127.0.0.2")
        system.submit({"id": "m1"})
        await driver.run()

        assert local.connections == 0
    assert system.statuses() == {"m1": "pending"}
    assert system.head_of(LINE).waits == 1


async def test_a_host_that_nobody_knows_makes_the_line_wait(
    system: System, driver: Driver, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unknown(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", unknown)
    system.add_account(inbox, host="smtp.acme.invalid")
    system.submit({"id": "m1"})

    await driver.run()

    assert system.statuses() == {"m1": "pending"}
    assert (system.mail("m1").attempts, system.head_of(LINE).waits) == (0, 1)


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example.org"])
async def test_a_host_that_is_none_makes_the_line_wait(system: System, driver: Driver, inbox: Inbox, host: str) -> None:
    system.add_account(inbox, host=host)
    system.submit({"id": "m1"})

    await driver.run()

    assert system.statuses() == {"m1": "pending"}
    assert system.head_of(LINE).waits == 1
