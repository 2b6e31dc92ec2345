"""Checks the S/MIME signature of a receipt (RFC 8551, CMS of RFC 5652): is it of this content, who signed, who vouches.

`cryptography` makes such signatures and does not check them; it does the arithmetic here. The structure is read by
`asn1crypto`, since providers write BER, with indefinite lengths (ADR 0092); it is loaded when a signature is there.
"""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from shared.clock import Millis
from shared.pec.model import Signature, Signer, Verification
from shared.pec.trust import TrustAnchors, fingerprint

if TYPE_CHECKING:
    from asn1crypto import cms

MAX_OCTETS = 256 * 1024
_MAX_CERTIFICATES = 20
_MAX_ADDRESSES = 20
_KEY_BITS = range(2_048, 8_193)  # RSA: smaller ones are not safe, larger ones are slow
_DIGESTS: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}

# What the two libraries raise for octets that are made up: the structure is only read where it is used.
_UNREADABLE = (
    AttributeError,
    IndexError,
    KeyError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


def check(cms_octets: bytes, content: bytes, anchors: TrustAnchors, at: Millis) -> Signature:
    """`cms_octets` are the detached signature, `content` the signed part as it came; `at` is when the signer must be
    trusted. Raises nothing."""
    if len(cms_octets) > MAX_OCTETS:
        return _broken(f"the signature has {len(cms_octets)} octets, more than {MAX_OCTETS}")
    try:
        signed = _signed_data(cms_octets)
        (signer_info,) = signed["signer_infos"]
        certificates = _certificates(signed)
        certificate = _certificate_of(signer_info, certificates)
        if certificate is None:
            return _broken("the signer's certificate is not there")
        signer = _signer(certificate)
        flaw = _flaw(signer_info, certificate, _canonical(content))
    except _UNREADABLE as error:
        return _broken(f"the signature cannot be read: {type(error).__name__}")
    if flaw is not None:
        return Signature(Verification.BROKEN, signer, flaw)
    if not anchors.certificates:
        return Signature(Verification.INTACT, signer, "no trust anchors are configured")
    doubt = anchors.doubt_about(certificate, certificates, at)
    return Signature(Verification.UNTRUSTED if doubt else Verification.TRUSTED, signer, doubt or "")


def _broken(flaw: str) -> Signature:
    return Signature(Verification.BROKEN, flaw=flaw)


def _canonical(content: bytes) -> bytes:
    """With the line ends that were signed (RFC 8551 §3.1.1), whatever the way here made of them."""
    return content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _signed_data(cms_octets: bytes) -> "cms.SignedData":
    from asn1crypto import cms

    info = cms.ContentInfo.load(cms_octets)
    if info["content_type"].native != "signed_data":
        raise ValueError("no signed data")
    return info["content"]


def _certificates(signed: "cms.SignedData") -> list[x509.Certificate]:
    chosen = [each.chosen for each in signed["certificates"] if each.name == "certificate"]
    return [x509.load_der_x509_certificate(each.dump()) for each in chosen[:_MAX_CERTIFICATES]]


def _certificate_of(info: "cms.SignerInfo", certificates: Sequence[x509.Certificate]) -> x509.Certificate | None:
    sid = info["sid"]
    for each in certificates:
        if sid.name == "issuer_and_serial_number":
            same_issuer = each.issuer.public_bytes() == sid.chosen["issuer"].dump()
            if same_issuer and each.serial_number == sid.chosen["serial_number"].native:
                return each
        else:
            identifier = each.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
            if identifier.value.digest == sid.chosen.native:
                return each
    return None


def _flaw(info: "cms.SignerInfo", certificate: x509.Certificate, content: bytes) -> str | None:
    digest = info["digest_algorithm"]["algorithm"].native
    if digest not in _DIGESTS:
        return f"the digest {digest} is not accepted"
    attributes = info["signed_attrs"]
    if not attributes:
        return _arithmetic_flaw(info, certificate, content, digest)
    found = {each["type"].native: each["values"] for each in attributes}
    if [each.native for each in found.get("message_digest", [])] != [hashlib.new(digest, content).digest()]:
        return "the content is not the one that was signed"
    if [each.native for each in found.get("content_type", [])] != ["data"]:
        return "the signature is about another type of content"
    # Signed as a set of its own, not as the field that it is here (RFC 5652 §5.4).
    return _arithmetic_flaw(info, certificate, attributes.untag().dump(), digest)


def _arithmetic_flaw(info: "cms.SignerInfo", certificate: x509.Certificate, octets: bytes, digest: str) -> str | None:
    algorithm = _DIGESTS[digest]
    key, signature = certificate.public_key(), info["signature"].native
    scheme = info["signature_algorithm"].signature_algo
    try:
        if isinstance(key, rsa.RSAPublicKey):
            if key.key_size not in _KEY_BITS:
                return f"a key of {key.key_size} bits is not accepted"
            if scheme == "rsassa_pss":
                pss = padding.PSS(padding.MGF1(algorithm), padding.PSS.AUTO)
                key.verify(signature, octets, pss, algorithm)
            elif scheme == "rsassa_pkcs1v15":
                key.verify(signature, octets, padding.PKCS1v15(), algorithm)
            else:
                return f"the scheme {scheme} does not fit the key"
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, octets, ec.ECDSA(algorithm))
        else:
            return "the kind of key is not accepted"
    except InvalidSignature:
        return "the signature is not of this content"
    return None


def _signer(certificate: x509.Certificate) -> Signer:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        addresses = names.get_values_for_type(x509.RFC822Name)[:_MAX_ADDRESSES]
    except x509.ExtensionNotFound:
        addresses = []
    return Signer(
        subject=certificate.subject.rfc4514_string()[:500],
        issuer=certificate.issuer.rfc4514_string()[:500],
        serial=f"{certificate.serial_number:x}",
        addresses=tuple(addresses),
        fingerprint=fingerprint(certificate),
    )
