"""How mailboxes are shown, and what a deployment without them answers."""

from fastapi import Request
from pydantic import BaseModel, Field

from functions.api.schema import NextCursor, Timestamp
from functions.api.services import Services, services_of
from shared.accounts.model import TlsMode
from shared.clock import iso8601
from shared.errors import InvalidInput, NotFound
from shared.mailboxes.kinds import MailboxKind
from shared.mailboxes.model import Afterwards, Mailbox, MailboxSettings
from shared.mailboxes.state import MailboxState
from shared.mailboxes.unmatched import Unmatched

FOR_BOUNCES = {
    "summary": "Bounces and complaints",
    "value": {
        "kind": "bounces",
        "host": "imap.example.com",
        "username": "bounces@acme.example",
        "password": "a-secret-of-the-mailbox",
        "afterwards": "seen",
    },
}
FOR_PEC = {
    "summary": "Receipts of certified mail",
    "value": {
        "kind": "pec",
        "host": "imaps.pec.example",
        "username": "acme@pec.example",
        "password": "a-secret-of-the-mailbox",
    },
}


class MailboxView(BaseModel):
    """A mailbox with how far it is read; its password is never shown."""

    id: str = Field(examples=["returns"])
    kind: MailboxKind
    host: str = Field(examples=["imap.example.com"])
    port: int = Field(examples=[993])
    tls: TlsMode
    username: str = Field(examples=["bounces@acme.example"])
    verify_certificate: bool = Field(examples=[True])
    ca_certificate: str | None = Field(examples=[None])
    folder: str = Field(examples=["INBOX"])
    afterwards: Afterwards
    move_to: str | None = Field(examples=[None])
    poll_seconds: int = Field(examples=[300])
    trust_anchors: str | None = Field(examples=[None])
    polled_at: Timestamp | None = Field(description="When it was last looked at.")
    failure: str | None = Field(description="Why the last look came to nothing.", examples=[None])
    read: int = Field(description="Mails read since the mailbox exists.", examples=[120])
    matched: int = Field(description="Those that told something of a message.", examples=[117])
    unmatched: int = Field(description="Reports and receipts that name no message.", examples=[3])
    created_at: Timestamp
    updated_at: Timestamp

    @classmethod
    def of(cls, mailbox: Mailbox, state: MailboxState) -> "MailboxView":
        """The mailbox as shown."""
        return cls(
            id=mailbox.id,
            kind=mailbox.kind,
            host=mailbox.host,
            port=mailbox.port,
            tls=mailbox.tls,
            username=mailbox.username,
            verify_certificate=mailbox.verify_certificate,
            ca_certificate=mailbox.ca_certificate,
            folder=mailbox.folder,
            afterwards=mailbox.afterwards,
            move_to=mailbox.move_to,
            poll_seconds=mailbox.poll_seconds,
            trust_anchors=mailbox.trust_anchors,
            polled_at=iso8601(state.polled_at) if state.polled_at is not None else None,
            failure=state.failure,
            read=state.read,
            matched=state.matched,
            unmatched=state.unmatched,
            created_at=iso8601(mailbox.created_at),
            updated_at=iso8601(mailbox.updated_at),
        )


class MailboxList(BaseModel):
    """One page of a tenant's mailboxes, in order of id."""

    mailboxes: list[MailboxView]
    next_cursor: NextCursor


class MailboxVerification(BaseModel):
    """What was seen of the server. `ok` is false when the mailbox could not be read now; `failure` then says why."""

    ok: bool = Field(examples=[True])
    failure: str | None = Field(examples=["login: [AUTHENTICATIONFAILED] Authentication failed."])
    messages: int | None = Field(description="In the folder.", examples=[12])
    uid_validity: int | None = Field(examples=[1700000000])
    folders: list[str] = Field(description="As the server lists them.", examples=[['(\\HasNoChildren) "." INBOX']])


class UnmatchedView(BaseModel):
    """A report or a receipt that nothing followed from."""

    read_at: Timestamp
    what: str = Field(
        description="Of a report `delivery` or `complaint`, else the kind of receipt.", examples=["delivery"]
    )
    reason: str = Field(examples=["it names no mail of ours"])
    sender: str | None = Field(examples=["MAILER-DAEMON@relay.example"])
    subject: str | None = Field(examples=["Undelivered Mail"])
    addresses: list[str] = Field(description="That it is about.", examples=[["anna@example.com"]])

    @classmethod
    def of(cls, found: Unmatched) -> "UnmatchedView":
        """As shown."""
        return cls(
            read_at=iso8601(found.read_at),
            what=found.what,
            reason=found.reason,
            sender=found.sender,
            subject=found.subject,
            addresses=found.addresses,
        )


class UnmatchedList(BaseModel):
    """One page, the latest first."""

    unmatched: list[UnmatchedView]
    next_cursor: NextCursor


async def require_mailboxes(request: Request) -> None:
    """Raises NotFound where the deployment reads no mailboxes."""
    services = await services_of(request)
    if not services.mailbox_kinds:
        raise NotFound("this deployment reads no mailboxes: both `bounces` and `pec` are off")


def put_mailbox(services: Services, owner: str, mailbox_id: str, settings: MailboxSettings) -> tuple[MailboxView, bool]:
    """Stores it and has it looked at, at once. The mailbox as shown, and whether it is new."""
    if settings.kind not in services.mailbox_kinds:
        raise InvalidInput(
            f"this deployment reads no mailboxes of kind {settings.kind}", code="capability_off", pointer="/kind"
        )
    mailbox, is_new = services.mailboxes.put(owner, mailbox_id, settings)
    services.lines.announce(mailbox.line, services.clock())
    look(services, mailbox)
    return MailboxView.of(mailbox, services.mailbox_states.get(mailbox.line)), is_new


def look(services: Services, mailbox: Mailbox) -> None:
    """Has the mailbox read now, whatever it waits for."""
    services.lines.unblock([mailbox.line])
