"""Whose signature on a receipt counts: the trust anchors of a deployment.

An anchor is the certificate of an authority, or of a provider's own signing key. Revocation is not looked up: receipts
are read minutes after they were made, and the list of authorities belongs to whoever configures it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import verification as paths
from cryptography.x509.oid import ExtendedKeyUsageOID

from shared.clock import SECOND, Millis
from shared.errors import InvalidInput

MAX_ANCHORS = 200
_MAX_CHAIN = 4  # authorities between the anchor and the signer


@dataclass(frozen=True, slots=True)
class TrustAnchors:
    """Empty where none are configured: then nothing is trusted, and nothing is refused for want of trust."""

    certificates: tuple[x509.Certificate, ...] = ()

    @classmethod
    def from_pem(cls, text: str) -> "TrustAnchors":
        """Raises InvalidInput, naming what was seen, for text that holds no certificate or too many."""
        try:
            found = tuple(x509.load_pem_x509_certificates(text.encode()))
        except ValueError as error:
            raise InvalidInput(
                f"trust anchors: no certificates in PEM ({error})", code="invalid_certificate"
            ) from error
        if len(found) > MAX_ANCHORS:
            raise InvalidInput(
                f"trust anchors: {len(found)} certificates, at most {MAX_ANCHORS}", code="invalid_certificate"
            )
        return cls(found)

    def doubt_about(self, signer: x509.Certificate, others: Sequence[x509.Certificate], at: Millis) -> str | None:
        """Why `signer` is not to be trusted at that instant; None if it is. `others` may complete the chain."""
        instant = datetime.fromtimestamp(at / SECOND, UTC)
        if any(fingerprint(each) == fingerprint(signer) for each in self.certificates):
            valid = signer.not_valid_before_utc <= instant <= signer.not_valid_after_utc
            return None if valid else "the signer's certificate is not valid at this time"
        builder = (
            paths.PolicyBuilder()
            .store(paths.Store(list(self.certificates)))
            .time(instant.replace(tzinfo=None))
            .max_chain_depth(_MAX_CHAIN)
            .extension_policies(ca_policy=_AUTHORITY, ee_policy=_SIGNER)
        )
        try:
            builder.build_client_verifier().verify(signer, list(others))
        except (paths.VerificationError, ValueError, x509.UnsupportedGeneralNameType) as error:
            return f"no trust anchor vouches for the signer: {str(error)[:200]}"
        return None


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the certificate, in hex."""
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def _is_authority(_: paths.Policy, __: x509.Certificate, constraints: x509.BasicConstraints) -> None:
    if not constraints.ca:
        raise ValueError("an issuer is no authority")


def _may_certify(_: paths.Policy, __: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("an issuer's key is not for certificates")


def _may_sign(_: paths.Policy, __: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not (usage.digital_signature or usage.content_commitment):
        raise ValueError("the signer's key is not for signatures")


def _is_for_mail(_: paths.Policy, __: x509.Certificate, usage: x509.ExtendedKeyUsage | None) -> None:
    if usage is not None and not _MAIL.intersection(usage):
        raise ValueError("the signer's certificate is not for mail")


_MAIL = frozenset([ExtendedKeyUsageOID.EMAIL_PROTECTION, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE])
_ANY = paths.Criticality.AGNOSTIC
# The library's own policies are those of the web; these are for S/MIME (RFC 8550 §4), as far as they decide anything.
_AUTHORITY = (
    paths.ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, _ANY, _is_authority)
    .may_be_present(x509.KeyUsage, _ANY, _may_certify)
)
_SIGNER = (
    paths.ExtensionPolicy.permit_all()
    .may_be_present(x509.KeyUsage, _ANY, _may_sign)
    .may_be_present(x509.ExtendedKeyUsage, _ANY, _is_for_mail)
)
