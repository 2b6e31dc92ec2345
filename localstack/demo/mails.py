"""The mails that the demo submits: forty that must arrive, and some that must fail, each in its own way."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from pydantic import JsonValue

ACCOUNT_ID: Final = "main"
UNKNOWN_ACCOUNT_ID: Final = "no-such-account"
ID_HEADER: Final = "X-Demo-ID"
"""Set on every mail at submission, so that the inbox can tell which one arrived without asking the proxy."""

SCHEDULED_AHEAD_SECONDS: Final = 8


class Priority(StrEnum):
    """The four lanes, most urgent first."""

    IMMEDIATE = "immediate"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Fate(StrEnum):
    """What must become of a mail."""

    DELIVERED = "delivered"
    DELIVERED_LATER = "delivered after a deferral"
    REFUSED_BY_RELAY = "refused by the relay"
    REFUSED_AT_SUBMISSION = "refused at submission"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A person with an address."""

    name: str
    address: str

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>"


@dataclass(frozen=True, slots=True)
class File:
    """An attachment."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class DemoMail:
    """A mail as the client means it, and what must become of it."""

    id: str
    kind: str
    priority: Priority
    subject: str
    text: str
    to: tuple[Mailbox, ...]
    sender: Mailbox = Mailbox("Shop", "shop@example.org")
    cc: tuple[Mailbox, ...] = ()
    bcc: tuple[Mailbox, ...] = ()
    html: str | None = None
    file: File | None = None
    account_id: str = ACCOUNT_ID
    send_at: int | None = None
    """Epoch seconds before which it must not be sent."""
    fate: Fate = Fate.DELIVERED

    @property
    def recipients(self) -> frozenset[str]:
        """Every address that the relay must be told."""
        return frozenset(box.address for box in (*self.to, *self.cc, *self.bcc))

    def submission(self) -> dict[str, JsonValue]:
        """Return the mail as the API takes it."""
        entry: dict[str, JsonValue] = {
            "id": self.id,
            "account_id": self.account_id,
            "priority": self.priority.value,
            "from": str(self.sender),
            "to": [str(box) for box in self.to],
            "subject": self.subject,
            "text": self.text,
            "headers": {ID_HEADER: self.id},
        }
        if self.cc:
            entry["cc"] = [str(box) for box in self.cc]
        if self.bcc:
            entry["bcc"] = [str(box) for box in self.bcc]
        if self.html is not None:
            entry["html"] = self.html
        if self.file is not None:
            encoded = base64.b64encode(self.file.content).decode()
            entry["attachments"] = [
                {
                    "filename": self.file.name,
                    "storage_path": f"base64:{encoded}",
                    "mime_type": self.file.media_type,
                }
            ]
        if self.send_at is not None:
            entry["send_at"] = datetime.fromtimestamp(self.send_at, UTC).isoformat()
        return entry


ANNA: Final = Mailbox("Anna Müller", "anna@example.net")
LUKASZ: Final = Mailbox("Łukasz Wójcik", "lukasz@example.net")
YUKI: Final = Mailbox("ゆき", "yuki@example.net")
ARCHIVE: Final = Mailbox("Archive", "archive@example.com")
AUDITOR: Final = Mailbox("Auditor", "auditor@example.com")
INVOICE: Final = File("Rechnung für März.pdf", "application/pdf", b"%PDF-1.7\r\n" + bytes(range(256)) * 64)


def good_mails(now: int) -> list[DemoMail]:
    """Return the forty that must arrive, ten a priority, the most patient priority first.

    `now` is in epoch seconds: one of them is scheduled some seconds after it.
    """
    return [mail for priority in reversed(Priority) for mail in _ten(priority, now)]


def failing_mails() -> list[DemoMail]:
    """Return those that meet a refusal: two at submission, one for good at the relay, one for a while."""
    mail = _plain("", Priority.LOW)
    return [
        replace(
            mail,
            id="unknown-account",
            kind="unknown account",
            account_id=UNKNOWN_ACCOUNT_ID,
            fate=Fate.REFUSED_AT_SUBMISSION,
        ),
        replace(
            mail,
            id="line-break-in-subject",
            kind="CR/LF in the subject",
            subject="Your order\r\nBcc: everybody@example.net",
            fate=Fate.REFUSED_AT_SUBMISSION,
        ),
        replace(
            mail,
            id="refused",
            kind="recipient refused with 550",
            priority=Priority.HIGH,
            to=(Mailbox("Nobody", "refused@example.net"),),
            fate=Fate.REFUSED_BY_RELAY,
        ),
        replace(
            mail,
            id="greylisted",
            kind="greylisted with 451",
            priority=Priority.MEDIUM,
            to=(Mailbox("Cautious", "greylisted@example.net"),),
            fate=Fate.DELIVERED_LATER,
        ),
    ]


def by_priority(mails: Sequence[DemoMail]) -> dict[Priority, list[DemoMail]]:
    """Group mails by priority, the most patient first, their order kept."""
    return {priority: [mail for mail in mails if mail.priority is priority] for priority in reversed(Priority)}


def _ten(priority: Priority, now: int) -> Iterator[DemoMail]:
    kinds = (_plain, _with_html, _not_ascii, _with_copies, _with_file)
    for number in range(10):
        mail = kinds[number % len(kinds)](f"{priority}-{number}", priority)
        if (priority, number) == (Priority.MEDIUM, 5):
            mail = replace(mail, kind="scheduled", send_at=now + SCHEDULED_AHEAD_SECONDS)
        yield mail


def _plain(mail_id: str, priority: Priority) -> DemoMail:
    return DemoMail(
        id=mail_id,
        kind="plain text",
        priority=priority,
        subject="Your order has left the house",
        text="Good morning,\n\nyour order is on its way.\n.\nA line with a dot alone came before this one.\n",
        to=(ANNA,),
    )


def _with_html(mail_id: str, priority: Priority) -> DemoMail:
    return replace(
        _plain(mail_id, priority),
        kind="text and HTML",
        subject="News of the week",
        html="<h1>News</h1><p>Everything is <em>well</em>.</p>",
    )


def _not_ascii(mail_id: str, priority: Priority) -> DemoMail:
    return replace(
        _plain(mail_id, priority),
        kind="non-ASCII subject and names",
        sender=Mailbox("Zoë Ångström", "zoe@example.org"),
        subject="Grüße aus Kraków – ご注文ありがとうございます 🎉 and more, until it has to be folded",
        text="Žluťoučký kůň úpěl ďábelské ódy.\nВсё хорошо.\n",
        to=(LUKASZ, YUKI),
    )


def _with_copies(mail_id: str, priority: Priority) -> DemoMail:
    return replace(
        _plain(mail_id, priority),
        kind="several recipients, cc and bcc",
        subject="Minutes of the meeting",
        to=(ANNA, LUKASZ),
        cc=(YUKI,),
        bcc=(ARCHIVE, AUDITOR),
    )


def _with_file(mail_id: str, priority: Priority) -> DemoMail:
    return replace(_plain(mail_id, priority), kind="base64 attachment", subject="Your invoice", file=INVOICE)
