"""What is stored of a mail: its state (small, rewritten with every outcome) and its content (written once)."""

from enum import IntEnum, StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from shared.attachments.sources import FetchMode
from shared.aws.attributes import Item
from shared.aws.dynamodb import ItemKey
from shared.clock import Millis, ttl_seconds
from shared.identifiers import digest
from shared.lines.line import LANES, Line, LineKind, account_line

STATE_SORT_KEY = "STATE"
RECIPIENTS_SORT_KEY = "RECIPIENTS"
RECENT_EVENTS = 4  # kept in the state, which must stay below 1 KB: one write unit
REPLY_LENGTH = 120  # characters of a relay's reply kept there; the event reported carries more


class Priority(IntEnum):
    """Each has its own lane: a higher one is never behind a lower one."""

    IMMEDIATE = 0
    HIGH = 1
    MEDIUM = 2
    LOW = 3

    @property
    def lane(self) -> LineKind:
        return LANES[self]


class Status(StrEnum):
    """Where a mail is on its way. What happens after `sent` is told by events, never by the status."""

    PENDING = "pending"
    SENT = "sent"
    DEFERRED = "deferred"
    ERROR = "error"
    CANCELLED = "cancelled"
    SUSPENDED = "suspended"

    @property
    def is_unsent(self) -> bool:
        """Whether the mail still has work waiting."""
        return self in (Status.PENDING, Status.DEFERRED)


class Address(BaseModel):
    """`address` has its domain in ASCII (IDNA); a non-ASCII local part needs SMTPUTF8 of the relay."""

    model_config = ConfigDict(frozen=True)

    name: str = ""
    address: str


class Attachment(BaseModel):
    """An attachment as stored: `storage_path` says where its bytes are."""

    model_config = ConfigDict(frozen=True)

    filename: str
    storage_path: str
    fetch_mode: FetchMode | None = None
    mime_type: str | None = None
    content_id: str | None = None
    content_md5: str | None = None


class ListUnsubscribe(BaseModel):
    """How a recipient leaves the list (RFC 2369); `one_click` lets mail programs do it by a POST (RFC 8058), and only
    works if the relay's DKIM signature covers both headers."""

    model_config = ConfigDict(frozen=True)

    url: str | None = None
    mailto: str | None = None
    one_click: bool = False


class Content(BaseModel):
    """What the mail says, checked at submission. Names as in the API."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    from_: Address = Field(alias="from")
    to: list[Address] = []
    cc: list[Address] = []
    bcc: list[Address] = []
    reply_to: list[Address] = []
    return_path: Address | None = None
    subject: str = ""
    text: str | None = None
    html: str | None = None
    headers: dict[str, str] = {}
    message_id: str | None = None
    list_unsubscribe: ListUnsubscribe | None = None
    attachments: list[Attachment] = []
    ignore_suppression: bool = False

    @property
    def envelope_sender(self) -> str:
        return (self.return_path or self.from_).address

    @property
    def envelope_recipients(self) -> list[str]:
        """Each address once, in the order of to, cc, bcc."""
        return list(dict.fromkeys(each.address for each in (*self.to, *self.cc, *self.bcc)))


class MailEvent(BaseModel):
    """One thing that happened to a mail, as its record shows it. `possible_duplicate`: the relay may have had it
    before, from a worker that died."""

    model_config = ConfigDict(frozen=True)

    type: str
    at: Millis
    detail: str | None = None
    possible_duplicate: bool | None = None


class Mail(BaseModel):
    """The state of one mail. `slice_key` names the slice that holds its work, within the line of its lane and `part`;
    `waited` is how long it was due between tries without being tried. `reported_at` is written only where the
    acknowledgement of the last report came late; `shared.reports.log` knows the others. `message_id_digest`: of the
    Message-ID that the client chose, where it did."""

    model_config = ConfigDict(frozen=True)

    tenant_id: str
    id: str
    account_id: str
    priority: Priority
    part: int = 0
    status: Status
    generation: int
    slice_key: str
    payload_key: str
    digest: str
    message_id_digest: str | None = None
    created_at: Millis
    due_at: Millis
    send_at: Millis | None = None
    batch_code: str | None = None
    attempts: int = 0
    first_attempt_at: Millis | None = None
    waited: Millis = 0
    finished_at: Millis | None = None
    expires_at: Millis | None = None
    reported_at: Millis | None = None
    events: list[MailEvent] = []

    @property
    def partition(self) -> str:
        return mail_partition(self.tenant_id, self.id)

    @property
    def key(self) -> ItemKey:
        return ItemKey(self.partition, STATE_SORT_KEY)

    @property
    def payload_item_key(self) -> ItemKey:
        return ItemKey(self.partition, self.payload_key)

    @property
    def named_key(self) -> ItemKey | None:
        """Where the mail is found by the Message-ID that its client chose; None if the proxy makes it."""
        if self.message_id_digest is None:
            return None
        return ItemKey(message_id_partition(self.message_id_digest), named_sort_key(self.tenant_id, self.id))

    @property
    def line(self) -> Line:
        return account_line(self.priority.lane, self.tenant_id, self.account_id, self.part)

    @property
    def public_key(self) -> str:
        """The `pk` of the API: an opaque name of (tenant, id), unique over the instance."""
        return digest(self.tenant_id, self.id)

    def with_event(self, event: MailEvent, **changes: object) -> Self:
        """The mail after `event`, with the fields that it changes."""
        if event.detail is not None and len(event.detail) > REPLY_LENGTH:
            event = event.model_copy(update={"detail": event.detail[:REPLY_LENGTH]})
        return self.model_copy(update={**changes, "events": [*self.events, event][-RECENT_EVENTS:]})

    def to_item(self) -> Item:
        item: Item = {
            "pk": self.partition,
            "sk": STATE_SORT_KEY,
            "by_tenant_pk": self.tenant_id,
            "by_tenant_sk": created_key(self.created_at, self.id),
        }
        if self.batch_code is not None:
            item["by_batch_pk"] = batch_partition(self.tenant_id, self.batch_code)
            item["by_batch_sk"] = created_key(self.created_at, self.id)
        if self.expires_at is not None:
            item["ttl"] = ttl_seconds(self.expires_at)
        return item | self.model_dump(mode="json", exclude_none=True)

    @classmethod
    def from_item(cls, item: Item) -> Self:
        return cls.model_validate(item)


def mail_partition(tenant_id: str, mail_id: str) -> str:
    """Everything of one mail."""
    return f"MAIL#{tenant_id}#{mail_id}"


def mail_key(tenant_id: str, mail_id: str) -> ItemKey:
    """The key of a mail's state."""
    return ItemKey(mail_partition(tenant_id, mail_id), STATE_SORT_KEY)


def message_id_partition(message_id_digest: str) -> str:
    """The mails that were given one Message-ID, of whatever tenant."""
    return f"MSGID#{message_id_digest}"


def named_sort_key(tenant_id: str, mail_id: str) -> str:
    """Each mail has an item of its own there, so that none can take another's place; no id can contain `#`."""
    return f"MSGID#{tenant_id}#{mail_id}"


def batch_partition(tenant_id: str, batch_code: str) -> str:
    """Where the index `by_batch` lists a batch; neither id can contain `#`."""
    return f"{tenant_id}#{batch_code}"


def created_key(created_at: Millis, mail_id: str) -> str:
    """Orders a tenant's mails by time of submission."""
    return f"{created_at:013d}#{mail_id}"
