"""Seals secrets of any length under the instance's KMS key, which by itself takes only 4 KB: each text is encrypted
with AES-256-GCM under a key of its own, and only that key goes to KMS.

The encryption context holds as in `kms`: what is copied into another tenant's item does not open.
"""

import base64
import os
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.aws.kms import SecretSealer
from shared.errors import StorageError

_KEY_BITS = 256
_NONCE_BYTES = 12
_LENGTH_BYTES = 2  # of the sealed key, in front of it


@dataclass(frozen=True, slots=True)
class Envelope:
    """Ready to seal, with nothing left to ask of KMS: for texts that must not be lost once they are there."""

    context: bytes
    key: bytes = field(repr=False)
    sealed_key: bytes = field(repr=False)

    def seal(self, text: str) -> bytes:
        """The sealed text, with everything that `EnvelopeSealer.open` needs but the context."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(self.key).encrypt(nonce, text.encode(), self.context)
        return len(self.sealed_key).to_bytes(_LENGTH_BYTES) + self.sealed_key + nonce + sealed


class EnvelopeSealer:
    """`owner` names what a text belongs to within its tenant, such as `account/main/oauth`."""

    def __init__(self, sealer: SecretSealer) -> None:
        self._sealer = sealer

    def prepare(self, *, tenant: str, owner: str) -> Envelope:
        """An envelope for one text. Raises StorageError when KMS says no."""
        key = AESGCM.generate_key(_KEY_BITS)
        sealed_key = self._sealer.seal(base64.b64encode(key).decode(), tenant=tenant, owner=owner)
        return Envelope(_context(tenant, owner), key, sealed_key)

    def seal(self, text: str, *, tenant: str, owner: str) -> bytes:
        """Raises StorageError when KMS says no."""
        return self.prepare(tenant=tenant, owner=owner).seal(text)

    def open(self, sealed: bytes, *, tenant: str, owner: str) -> str:
        """Raises StorageError when it belongs to another tenant or owner, or was changed."""
        length = int.from_bytes(sealed[:_LENGTH_BYTES])
        sealed_key, rest = sealed[_LENGTH_BYTES:][:length], sealed[_LENGTH_BYTES + length :]
        key = base64.b64decode(self._sealer.open(sealed_key, tenant=tenant, owner=owner))
        try:
            text = AESGCM(key).decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], _context(tenant, owner))
        except InvalidTag as error:
            raise StorageError(f"what is sealed for {owner} was changed, or belongs elsewhere") from error
        return text.decode()


def _context(tenant: str, owner: str) -> bytes:
    return f"{tenant}\0{owner}".encode()
