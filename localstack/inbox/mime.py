"""Reads the MIME tree of a received message, forgiving what a test may well have sent broken."""

from collections.abc import Iterator
from email.message import EmailMessage


def leaves(message: EmailMessage) -> Iterator[EmailMessage]:
    """Yield the parts that hold content, in the order of the message; an attached message is one leaf."""
    if message.get_content_maintype() != "multipart":
        yield message
        return
    for part in message.iter_parts():
        if isinstance(part, EmailMessage):
            yield from leaves(part)


def body(message: EmailMessage, subtype: str) -> EmailMessage | None:
    """Return the leaf that a mail reader would show as the `plain` or `html` body, if there is one."""
    return next((leaf for leaf in leaves(message) if _is_body(leaf, subtype)), None)


def is_file(leaf: EmailMessage) -> bool:
    """Whether a leaf is something to save rather than to read."""
    return leaf.get_content_disposition() == "attachment" or leaf.get_filename() is not None


def content(leaf: EmailMessage) -> bytes:
    """Return what the leaf holds, without its transfer encoding; an attached message as its bytes."""
    payload = leaf.get_payload(decode=True)
    if isinstance(payload, bytes):
        return payload
    return b"".join(part.as_bytes() for part in leaf.iter_parts())


def text(leaf: EmailMessage) -> str:
    """Return the text of a leaf; what its charset can't decode is replaced."""
    try:
        return content(leaf).decode(leaf.get_content_charset("utf-8"), errors="replace")
    except LookupError:  # A charset that Python doesn't know.
        return content(leaf).decode("latin-1")


def _is_body(leaf: EmailMessage, subtype: str) -> bool:
    return leaf.get_content_type() == f"text/{subtype}" and not is_file(leaf)
