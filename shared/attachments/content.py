"""Whether the bytes of an attachment are those that were meant. Pure."""

import hashlib

from shared.errors import InvalidInput
from shared.messages.model import Attachment


def refuse_other_content(attachment: Attachment, content: bytes) -> None:
    """Raises InvalidInput when the attachment has an MD5, and the content another."""
    if attachment.content_md5 is None:
        return
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != attachment.content_md5.lower():
        raise InvalidInput(f"the MD5 of its bytes is {found}, not {attachment.content_md5}", code="wrong_md5")
