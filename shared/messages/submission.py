"""What a client may submit, and the rules it must keep. `intake` checks time and stored state later."""

import re
from typing import Annotated, Self
from urllib.parse import unquote

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic import StringConstraints as Text
from pydantic_core import PydanticCustomError

from shared.attachments.content import refuse_other_content
from shared.attachments.marker import read_marker
from shared.attachments.sources import AVAILABLE_MODES, FetchMode, decode_base64, infer_mode, refuse_unreadable
from shared.errors import InvalidInput
from shared.identifiers import AccountId, BatchCode, MailId
from shared.json_values import OptionalMomentOrEpoch
from shared.messages.addresses import (
    MAX_ADDRESSES,
    parse_address,
    parse_addresses,
    refuse_line_breaks,
)
from shared.messages.model import Address, Attachment, Content, ListUnsubscribe
from shared.messages.priorities import PriorityField

MAX_RECIPIENTS = MAX_ADDRESSES  # in to, cc and bcc together
MAX_HEADERS = 50
MAX_HEADER_NAME = 76
MAX_HEADER_VALUE = 2_000
MAX_SUBJECT = 1_000
MAX_ATTACHMENTS = 50
MAX_FILENAME = 255
MAX_MESSAGE_ID = 250
_MAX_DETAIL = 500  # characters of what a client is told about one entry; it may quote the entry

# Set by the proxy or by fields of their own; a second one would contradict them.
RESERVED_HEADERS = frozenset(
    [
        "bcc",
        "cc",
        "content-disposition",
        "content-id",
        "content-transfer-encoding",
        "content-type",
        "date",
        "dkim-signature",
        "from",
        "message-id",
        "mime-version",
        "received",
        "reply-to",
        "return-path",
        "sender",
        "subject",
        "to",
        "x-mail-proxy-id",
    ]
)

_HEADER_NAME = re.compile(r"[!-9;-~]+")  # RFC 5322 §2.2: printable US-ASCII without colon
_MESSAGE_ID = re.compile(r"<[!-;=?A-~]+@[!-;=?A-~]+>")  # RFC 5322 §3.6.4, in the part that relays agree on
_MIME_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}")  # RFC 6838 §4.2
_MD5 = re.compile(r"[0-9A-Fa-f]{32}")
_CONTENT_ID = re.compile(r"[!-;=?-~]{1,200}")


def _headers(headers: dict[str, str]) -> dict[str, str]:
    if len(headers) > MAX_HEADERS:
        raise PydanticCustomError(
            "too_many_headers", "{count} headers, at most {max}", {"count": len(headers), "max": MAX_HEADERS}
        )
    for name, value in headers.items():
        if len(name) > MAX_HEADER_NAME or not _HEADER_NAME.fullmatch(name):
            raise PydanticCustomError(
                "invalid_header", "{name} is no header name (RFC 5322)", {"name": repr(name)[:100]}
            )
        if name.lower() in RESERVED_HEADERS or name.lower().startswith("resent-"):
            raise PydanticCustomError("reserved_header", "{name} is set by the proxy", {"name": name})
        if len(value) > MAX_HEADER_VALUE:
            raise PydanticCustomError(
                "too_long", "{name}: at most {max} characters", {"name": name, "max": MAX_HEADER_VALUE}
            )
        refuse_line_breaks(value)
    return headers


def _matching(pattern: re.Pattern[str], code: str, expected: str) -> BeforeValidator:
    def check(value: object) -> object:
        if value is not None and not (isinstance(value, str) and pattern.fullmatch(value)):
            raise PydanticCustomError(code, "expected {expected}", {"expected": expected})
        return value

    return BeforeValidator(check)


def _one_line(value: object) -> object:
    return refuse_line_breaks(value) if isinstance(value, str) else value


def _optional_address(value: object) -> Address | None:
    return None if value is None else parse_address(value)


# The types of fields that clients write otherwise than they are kept; the schema shows what clients write.
_ADDRESS_SCHEMA = {"type": "string", "format": "mailbox", "examples": ["Anna Example <anna@example.com>"]}
_ADDRESSES_SCHEMA = {
    "anyOf": [
        {"type": "string", "format": "mailboxes", "description": "comma-separated"},
        {"type": "array", "items": {"type": "string", "format": "mailbox"}, "maxItems": MAX_ADDRESSES},
        {"type": "null"},
    ],
    "examples": [["Anna Example <anna@example.com>", "bob@example.com"]],
}
OneLine = BeforeValidator(_one_line)
OneAddress = Annotated[Address, BeforeValidator(parse_address), WithJsonSchema(_ADDRESS_SCHEMA)]
OptionalAddress = Annotated[
    Address | None,
    BeforeValidator(_optional_address),
    WithJsonSchema({"anyOf": [_ADDRESS_SCHEMA, {"type": "null"}]}),
]
Addresses = Annotated[list[Address], BeforeValidator(parse_addresses), WithJsonSchema(_ADDRESSES_SCHEMA)]


class SubmittedAttachment(Attachment):
    """`storage_path` says where the bytes are; `fetch_mode` overrides what is inferred from it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    filename: Annotated[
        str,
        OneLine,
        Text(min_length=1, max_length=MAX_FILENAME),
        Field(description="May hold `{MD5:…}` in place of `content_md5`; readers see the name without it."),
    ]
    storage_path: Annotated[str, Text(min_length=1)]
    mime_type: Annotated[str | None, _matching(_MIME_TYPE, "invalid_mime_type", "type/subtype")] = None
    content_id: Annotated[str | None, _matching(_CONTENT_ID, "invalid_content_id", "an id without <>")] = None
    content_md5: Annotated[
        str | None,
        _matching(_MD5, "invalid_md5", "32 hexadecimal digits"),
        Field(description="Of the bytes: others are not sent."),
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _without_marker(cls, fields: object) -> object:
        """The digest in the name becomes `content_md5`."""
        filename = fields.get("filename") if isinstance(fields, dict) else None
        if not isinstance(fields, dict) or not isinstance(filename, str) or len(filename) > MAX_FILENAME:
            return fields  # refused by what follows
        try:
            marked = read_marker(filename)
        except InvalidInput as error:
            raise PydanticCustomError(error.code, "filename: {reason}", {"reason": error.detail}) from error
        if marked.md5 is None:
            return fields
        given = fields.get("content_md5")
        if isinstance(given, str) and given.lower() != marked.md5.lower():
            raise PydanticCustomError(
                "md5_conflict",
                "filename says {{MD5:{marked}}}, content_md5 {given}: leave one out",
                {"marked": marked.md5, "given": given[:MAX_FILENAME]},
            )
        return fields | {"filename": marked.name, "content_md5": marked.md5 if given is None else given}

    @model_validator(mode="after")
    def _bytes_can_be_had(self) -> Self:
        mode = infer_mode(self.storage_path, self.fetch_mode)
        if mode not in AVAILABLE_MODES:
            raise PydanticCustomError(
                "unsupported_fetch_mode",
                "attachments are taken as {known}; this one asks for {mode}",
                {"mode": mode.value, "known": ", ".join(sorted(AVAILABLE_MODES))},
            )
        try:
            refuse_unreadable(mode, self.storage_path)
            if mode is FetchMode.BASE64:
                refuse_other_content(self, decode_base64(self.storage_path))
        except InvalidInput as error:
            raise PydanticCustomError(error.code, "{reason}", {"reason": error.detail}) from error
        return self


_LIST_HEADERS = {"list-unsubscribe", "list-unsubscribe-post"}
_URI = re.compile(r"[!#-;=?-Z\[\]_a-z~%]{1,450}")  # RFC 3986, none of the delimiters of the header


class SubmittedListUnsubscribe(ListUnsubscribe):
    """`mailto` is an address, with `?subject=…` if wanted; `one_click` needs an https `url` naming the recipient."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Annotated[str | None, _matching(_URI, "invalid_url", "an http(s) URL")] = None
    mailto: Annotated[str | None, _matching(_URI, "invalid_mailto", "an address, without mailto:")] = None

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Self:
        if self.url is None and self.mailto is None:
            raise PydanticCustomError("missing_field", "url or mailto is needed")
        if self.url is not None and not self.url.startswith(("https://", "http://")):
            raise PydanticCustomError("invalid_url", "url must begin with https:// or http://")
        if self.one_click and not (self.url or "").startswith("https://"):
            raise PydanticCustomError("invalid_one_click", "one_click needs an https url (RFC 8058)")
        if self.mailto is not None:
            parse_address(unquote(self.mailto.partition("?")[0]))
        return self


class Submission(Content):
    """One message of a submission.

    At least one recipient in `to`, `cc` and `bcc`, at most 500; `text`, `html` or both.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=False, title="Message")

    id: Annotated[MailId, Field(description="The client's own, unique within the tenant: submitting it again repeats.")]
    account_id: Annotated[
        AccountId | None, Field(description="The relay to send through; else the tenant's `default_account`.")
    ] = None
    priority: Annotated[
        PriorityField | None, Field(description="Else the call's `default_priority`, else the instance's.")
    ] = None
    send_at: Annotated[
        OptionalMomentOrEpoch,
        Field(description="Not before this time, at most 30 days ahead. A time in the past means now."),
    ] = None
    batch_code: Annotated[BatchCode | None, Field(description="Marks mails that belong together, for listing.")] = None

    from_: OneAddress = Field(alias="from")
    to: Addresses = Field(default_factory=list)
    cc: Addresses = Field(default_factory=list)
    bcc: Addresses = Field(default_factory=list, description="Gets the mail; stands in no header.")
    reply_to: Addresses = Field(default_factory=list)
    return_path: Annotated[
        OptionalAddress, Field(description="The envelope sender, where bounces go; else `from`.")
    ] = None
    subject: Annotated[str, OneLine, Text(max_length=MAX_SUBJECT)] = ""
    text: Annotated[str | None, Field(description="With `html` as well: multipart/alternative.")] = None
    html: str | None = None
    headers: Annotated[dict[str, str], AfterValidator(_headers)] = Field(
        default_factory=dict,
        description="Further headers, one line each; none of those that fields or the proxy itself set.",
    )
    message_id: Annotated[
        Annotated[str, Text(max_length=MAX_MESSAGE_ID)] | None,
        _matching(_MESSAGE_ID, "invalid_message_id", "<left@right>"),
        Field(description="The Message-ID, in angle brackets; else the proxy makes one."),
    ] = None
    ignore_suppression: StrictBool = Field(default=False, description="True sends it to suppressed addresses as well.")
    list_unsubscribe: Annotated[
        SubmittedListUnsubscribe | None,
        Field(
            description="Writes List-Unsubscribe (RFC 2369) and, with `one_click`, List-Unsubscribe-Post (RFC 8058)."
        ),
    ] = None
    attachments: list[SubmittedAttachment] = Field(  # type: ignore[assignment]  # what is submitted is a narrower kind
        default_factory=list, max_length=MAX_ATTACHMENTS
    )

    @model_validator(mode="after")
    def _is_a_mail(self) -> Self:
        count = len(self.to) + len(self.cc) + len(self.bcc)
        if count == 0:
            raise PydanticCustomError("no_recipient", "at least one address in to, cc or bcc")
        if count > MAX_RECIPIENTS:
            raise PydanticCustomError(
                "too_many_recipients",
                "{count} recipients, at most {max}",
                {"count": count, "max": MAX_RECIPIENTS},
            )
        if self.list_unsubscribe is not None and _LIST_HEADERS & {name.lower() for name in self.headers}:
            raise PydanticCustomError(
                "reserved_header", "list_unsubscribe and a List-Unsubscribe header exclude each other"
            )
        if self.text is None and self.html is None:
            raise PydanticCustomError("no_body", "text or html is needed")
        return self

    def content_json(self) -> bytes:
        """The part that becomes the mail, as it is stored."""
        return self.model_dump_json(by_alias=True, exclude_defaults=True, exclude=_HANDLING).encode()


# How to treat the message, as against what it says.
_HANDLING = {"id", "account_id", "priority", "send_at", "batch_code"}


def parse_submission(entry: object) -> Submission:
    """Raises InvalidInput for the first rule broken, with the pointer of its field."""
    try:
        return Submission.model_validate(entry)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        pointer = "".join(f"/{part}" for part in first["loc"])
        code = ERROR_CODES.get(first["type"], first["type"])
        field = ".".join(str(part) for part in first["loc"])[:100]
        detail = f"{field}: {first['msg']}" if field else first["msg"]
        raise InvalidInput(detail[:_MAX_DETAIL], code=code, pointer=pointer) from error


# pydantic's names for what a client would call otherwise
ERROR_CODES = {"extra_forbidden": "unknown_field", "missing": "missing_field", "string_too_long": "too_long"}
