"""Receipts of certified mail in a mailbox on a real IMAP server."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from shared.lines.line import LineKind
from shared.mailboxes.imap import seen_of
from shared.outgoing.guard import Guard
from tests.integration.lane_driver import TENANT, Driver, System
from tests.integration.mailboxes.conftest import Box
from tests.integration.mailboxes.dovecot import PASSWORD
from tests.integration.mailboxes.reports import TOKENS, report
from tests.pec_provider import authority, signed

CORPUS = Path(__file__).parents[2] / "corpus" / "pec"
ANCHORS = authority().certificate.public_bytes(Encoding.PEM).decode()


def receipt(name: str, mail_id: str, recipient: str, how: str) -> bytes:
    """A receipt of the corpus, about a mail of the test."""
    mail = (CORPUS / f"{name}.eml").read_bytes()
    mail = mail.replace(b"token-of-order-1@azienda.example", f"{TOKENS.seal(TENANT, mail_id)}@example.org".encode())
    return signed(mail.replace(b"anna@pec.example", recipient.encode()), how)


@pytest.fixture
async def sent(system: System, driver: Driver) -> str:
    """The id of a mail that the relay has taken."""
    system.submit({"id": "m1"})
    await driver.run(LineKind.MEDIUM, LineKind.REPORTS)
    return "m1"


async def test_receipts_become_the_timeline_of_their_mail(system: System, driver: Driver, box: Box, sent: str) -> None:
    box.append(
        receipt("accettazione", sent, "anna@example.net", "provider"),
        receipt("avvenuta-consegna-completa", sent, "anna@example.net", "provider"),
    )

    box.put(kind="pec", trust_anchors=ANCHORS)
    await driver.run(LineKind.MAILBOX)

    events = [event for event in system.events() if event.pec_event]
    assert [(event.pec_event, event.recipient) for event in events] == [
        ("pec_acceptance", None),
        ("pec_delivery", "anna@example.net"),
    ]
    assert {event.pec_ts for event in events} == {1783324805}  # the provider's time
    assert {each.type for each in box.returns(sent)} == {"pec_acceptance", "pec_delivery"}


@pytest.mark.parametrize("how", ["stranger", "tampered", "nobody"])
async def test_a_receipt_that_nobody_vouches_for_is_recorded_and_not_reported(
    system: System, driver: Driver, box: Box, sent: str, how: str
) -> None:
    box.append(receipt("avvenuta-consegna-completa", sent, "anna@example.net", how))

    box.put(kind="pec", trust_anchors=ANCHORS)
    await driver.run(LineKind.MAILBOX)

    assert [event for event in system.events() if event.pec_event] == []
    (recorded,) = box.returns(sent)
    assert recorded.type == "pec_unverified"
    assert (recorded.detail or "").startswith("avvenuta-consegna: ")


async def test_the_report_of_a_recipient_without_pec_counts_as_a_bounce(
    system: System, driver: Driver, box: Box, sent: str
) -> None:
    envelope = b"\r\n".join(
        [
            b"X-Trasporto: errore",
            b"Subject: ANOMALIA MESSAGGIO",
            b"Content-Type: multipart/mixed; boundary=mix",
            b"",
            b"--mix",
            b"Content-Type: message/rfc822",
            b"",
            report(sent),
            b"--mix--",
        ]
    )
    box.append(envelope)

    box.put(kind="pec")
    await driver.run(LineKind.MAILBOX)

    assert [(event.bounce_type, event.recipient) for event in system.events() if event.bounce_ts] == [
        ("hard", "anna@example.net")
    ]


async def test_whoever_sets_a_mailbox_up_sees_its_folders(system: System, box: Box) -> None:
    box.append(b"Subject: one\r\n\r\n", folder="Bounces")
    mailbox = box.put(folder="Bounces")

    folder, names = seen_of(mailbox, PASSWORD, await Guard(["127.0.0.1"]).resolve("127.0.0.1", 1), seconds=10)

    assert (folder.exists, folder.uid_validity > 0) == (1, True)
    assert any("Bounces" in name for name in names)
