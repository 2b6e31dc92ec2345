"""Reports and receipts about mails whose Message-ID the client chose, in mailboxes on a real IMAP server."""

from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from localstack.inbox import Inbox
from shared.accounts.model import AccountSettings, TlsMode
from shared.lines.line import LineKind
from shared.mailboxes.model import INSTANCE_OWNER
from shared.mailboxes.unmatched import UnmatchedTable
from tests.integration.lane_driver import ACCOUNT, TENANT, Driver, System
from tests.integration.mailboxes.conftest import NAME, Box
from tests.integration.mailboxes.reports import report_by_message_id
from tests.pec_provider import authority, signed

CHOSEN = "<order-1@shop.example>"
RECEIPTS = Path(__file__).parents[2] / "corpus" / "pec"
ANCHORS = authority().certificate.public_bytes(Encoding.PEM).decode()


async def sent(system: System, driver: Driver, *entries: dict[str, object]) -> None:
    system.submit(*entries)
    await driver.run(LineKind.MEDIUM, LineKind.REPORTS)


def bounced(system: System) -> list[tuple[str | None, str | None]]:
    return [(event.id, event.recipient) for event in system.events() if event.bounce_ts]


def unmatched(system: System, owner: str = TENANT) -> list[str]:
    return [each.reason for each in UnmatchedTable(system.messages).page(owner, NAME, limit=10).found]


async def test_a_bounce_is_matched_by_it_and_suppresses_the_recipient(
    system: System, driver: Driver, inbox: Inbox, box: Box
) -> None:
    await sent(system, driver, {"id": "m1", "message_id": CHOSEN})
    assert f"Message-ID: {CHOSEN}".encode() in inbox.mailbox.mails.all()[-1].raw
    box.append(report_by_message_id(CHOSEN))

    box.put()
    await driver.run(LineKind.MAILBOX)

    assert bounced(system) == [("m1", "anna@example.net")]
    assert system.suppressions.get(TENANT, "anna@example.net").message_id == "m1"
    assert (box.state.matched, box.state.unmatched) == (1, 0)


async def test_receipts_of_certified_mail_are_matched_by_it(system: System, driver: Driver, box: Box) -> None:
    await sent(system, driver, {"id": "m1", "message_id": CHOSEN})
    for name in ("accettazione", "avvenuta-consegna-completa"):
        mail = (
            (RECEIPTS / f"{name}.eml").read_bytes().replace(b"token-of-order-1@azienda.example", CHOSEN[1:-1].encode())
        )
        box.append(signed(mail.replace(b"anna@pec.example", b"anna@example.net"), "provider"))

    box.put(kind="pec", trust_anchors=ANCHORS)
    await driver.run(LineKind.MAILBOX)

    assert [(event.id, event.pec_event, event.recipient) for event in system.events() if event.pec_event] == [
        ("m1", "pec_acceptance", None),
        ("m1", "pec_delivery", "anna@example.net"),
    ]


async def test_which_of_several_mails_is_meant_is_not_guessed(system: System, driver: Driver, box: Box) -> None:
    await sent(system, driver, {"id": "m1", "message_id": CHOSEN}, {"id": "m2", "message_id": CHOSEN})
    box.append(report_by_message_id(CHOSEN))

    box.put()
    await driver.run(LineKind.MAILBOX)

    assert bounced(system) == []
    assert unmatched(system) == ["several mails have the Message-ID that it names"]


async def test_the_message_id_of_another_tenants_mail_changes_nothing_in_a_tenants_mailbox(
    system: System, driver: Driver, inbox: Inbox, box: Box
) -> None:
    await sent(system, driver, {"id": "m1", "message_id": CHOSEN})
    system.add_tenant("other")
    system.accounts.put("other", ACCOUNT, AccountSettings(host=inbox.host, port=inbox.port, tls=TlsMode.NONE))
    system.submit({"id": "theirs", "message_id": CHOSEN}, tenant_id="other")
    box.append(report_by_message_id(CHOSEN))

    box.put()
    await driver.run(LineKind.MAILBOX)

    assert bounced(system) == [("m1", "anna@example.net")]


async def test_the_instances_mailbox_finds_mails_of_every_tenant_by_it(
    system: System, driver: Driver, box: Box
) -> None:
    await sent(system, driver, {"id": "m1", "message_id": CHOSEN})
    box.owner = INSTANCE_OWNER
    box.append(report_by_message_id(CHOSEN), report_by_message_id("<nobodys@shop.example>"))

    box.put()
    await driver.run(LineKind.MAILBOX)

    assert bounced(system) == [("m1", "anna@example.net")]
    assert unmatched(system, INSTANCE_OWNER) == ["it names no mail of ours"]
