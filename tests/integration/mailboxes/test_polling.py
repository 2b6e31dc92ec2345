"""Mailboxes on a real IMAP server, read by the real poller."""

from collections.abc import Iterable

import pytest

from localstack.inbox import Inbox
from localstack.receiver import Receiver
from shared.aws.attributes import Item
from shared.aws.dynamodb import ItemKey, Table
from shared.clock import HOUR, MINUTE
from shared.errors import StorageUnavailable
from shared.lines.line import LineKind
from shared.mailboxes import poller
from shared.mailboxes.model import INSTANCE_OWNER
from shared.mailboxes.state import MailboxStates
from shared.mailboxes.unmatched import UnmatchedTable
from shared.messages.model import Status
from shared.suppression.model import SuppressionSource
from tests.integration.lane_driver import TENANT, WORKING_TIME, Driver, System
from tests.integration.mailboxes.conftest import NAME, Box
from tests.integration.mailboxes.reports import report, report_on

MAILBOX = LineKind.MAILBOX


def bounced(system: System) -> list[tuple[str | None, str | None, str | None]]:
    """Of the events not acknowledged yet."""
    return [(event.id, event.recipient, event.bounce_type) for event in system.events() if event.bounce_ts]


async def sent(system: System, driver: Driver, *names: str) -> None:
    """Mails that the relay has taken, their events acknowledged."""
    system.submit(*({"id": name} for name in names))
    await driver.run(LineKind.MEDIUM, LineKind.REPORTS)
    assert {system.mail(name).status for name in names} == {Status.SENT}


async def test_a_bounce_reaches_the_tenant_and_suppresses_the_recipient(
    system: System, driver: Driver, inbox: Inbox, receiver: Receiver, box: Box
) -> None:
    await sent(system, driver, "m1")
    box.append(report_on(inbox))

    box.put()
    await driver.run()

    event = receiver.events.all()[-1].event
    assert (event.id, event.recipient, event.bounce_type, event.bounce_code) == (
        "m1",
        "anna@example.net",
        "hard",
        "550",
    )
    suppression = system.suppressions.get(TENANT, "anna@example.net")
    assert (suppression.source, suppression.message_id) == (SuppressionSource.BOUNCE, "m1")
    assert suppression.event_id == event.event_id
    assert [(each.type, each.recipient) for each in box.returns("m1")] == [("bounced", "anna@example.net")]


async def test_mail_that_comes_later_is_read_at_the_next_look(system: System, driver: Driver, box: Box) -> None:
    await sent(system, driver, "m1", "m2")
    box.append(report("m1"))
    box.put(poll_seconds=60)
    await driver.run(MAILBOX)
    assert bounced(system) == [("m1", "anna@example.net", "hard")]

    box.append(report("m2", status="4.4.1"))
    await driver.pass_time(2 * MINUTE, MAILBOX)

    assert bounced(system) == [("m1", "anna@example.net", "hard"), ("m2", "anna@example.net", "soft")]
    assert (box.state.read, box.state.matched) == (2, 2)


async def test_a_mailbox_where_nothing_comes_is_looked_at_more_rarely(system: System, driver: Driver, box: Box) -> None:
    box.put(poll_seconds=60)

    await driver.pass_time(HOUR, MAILBOX)

    looks = [line for line, _ in driver.worked if line == box.line]
    assert 14 <= len(looks) <= 20


async def test_nothing_is_read_twice(system: System, driver: Driver, box: Box) -> None:
    await sent(system, driver, "m1")
    box.append(report("m1"))
    box.put(poll_seconds=60)
    await driver.run(MAILBOX)

    await driver.pass_time(10 * MINUTE, MAILBOX)

    assert len(bounced(system)) == 1
    assert box.state.read == 1


async def test_the_same_report_twice_in_the_mailbox_is_one_event(system: System, driver: Driver, box: Box) -> None:
    await sent(system, driver, "m1")
    box.append(report("m1"), report("m1"))

    box.put()
    await driver.run(MAILBOX)

    assert len(bounced(system)) == 1


async def test_new_uids_let_all_be_read_again_and_nothing_be_reported_again(
    system: System, driver: Driver, box: Box
) -> None:
    await sent(system, driver, "m1")
    box.append(report("m1"), folder="Bounces")
    box.put(folder="Bounces", poll_seconds=60)
    await driver.run(MAILBOX)
    before = box.state

    with box.server.client(box.user) as client:
        client.folder.delete("Bounces")
    box.append(report("m1"), folder="Bounces")
    await driver.pass_time(2 * MINUTE, MAILBOX)

    assert box.state.uid_validity != before.uid_validity
    assert box.state.read == 2
    assert len(bounced(system)) == 1


async def test_many_mails_are_read_in_batches_of_few(
    system: System, driver: Driver, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poller, "BATCH_MAILS", 7)
    names = [f"m{number:02d}" for number in range(40)]
    await sent(system, driver, *names)
    box.append(*(report(name) for name in names))

    box.put()
    await driver.run(MAILBOX)

    assert [mail_id for mail_id, _, _ in bounced(system)] == names
    assert box.state.read == 40


async def test_a_look_that_runs_out_of_time_is_gone_on_with(
    system: System, driver: Driver, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poller, "BATCH_MAILS", 1)
    names = ["m1", "m2", "m3", "m4"]
    await sent(system, driver, *names)
    box.append(*(report(name) for name in names))
    save = MailboxStates.save

    def slow(states: MailboxStates, line: object, state: object) -> None:
        save(states, line, state)  # type: ignore[arg-type]
        system.clock.advance(WORKING_TIME // 2)

    monkeypatch.setattr(MailboxStates, "save", slow)
    box.put()
    await driver.run(MAILBOX)

    assert [mail_id for mail_id, _, _ in bounced(system)] == names
    assert len([line for line, _ in driver.worked if line == box.line]) > 1


async def test_what_was_understood_is_flagged_and_the_rest_left_alone(system: System, driver: Driver, box: Box) -> None:
    await sent(system, driver, "m1")
    box.append(report("m1"), report("unknown"), b"From: anna@example.net\r\nSubject: hello\r\n\r\nhello\r\n")

    box.put(afterwards="seen")
    await driver.run(MAILBOX)

    with box.server.client(box.user) as client:
        assert [(mail.subject.split()[0], r"\Seen" in mail.flags) for mail in client.fetch(mark_seen=False)] == [
            ("Undelivered", True),
            ("Undelivered", False),
            ("hello", False),
        ]


async def test_what_was_understood_can_be_moved(system: System, driver: Driver, box: Box) -> None:
    await sent(system, driver, "m1")
    box.append(report("m1"), b"From: anna@example.net\r\nSubject: hello\r\n\r\nhello\r\n")
    with box.server.client(box.user) as client:
        client.folder.create("Gelesen – für später")

    box.put(afterwards="move", move_to="Gelesen – für später")
    await driver.run(MAILBOX)

    with box.server.client(box.user) as client:
        assert [mail.subject for mail in client.fetch(mark_seen=False)] == ["hello"]
        client.folder.set("Gelesen – für später")
        assert len(client.uids()) == 1
    assert box.state.failure is None


async def test_what_names_no_mail_of_ours_is_counted_and_listed(system: System, driver: Driver, box: Box) -> None:
    await sent(system, driver, "m1")
    box.append(report("unknown"), report("m1", "stranger@example.net"), report("m1", action="delivered"))

    box.put()
    await driver.run(MAILBOX)

    found = UnmatchedTable(system.messages).page(TENANT, NAME, limit=10).found
    assert [(each.reason, each.addresses) for each in found] == [
        ("it is about nobody that the mail was sent to", ["stranger@example.net"]),
        ("the mail is no longer kept", ["anna@example.net"]),
    ]
    assert box.state.unmatched == 2
    assert bounced(system) == []


async def test_a_tenants_mailbox_says_nothing_about_the_mail_of_others(
    system: System, driver: Driver, box: Box
) -> None:
    await sent(system, driver, "m1")
    system.add_tenant("other")
    box.owner = "other"
    box.append(report("m1"))

    box.put()
    await driver.run(MAILBOX)

    assert box.state.unmatched == 1
    assert bounced(system) == []


async def test_the_instances_mailbox_serves_every_tenant(system: System, driver: Driver, box: Box) -> None:
    await sent(system, driver, "m1")
    box.owner = INSTANCE_OWNER
    box.append(report("m1"))

    box.put()
    await driver.run(MAILBOX)

    assert bounced(system) == [("m1", "anna@example.net", "hard")]


@pytest.mark.parametrize("tls", ["tls", "starttls"])
async def test_sessions_are_secured_by_the_authorities_of_the_mailbox(
    system: System, driver: Driver, box: Box, tls: str
) -> None:
    port = box.server.ports.imaps if tls == "tls" else box.server.ports.imap
    await sent(system, driver, "m1")
    box.append(report("m1"))

    box.put(host="localhost", tls=tls, port=port)
    await driver.run(MAILBOX)
    assert "certificate" in (box.state.failure or "")
    assert bounced(system) == []

    box.put(host="localhost", tls=tls, port=port, ca_certificate=box.server.ca_certificate)
    await driver.run(MAILBOX)
    assert box.state.failure is None
    assert len(bounced(system)) == 1


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"password": "wrong"}, "login"),
        ({"folder": "Nowhere"}, "folder Nowhere"),
        ({"port": 1}, "refused"),
        ({"host": "10.0.0.1"}, "not a public address"),
        ({"tls": "starttls", "verify_certificate": False, "port": 1}, "refused"),
    ],
)
async def test_a_mailbox_that_cannot_be_read_waits_and_says_why(
    system: System, driver: Driver, box: Box, settings: dict[str, object], reason: str
) -> None:
    box.put(**settings)

    await driver.run(MAILBOX)

    assert reason in (box.state.failure or "")
    assert (system.head_of(box.line).blocked_until or 0) > system.clock()


async def test_a_worker_that_dies_after_recording_repeats_nothing(
    system: System, driver: Driver, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sent(system, driver, "m1", "m2")
    box.append(report("m1"), report("m2"))

    def dies(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(MailboxStates, "save", dies)
        box.put()
        await driver.run(MAILBOX)
    assert [type(error) for error in driver.crashes] == [MemoryError]
    driver.crashes.clear()
    await driver.pass_time(WORKING_TIME + 3 * MINUTE, MAILBOX)

    assert len(bounced(system)) == 2
    assert box.state.read == 2


async def test_a_worker_that_dies_while_it_records_repeats_events_under_their_ids(
    system: System, driver: Driver, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sent(system, driver, "m1")
    box.append(report("m1"))
    write = Table.batch_write

    def fails_for_the_timeline(table: Table, puts: Iterable[Item] = (), deletes: Iterable[ItemKey] = ()) -> None:
        puts = list(puts)
        if any(str(item["sk"]).startswith("RETURN#") for item in puts):
            raise StorageUnavailable("scripted")
        write(table, puts, deletes)

    with monkeypatch.context() as patched:
        patched.setattr(Table, "batch_write", fails_for_the_timeline)
        box.put()
        await driver.run(MAILBOX)
    assert [type(error) for error in driver.crashes] == [StorageUnavailable]
    driver.crashes.clear()
    await driver.pass_time(WORKING_TIME + 3 * MINUTE, MAILBOX)

    events = [event for event in system.events() if event.bounce_ts]
    assert len(events) == 2
    assert len({event.event_id for event in events}) == 1
    assert len(box.returns("m1")) == 1
