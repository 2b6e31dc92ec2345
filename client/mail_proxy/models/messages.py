"""Messages: as they are submitted, and what becomes of them."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from mail_proxy.models.base import Answer, LaneName, PriorityInput, Settings, Status

type FetchMode = Literal["base64", "http_url", "filesystem", "endpoint", "s3", "storage", "upload"]


class SubmittedAttachment(Settings):
    """A file of a message. `storage_path` says where its bytes are: `base64:…`, `https://…`, `upload:…`, `s3://…`."""

    filename: str
    storage_path: str
    fetch_mode: FetchMode | None = None
    mime_type: str | None = None
    content_id: str | None = None
    content_md5: str | None = None


class SubmittedListUnsubscribe(Settings):
    """How a recipient leaves a list (RFC 2369; `one_click`: RFC 8058, which needs an https `url`)."""

    url: str | None = None
    mailto: str | None = None
    one_click: bool = False


class Submission(Settings):
    """A message to submit. `id` is yours, unique within the tenant: submitting it again changes nothing.

    Addresses have names or not (`Anna <anna@example.com>`); several are a list, or text with commas. `send_at` is a
    time with a time zone or seconds since the epoch, at most 30 days ahead.
    """

    id: str
    from_: str = Field(alias="from")
    to: str | list[str] | None = None
    cc: str | list[str] | None = None
    bcc: str | list[str] | None = None
    reply_to: str | list[str] | None = None
    return_path: str | None = None
    subject: str = ""
    text: str | None = None
    html: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    message_id: str | None = None
    account_id: str | None = None
    priority: PriorityInput | None = None
    send_at: datetime | float | None = None
    batch_code: str | None = None
    list_unsubscribe: SubmittedListUnsubscribe | None = None
    ignore_suppression: bool = False
    attachments: list[SubmittedAttachment] = Field(default_factory=list)


class SubmissionCall(Settings):
    """The body of a submission."""

    messages: list[Submission]
    default_priority: PriorityInput | None = None


class AcceptedEntry(Answer):
    """A message that is stored and queued. `pk` names it across tenants."""

    id: str
    pk: str
    status: Status


class RejectedEntry(Answer):
    """A message that was refused: the `index`-th of the call, and why."""

    index: int
    id: str | None
    code: str
    detail: str


class SubmissionAnswer(Answer):
    """What became of each message of a submission."""

    accepted: tuple[AcceptedEntry, ...]
    rejected: tuple[RejectedEntry, ...]


class MessageSummary(Answer):
    """A message in a list."""

    id: str
    pk: str
    account_id: str
    status: Status
    priority: LaneName
    batch_code: str | None
    attempts: int
    created_at: datetime
    due_at: datetime
    first_attempt_at: datetime | None
    finished_at: datetime | None


class EventView(Answer):
    """Something that happened to a message."""

    type: str
    at: datetime
    detail: str | None
    possible_duplicate: bool = False


class ReturnedView(Answer):
    """A bounce, a delay, a complaint or a receipt that came back."""

    event_id: str
    type: str
    at: datetime
    recipient: str | None
    detail: str | None


class RecipientView(Answer):
    """What became of one recipient: the relay's last reply about it."""

    address: str
    status: Status
    code: int | None = None
    enhanced: str | None = None
    reply: str | None = None


class AttachmentView(Answer):
    """The name of a message's file."""

    filename: str
    mime_type: str | None


class ContentView(Answer):
    """What a message says, without its bodies."""

    from_: str = Field(alias="from")
    to: tuple[str, ...]
    cc: tuple[str, ...]
    bcc: tuple[str, ...]
    reply_to: tuple[str, ...]
    return_path: str | None
    subject: str
    message_id: str | None
    headers: dict[str, str]
    has_text: bool
    has_html: bool
    attachments: tuple[AttachmentView, ...]


class MessageView(MessageSummary):
    """A message with its last events, its recipients, and its content as long as that is kept."""

    events: tuple[EventView, ...]
    returned: tuple[ReturnedView, ...]
    recipients: tuple[RecipientView, ...]
    content: ContentView | None
    reported_at: datetime | None


class MessageList(Answer):
    """A page of messages."""

    messages: tuple[MessageSummary, ...]
    next_cursor: str | None


class DeletionCall(Settings):
    """Which records to delete, up to 1,000."""

    ids: list[str]


class DeletionAnswer(Answer):
    """What became of each record that was to be deleted."""

    removed: tuple[str, ...]
    not_found: tuple[str, ...]
    in_flight: tuple[str, ...]


class CleanupCall(Settings):
    """How long ago a message's last report must have been acknowledged for it to be removed."""

    older_than_seconds: int
    cursor: str | None = None


class CleanupAnswer(Answer):
    """How many records one call removed, and where the next goes on."""

    removed: int
    next_cursor: str | None


class SuspensionCall(Settings):
    """The batch to hold back or let go; everything without one."""

    batch_code: str | None = None


class SuspensionAnswer(Answer):
    """What is suspended now, and how much waits."""

    tenant_id: str
    suspended: bool
    suspended_batches: tuple[str, ...]
    pending: int
    pending_is_complete: bool
    notice: str


class UploadCall(Settings):
    """What a file will be."""

    content_type: str = "application/octet-stream"
    size: int | None = None


class UploadView(Answer):
    """Where to send a file, and the `storage_path` by which messages name it. Who has the form can upload."""

    id: str
    storage_path: str
    url: str
    fields: dict[str, str] = Field(repr=False)
    max_bytes: int
    expires_at: datetime
    kept_until: datetime


class SuppressionSettings(Settings):
    """Why an address gets no mail."""

    reason: str = "suppressed by the tenant"


class SuppressionView(Answer):
    """An address that gets no mail, who said so, and since when."""

    address: str
    reason: str
    source: Literal["tenant", "refusal", "bounce", "complaint"]
    message_id: str | None
    event_id: str | None
    since: datetime


class SuppressionList(Answer):
    """A page of suppressed addresses."""

    suppressions: tuple[SuppressionView, ...]
    next_cursor: str | None
