"""How the API shows messages."""

from email.utils import formataddr
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from functions.api.cursors import MAX_LENGTH as MAX_CURSOR_LENGTH
from functions.api.problems import RejectedEntry
from functions.api.schema import DocumentedAs, NextCursor, PriorityName, Timestamp
from shared.clock import Millis, iso8601
from shared.identifiers import MailId
from shared.json_values import WholeNumber
from shared.messages.intake import IntakeResult
from shared.messages.model import Address, Content, Mail, MailEvent, Status
from shared.messages.priorities import PriorityField
from shared.messages.removal import Removed
from shared.messages.returns import Return
from shared.messages.submission import Submission
from shared.messages.table import RecipientResult

MAX_MESSAGES = 1_000


class SubmissionCall(BaseModel):
    """Messages to be sent. Each stands for itself: bad ones are answered in `rejected` and sink no good ones."""

    model_config = ConfigDict(extra="forbid")

    messages: Annotated[
        list[Annotated[object, DocumentedAs(Submission)]],
        # Never shown again as they are sent, nor kept in the audit log.
        Field(min_length=1, max_length=MAX_MESSAGES, json_schema_extra={"writeOnly": True}),
    ]
    default_priority: Annotated[
        PriorityField | None, Field(description="For messages that name none; else the instance's.")
    ] = None


class AcceptedEntry(BaseModel):
    """A message that is stored and queued. For a repeated submission, `status` is what has become of it since."""

    id: str = Field(examples=["MSG-001"])
    pk: str = Field(description="Names the message across tenants.", examples=["9f86d081884c7d659a2feaa0c55ad015"])
    status: Status


class SubmissionAnswer(BaseModel):
    """What was accepted and what was not."""

    accepted: list[AcceptedEntry]
    rejected: list[RejectedEntry]

    @classmethod
    def of(cls, result: IntakeResult) -> "SubmissionAnswer":
        """The answer of one call."""
        return cls(
            accepted=[AcceptedEntry(id=each.id, pk=each.pk, status=each.status) for each in result.accepted],
            rejected=[RejectedEntry.of(each) for each in result.rejected],
        )


class MessageSummary(BaseModel):
    """The state of a message."""

    id: str = Field(examples=["MSG-001"])
    pk: str = Field(examples=["9f86d081884c7d659a2feaa0c55ad015"])
    account_id: str = Field(examples=["main"])
    status: Status
    priority: PriorityName
    batch_code: str | None
    attempts: int = Field(description="Tries at this very message; waits for the relay do not count.", examples=[1])
    created_at: Timestamp
    due_at: Timestamp = Field(description="Not to be sent before.")
    first_attempt_at: Timestamp | None
    finished_at: Timestamp | None

    @classmethod
    def of(cls, mail: Mail) -> "MessageSummary":
        """The state as shown."""
        return cls(
            id=mail.id,
            pk=mail.public_key,
            account_id=mail.account_id,
            status=mail.status,
            priority=_name(mail),
            batch_code=mail.batch_code,
            attempts=mail.attempts,
            created_at=iso8601(mail.created_at),
            due_at=iso8601(mail.due_at),
            first_attempt_at=_optional(mail.first_attempt_at),
            finished_at=_optional(mail.finished_at),
        )


class DeletionCall(BaseModel):
    """Messages whose records are to go."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ids: Annotated[list[MailId], Field(min_length=1, max_length=MAX_MESSAGES)]


class DeletionAnswer(BaseModel):
    """What became of each id. `in_flight`: a worker holds the message just now, so ask again in a moment."""

    removed: list[str] = Field(examples=[["MSG-001"]])
    not_found: list[str] = Field(examples=[["MSG-002"]])
    in_flight: list[str] = Field(examples=[[]])

    @classmethod
    def of(cls, removed: Removed) -> "DeletionAnswer":
        """The answer of one call."""
        return cls(removed=removed.removed, not_found=removed.not_found, in_flight=removed.in_flight)


class CleanupCall(BaseModel):
    """Which records are to go."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    older_than_seconds: Annotated[
        int,
        Field(ge=0, le=30 * 86_400, description="Since the last report of the message was acknowledged."),
        WholeNumber,
    ]
    cursor: Annotated[
        str | None,
        Field(max_length=MAX_CURSOR_LENGTH, description="`next_cursor` of the call before, to go on after it."),
    ] = None


class CleanupAnswer(BaseModel):
    """How far the call came."""

    removed: int = Field(examples=[1200])
    next_cursor: str | None = Field(
        description="Not null: there may be more. Call again with it as `cursor`, until it is null.", examples=[None]
    )


class MessageList(BaseModel):
    """One page of a tenant's messages, latest first."""

    messages: list[MessageSummary]
    next_cursor: NextCursor


class EventView(BaseModel):
    """Something that happened to a message; the last four are kept with it."""

    type: str = Field(examples=["accepted", "deferred", "sent"])
    at: Timestamp
    detail: str | None
    possible_duplicate: bool = Field(
        default=False, description="The relay may have had the message before, from a worker that died."
    )

    @classmethod
    def of(cls, event: MailEvent) -> "EventView":
        """As shown."""
        doubted = event.possible_duplicate is True
        return cls(type=event.type, at=iso8601(event.at), detail=event.detail, possible_duplicate=doubted)


class ReturnedView(BaseModel):
    """A bounce, a delay, a complaint or a receipt that came back. `at` is the provider's own time of a receipt."""

    event_id: str = Field(examples=["8d21c0f3a5b64e0f9a6c1d2e3f405162"])
    type: str = Field(examples=["bounced", "complained", "pec_delivery", "pec_unverified"])
    at: Timestamp
    recipient: str | None = Field(examples=["anna@example.com"])
    detail: str | None = Field(examples=["550 5.1.1 user unknown"])

    @classmethod
    def of(cls, returned: Return) -> "ReturnedView":
        """As shown."""
        return cls(
            event_id=returned.event_id,
            type=returned.type,
            at=iso8601(returned.at),
            recipient=returned.recipient,
            detail=returned.detail,
        )


class RecipientView(BaseModel):
    """One recipient, with the relay's last reply about it."""

    address: str = Field(examples=["anna@example.com"])
    status: Literal["pending", "sent", "deferred", "error", "cancelled", "suspended"]
    code: int | None = Field(default=None, examples=[250])
    enhanced: str | None = Field(default=None, description="RFC 3463", examples=["2.0.0"])
    reply: str | None = None


class AttachmentView(BaseModel):
    """An attachment, without its bytes."""

    filename: str
    mime_type: str | None


class ContentView(BaseModel):
    """What the message says, without the bodies."""

    model_config = ConfigDict(validate_by_name=True)

    from_: str = Field(alias="from", examples=["Anna Example <anna@example.com>"])
    to: list[str]
    cc: list[str]
    bcc: list[str]
    reply_to: list[str]
    return_path: str | None
    subject: str
    message_id: str | None
    headers: dict[str, str]
    has_text: bool
    has_html: bool
    attachments: list[AttachmentView]

    @classmethod
    def of(cls, content: Content) -> "ContentView":
        """The content as shown."""
        return cls(
            from_=_address(content.from_),
            to=[_address(each) for each in content.to],
            cc=[_address(each) for each in content.cc],
            bcc=[_address(each) for each in content.bcc],
            reply_to=[_address(each) for each in content.reply_to],
            return_path=content.return_path.address if content.return_path else None,
            subject=content.subject,
            message_id=content.message_id,
            headers=content.headers,
            has_text=content.text is not None,
            has_html=content.html is not None,
            attachments=[
                AttachmentView(filename=each.filename, mime_type=each.mime_type) for each in content.attachments
            ],
        )


class MessageView(MessageSummary):
    """A message with its events, its recipients and what it says."""

    events: list[EventView]
    returned: list[ReturnedView] = Field(
        description="What mailboxes told of it, by time: of certified mail, its receipts."
    )
    recipients: list[RecipientView]
    content: ContentView | None = Field(description="Null once the content is no longer kept.")
    reported_at: Timestamp | None = Field(
        description="When its last report was acknowledged; null until then, and where that is not known."
    )

    @classmethod
    def with_content(
        cls,
        mail: Mail,
        content: Content | None,
        results: list[RecipientResult],
        reported_at: Millis | None,
        returned: list[Return],
    ) -> "MessageView":
        """The message as shown. Recipients without a result of their own share the message's status."""
        return cls(
            **MessageSummary.of(mail).model_dump(),
            events=[EventView.of(each) for each in mail.events],
            returned=[ReturnedView.of(each) for each in returned],
            recipients=_recipients(mail, content, results),
            content=ContentView.of(content) if content else None,
            reported_at=_optional(reported_at),
        )


def _recipients(mail: Mail, content: Content | None, results: list[RecipientResult]) -> list[RecipientView]:
    decided = {each.address: RecipientView.model_validate(each.model_dump()) for each in results}
    addresses = content.envelope_recipients if content else list(decided)
    return [decided.get(address, RecipientView(address=address, status=mail.status.value)) for address in addresses]


def _name(mail: Mail) -> PriorityName:
    names: tuple[PriorityName, ...] = ("immediate", "high", "medium", "low")
    return names[mail.priority]


def _address(address: Address) -> str:
    """Readable, as clients write it: names stay in Unicode."""
    if address.name.isascii():
        return formataddr((address.name, address.address))
    quoted = address.name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{address.address}>'


def _optional(instant: Millis | None) -> str | None:
    return None if instant is None else iso8601(instant)
