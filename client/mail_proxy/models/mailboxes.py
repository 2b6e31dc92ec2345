"""Mailboxes, where bounces, complaints and the receipts of certified mail come back to."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from mail_proxy.models.accounts import TlsMode
from mail_proxy.models.base import Answer, Settings

type MailboxKind = Literal["bounces", "pec"]
type Afterwards = Literal["leave", "seen", "move"]


class MailboxSettings(Settings):
    """An IMAP mailbox, and what is done to a mail that was read. A password that is left out stays."""

    kind: MailboxKind
    host: str
    port: int = 993
    tls: TlsMode = "tls"
    username: str
    password: str | None = Field(default=None, repr=False)
    verify_certificate: bool = True
    ca_certificate: str | None = None
    folder: str = "INBOX"
    afterwards: Afterwards = "leave"
    move_to: str | None = None
    poll_seconds: int = 300
    trust_anchors: str | None = None


class MailboxView(Answer):
    """A mailbox, how far it is read, and why the last look came to nothing, if it did."""

    id: str
    kind: MailboxKind
    host: str
    port: int
    tls: TlsMode
    username: str
    verify_certificate: bool
    ca_certificate: str | None
    folder: str
    afterwards: Afterwards
    move_to: str | None
    poll_seconds: int
    trust_anchors: str | None
    polled_at: datetime | None
    failure: str | None
    read: int
    matched: int
    unmatched: int
    created_at: datetime
    updated_at: datetime


class MailboxList(Answer):
    """A page of mailboxes."""

    mailboxes: tuple[MailboxView, ...]
    next_cursor: str | None


class MailboxVerification(Answer):
    """What was seen of a mailbox's server; `failure` says why it cannot be read."""

    ok: bool
    failure: str | None
    messages: int | None
    uid_validity: int | None
    folders: tuple[str, ...]


class UnmatchedView(Answer):
    """A report or a receipt that nothing followed from."""

    read_at: datetime
    what: str
    reason: str
    sender: str | None
    subject: str | None
    addresses: tuple[str, ...]


class UnmatchedList(Answer):
    """A page of reports that nothing followed from."""

    unmatched: tuple[UnmatchedView, ...]
    next_cursor: str | None
