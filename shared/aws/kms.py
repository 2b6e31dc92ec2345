"""Seals short secrets under the instance's KMS key. The encryption context binds each to its owner: a ciphertext
copied into another tenant's item does not open (https://docs.aws.amazon.com/kms/latest/developerguide/encrypt_context.html).
"""

import base64
from typing import TypedDict

from shared.aws.service import Service
from shared.clock import MINUTE, Clock, Millis

_KEPT: Millis = 5 * MINUTE  # opened secrets, in this process's memory: KMS costs a call and money each time
_MAX_KEPT = 1_000


class _Encrypted(TypedDict):
    CiphertextBlob: str


class _Decrypted(TypedDict):
    Plaintext: str


class SecretSealer:
    """`owner` names what a secret belongs to within its tenant, such as `account/main`. Secrets take at most 4 KB."""

    def __init__(self, service: Service, key_id: str, clock: Clock) -> None:
        self._service = service
        self._key_id = key_id
        self._clock = clock
        self._opened: dict[tuple[bytes, str, str], tuple[Millis, str]] = {}

    def seal(self, secret: str, *, tenant: str, owner: str) -> bytes:
        answer = self._service.call(
            "Encrypt",
            {
                "KeyId": self._key_id,
                "Plaintext": base64.b64encode(secret.encode()).decode(),
                "EncryptionContext": {"tenant": tenant, "owner": owner},
            },
            _Encrypted,
        )
        return base64.b64decode(answer["CiphertextBlob"])

    def open(self, sealed: bytes, *, tenant: str, owner: str) -> str:
        """Raises StorageError when the ciphertext belongs to another tenant or owner."""
        now = self._clock()
        key = (sealed, tenant, owner)
        kept = self._opened.get(key)
        if kept is not None and kept[0] > now:
            return kept[1]
        answer = self._service.call(
            "Decrypt",
            {
                "KeyId": self._key_id,
                "CiphertextBlob": base64.b64encode(sealed).decode(),
                "EncryptionContext": {"tenant": tenant, "owner": owner},
            },
            _Decrypted,
        )
        secret = base64.b64decode(answer["Plaintext"]).decode()
        if len(self._opened) >= _MAX_KEPT:
            self._opened.clear()
        self._opened[key] = (now + _KEPT, secret)
        return secret
