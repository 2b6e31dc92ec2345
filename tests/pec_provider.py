"""A PEC provider for tests: signs receipts as S/MIME with keys that live as long as the tests, and strangers do too."""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from shared.pec.trust import TrustAnchors

NOW = datetime(2026, 7, 6, 8, 0, 10, tzinfo=UTC)
NOW_MILLIS = round(NOW.timestamp() * 1_000)
_OPTIONS = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary]
_ADDRESS = "posta-certificata@pec.provider.example"

type Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Identity:
    """A certificate with its key, and what stands between it and the root."""

    certificate: x509.Certificate
    key: Key
    chain: tuple[x509.Certificate, ...] = ()


@cache
def authority(name: str = "Autorità PEC") -> Identity:
    return _issue(name, None, is_authority=True)


@cache
def identity(who: str) -> Identity:
    """`provider` (under an intermediate authority), `provider-ecdsa`, `expired`, `web-server`, `stranger`,
    `issued-by-a-holder`."""
    match who:
        case "provider":
            between = _issue("Autorità intermedia", authority(), is_authority=True)
            return _issue("Provider PEC", between, chain=(between.certificate,))
        case "provider-ecdsa":
            return _issue("Provider PEC", authority(), key=ec.generate_private_key(ec.SECP256R1()))
        case "expired":
            return _issue("Provider PEC", authority(), until=NOW - timedelta(days=1))
        case "web-server":
            return _issue("www", authority(), usage=ExtendedKeyUsageOID.SERVER_AUTH)
        case "stranger":
            return _issue("Provider PEC", authority("Somebody's authority"))
        case "issued-by-a-holder":
            holder = _issue("Holder", authority())
            return _issue("Provider PEC", holder, chain=(holder.certificate,))
    raise ValueError(who)


def anchors() -> TrustAnchors:
    return TrustAnchors((authority().certificate,))


def signed(mail: bytes, how: str) -> bytes:
    """The mail with its content signed as `how` says: by whom, `nobody`, `tampered`, or in a special form."""
    if how == "nobody":
        return mail
    headers, content = _split(mail.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    signature = detached(content, how)
    if how == "tampered":
        content = content.replace(b"10:00:05", b"09:00:05")
    return b"".join(
        [
            headers,
            b'Content-Type: multipart/signed; protocol="application/x-pkcs7-signature"; micalg=sha-256; boundary="sig"',
            b"\r\n\r\nThis is S/MIME.\r\n--sig\r\n",
            content,
            b'\r\n--sig\r\nContent-Type: application/x-pkcs7-signature; name="smime.p7s"\r\n',
            b"Content-Transfer-Encoding: base64\r\n\r\n",
            base64.encodebytes(signature).replace(b"\n", b"\r\n"),
            b"\r\n--sig--\r\n",
        ]
    )


def detached(content: bytes, how: str) -> bytes:
    """The signature over `content`, in DER but for `provider-ber`."""
    plain = how in ("provider-ber", "provider-pss", "tampered")
    who = identity("provider" if plain else how)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32) if how == "provider-pss" else None
    builder = pkcs7.PKCS7SignatureBuilder().set_data(content)
    builder = builder.add_signer(who.certificate, who.key, hashes.SHA256(), rsa_padding=pss)
    for each in who.chain:
        builder = builder.add_certificate(each)
    der = builder.sign(serialization.Encoding.DER, _OPTIONS)
    return indefinite(der) if how == "provider-ber" else der


def indefinite(der: bytes) -> bytes:
    """The same structure with indefinite lengths in its outer three levels (X.690 §8.1.3.6)."""
    content_type, wrapped = _elements(_contents(der))
    (signed_data,) = _elements(_contents(wrapped))
    inner = b"\x30\x80" + _contents(signed_data) + b"\0\0"
    return b"\x30\x80" + content_type + b"\xa0\x80" + inner + b"\0\0" + b"\0\0"


def _split(mail: bytes) -> tuple[bytes, bytes]:
    """The headers of the envelope, and the content with its own headers."""
    head, _, body = mail.partition(b"\r\n\r\n")
    outer: list[bytes] = []
    inner: list[bytes] = []
    for line in head.split(b"\r\n"):
        (inner if line.lower().startswith(b"content-") else outer).append(line + b"\r\n")
    return b"".join(outer), b"".join(inner) + b"\r\n" + body


def _issue(
    name: str,
    issuer: Identity | None,
    *,
    key: Key | None = None,
    is_authority: bool = False,
    until: datetime = NOW + timedelta(days=300),
    usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.EMAIL_PROTECTION,
    chain: tuple[x509.Certificate, ...] = (),
) -> Identity:
    key = key or rsa.generate_private_key(65_537, 2_048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=300))
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if not is_authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False).add_extension(
            x509.SubjectAlternativeName([x509.RFC822Name(_ADDRESS)]), critical=False
        )
    signer = issuer.key if issuer else key
    return Identity(builder.sign(signer, hashes.SHA256()), key, chain)


def _contents(element: bytes) -> bytes:
    length = element[1]
    if length < 0x80:
        return element[2 : 2 + length]
    octets = length & 0x7F
    size = int.from_bytes(element[2 : 2 + octets])
    return element[2 + octets : 2 + octets + size]


def _elements(contents: bytes) -> list[bytes]:
    found = []
    while contents:
        octets = contents[1] & 0x7F if contents[1] >= 0x80 else 0
        size = int.from_bytes(contents[2 : 2 + octets]) if octets else contents[1]
        found.append(contents[: 2 + octets + size])
        contents = contents[2 + octets + size :]
    return found
