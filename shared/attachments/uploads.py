"""Files that tenants upload before they name them in a message: `upload:<id>`.

An upload lies beside the payloads and leaves by the bucket's lifecycle, `KEPT` after it was begun, whether or not a
message names it: long enough for one that is scheduled as far ahead as possible, and tried as long as possible.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ulid import ULID

from shared.aws.credentials import Credentials, current_credentials
from shared.aws.uploads import UploadForm, UploadTarget, presigned_post
from shared.clock import DAY, MINUTE, Clock, Millis
from shared.identifiers import new_ulid

MAX_UPLOAD_BYTES: Final = 40_000_000  # relays take 25 to 50 MB, with the third that base64 adds
VALID: Final[Millis] = 15 * MINUTE
KEPT: Final[Millis] = 40 * DAY
UPLOAD_ID_PATTERN: Final = r"[0-7][0-9A-HJKMNP-TV-Z]{25}"  # a ULID


@dataclass(frozen=True, slots=True)
class Upload:
    """How to upload one file, until `expires_at`; it can be sent until `kept_until`."""

    id: str
    form: UploadForm
    expires_at: Millis
    kept_until: Millis


class Uploads:
    """Makes forms; calls nothing of AWS."""

    def __init__(
        self, target: UploadTarget, clock: Clock, credentials: Callable[[], Credentials] = current_credentials
    ) -> None:
        self._target = target
        self._clock = clock
        self._credentials = credentials

    def begin(self, tenant_id: str, *, content_type: str, size: int | None) -> Upload:
        """An upload of exactly `size` bytes, or of at most `MAX_UPLOAD_BYTES`."""
        now = self._clock()
        upload_id = new_ulid(now)
        form = presigned_post(
            self._target,
            upload_key(tenant_id, upload_id),
            credentials=self._credentials(),
            now=now,
            expires_at=now + VALID,
            at_least=size if size is not None else 0,
            at_most=size if size is not None else MAX_UPLOAD_BYTES,
            content_type=content_type,
        )
        return Upload(upload_id, form, expires_at=now + VALID, kept_until=now + KEPT)


def upload_prefix(tenant_id: str) -> str:
    """What the keys of a tenant's uploads begin with; no id can contain `#`."""
    return f"UPLOAD#{tenant_id}#"


def upload_key(tenant_id: str, upload_id: str) -> str:
    """The key of an upload in the bucket of the payloads."""
    return upload_prefix(tenant_id) + upload_id


def kept_until(upload_id: str) -> Millis:
    """When the upload leaves: its id tells when it was begun."""
    return ULID.from_str(upload_id).milliseconds + KEPT


def is_upload_id(text: str) -> bool:
    """Whether `begin` can have made it."""
    return re.fullmatch(UPLOAD_ID_PATTERN, text) is not None
