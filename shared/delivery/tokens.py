"""The opaque token that names a mail in its own headers.

Tenant and id, sealed with authenticated deterministic encryption (AES-SIV, RFC 5297): it decodes without a look-up,
tells a recipient nothing, cannot be made up, and is the same at every try.
"""

import base64
import binascii
import hashlib

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from shared.errors import InvalidInput


class MailTokens:
    """`instance_key` is any secret text of at least 32 characters."""

    def __init__(self, instance_key: str) -> None:
        self._cipher = AESSIV(hashlib.sha512(b"mail-token\0" + instance_key.encode()).digest())

    def seal(self, tenant_id: str, mail_id: str) -> str:
        sealed = self._cipher.encrypt(f"{tenant_id}/{mail_id}".encode(), None)
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, token: str) -> tuple[str, str]:
        """Tenant and mail id. Raises InvalidInput for anything that `seal` did not make."""
        try:
            sealed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            tenant_id, _, mail_id = self._cipher.decrypt(sealed, None).decode().partition("/")
        except (binascii.Error, InvalidTag, ValueError) as error:
            raise InvalidInput("not a token of this instance", code="invalid_token") from error
        return tenant_id, mail_id
