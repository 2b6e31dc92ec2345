"""Seals short secrets under the instance's KMS key. The encryption context binds each to its owner: a ciphertext
copied into another tenant's item does not open (https://docs.aws.amazon.com/kms/latest/developerguide/encrypt_context.html).
"""

from typing import TYPE_CHECKING

from shared.aws.translation import translated
from shared.clock import MINUTE, Clock, Millis

if TYPE_CHECKING:
    from types_boto3_kms import KMSClient

_KEPT: Millis = 5 * MINUTE  # opened secrets, in this process's memory: KMS costs a call and money each time
_MAX_KEPT = 1_000


class SecretSealer:
    """`owner` names what a secret belongs to within its tenant, such as `account/main`. Secrets take at most 4 KB."""

    def __init__(self, client: "KMSClient", key_id: str, clock: Clock) -> None:
        self._client = client
        self._key_id = key_id
        self._clock = clock
        self._opened: dict[tuple[bytes, str, str], tuple[Millis, str]] = {}

    def seal(self, secret: str, *, tenant: str, owner: str) -> bytes:
        with translated("KMS", "Encrypt"):
            answer = self._client.encrypt(
                KeyId=self._key_id,
                Plaintext=secret.encode(),
                EncryptionContext={"tenant": tenant, "owner": owner},
            )
        return answer["CiphertextBlob"]

    def open(self, sealed: bytes, *, tenant: str, owner: str) -> str:
        """Raises StorageError when the ciphertext belongs to another tenant or owner."""
        now = self._clock()
        key = (sealed, tenant, owner)
        kept = self._opened.get(key)
        if kept is not None and kept[0] > now:
            return kept[1]
        with translated("KMS", "Decrypt"):
            answer = self._client.decrypt(
                KeyId=self._key_id,
                CiphertextBlob=sealed,
                EncryptionContext={"tenant": tenant, "owner": owner},
            )
        secret = answer["Plaintext"].decode()
        if len(self._opened) >= _MAX_KEPT:
            self._opened.clear()
        self._opened[key] = (now + _KEPT, secret)
        return secret
