"""Mail files (.eml, RFC 5322) as messages to submit."""

import base64
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Final

from mail_proxy.errors import InvalidArgument
from mail_proxy.models.base import PriorityInput
from mail_proxy.models.messages import Submission

MAX_BYTES: Final = 4_000_000  # with files in base64, what one call takes

_KEPT: Final = frozenset({"in-reply-to", "references", "auto-submitted", "importance", "keywords", "organization"})
_DROPPED: Final = frozenset({"x-mail-proxy-id", "x-received"})


@dataclass(frozen=True, slots=True)
class Chosen:
    """What holds for all messages that are sent by one command."""

    account_id: str | None = None
    priority: PriorityInput | None = None
    send_at: datetime | None = None
    batch_code: str | None = None


def submission_of(path: Path, chosen: Chosen) -> Submission:
    """The message in a file. Its id follows from its content: sent again, it changes nothing.

    Kept are addresses, subject, Message-ID, text, HTML, files, and headers that tell of threads, lists or applications
    (`References`, `List-*`, `X-*`). The proxy sets Date. Raises InvalidArgument naming the file.
    """
    content = read(path)
    mail = message_from_bytes(content, policy=default)
    if mail.get_content_type() in ("multipart/signed", "multipart/encrypted"):
        raise InvalidArgument(f"{path}: {mail.get_content_type()}: the proxy writes mail anew, which breaks it")
    try:
        fields = {
            "id": "eml-" + hashlib.sha256(content).hexdigest()[:32],
            "from": only(mail, "From", path),
            "to": addresses(mail, "To"),
            "cc": addresses(mail, "Cc"),
            "bcc": addresses(mail, "Bcc"),
            "reply_to": addresses(mail, "Reply-To"),
            "subject": str(mail.get("Subject", "")),
            "message_id": str(mail["Message-ID"]).strip() if mail["Message-ID"] else None,
            "headers": {name: str(value) for name, value in mail.items() if kept(name)} or None,
            "text": body(mail, "plain"),
            "html": body(mail, "html"),
            "attachments": files(mail) or None,
        }
    except (LookupError, UnicodeError, ValueError) as error:
        raise InvalidArgument(f"{path}: cannot be read as mail: {error}") from error
    return message_of(fields, chosen)


def message_of(fields: Mapping[str, object], chosen: Chosen) -> Submission:
    """A message of the fields that have a value, and of what was chosen for all."""
    every = {**fields, **asdict(chosen)}
    return Submission.model_validate({name: value for name, value in every.items() if value is not None})


def read(path: Path, max_bytes: int = MAX_BYTES) -> bytes:
    """Raises InvalidArgument when it cannot be read, or is larger than it may be."""
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise InvalidArgument(f"{path}: {size} bytes; at most {max_bytes} can be sent")
        return path.read_bytes()
    except OSError as error:
        raise InvalidArgument(f"{path}: {error.strerror}") from error


def only(mail: EmailMessage, name: str, path: Path) -> str:
    """A header that must be there once."""
    values = mail.get_all(name, [])
    if len(values) != 1:
        raise InvalidArgument(f"{path}: {len(values)} headers {name}, not one")
    return str(values[0])


def addresses(mail: EmailMessage, name: str) -> list[str] | None:
    """Each address of a header, with its name."""
    found = [str(address) for header in mail.get_all(name, []) for address in header.addresses]
    return found or None


def kept(name: str) -> bool:
    """Whether a header goes along; those that fields or the proxy itself set do not."""
    lower = name.lower()
    return (lower in _KEPT or lower.startswith(("x-", "list-"))) and lower not in _DROPPED


def body(mail: EmailMessage, subtype: str) -> str | None:
    """The text or the HTML of a mail."""
    part = mail.get_body((subtype,))
    if part is None:
        return None
    content: str = part.get_content()
    return content


def files(mail: EmailMessage) -> list[dict[str, str]]:
    """All parts but the bodies, in base64."""
    bodies = {id(mail.get_body((subtype,))) for subtype in ("plain", "html")}
    found = []
    for number, part in enumerate(leaves(mail), start=1):
        if id(part) in bodies:
            continue
        kind = part.get_content_type()
        content = whole(part) if kind == "message/rfc822" else part.get_payload(decode=True)
        extension = ".eml" if kind == "message/rfc822" else mimetypes.guess_extension(kind) or ".bin"
        file = {
            "filename": part.get_filename() or f"part-{number}{extension}",
            "storage_path": "base64:" + base64.b64encode(content if isinstance(content, bytes) else b"").decode(),
            "mime_type": "application/octet-stream" if kind == "message/rfc822" else kind,
        }
        if part["Content-ID"]:
            file["content_id"] = str(part["Content-ID"]).strip().strip("<>")
        found.append(file)
    return found


def leaves(mail: EmailMessage) -> list[EmailMessage]:
    """The parts that hold something; a mail within the mail is one of them."""
    if mail.get_content_type() == "message/rfc822" or not mail.is_multipart():
        return [mail]
    return [leaf for part in mail.iter_parts() if isinstance(part, EmailMessage) for leaf in leaves(part)]


def whole(part: EmailMessage) -> bytes:
    """The bytes of the mail that a part holds."""
    inner = part.get_payload()
    return inner[0].as_bytes() if isinstance(inner, list) and isinstance(inner[0], EmailMessage) else b""
