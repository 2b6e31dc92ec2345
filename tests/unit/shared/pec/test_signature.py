"""How the signature of a receipt is checked."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from shared.errors import InvalidInput
from shared.pec.consequences import PecConsequence, PecEvent, Unverified, consequence
from shared.pec.model import Receipt, Verification
from shared.pec.reader import read
from shared.pec.signature import check
from shared.pec.trust import TrustAnchors
from tests.pec_provider import NOW, NOW_MILLIS, anchors, authority, detached, identity, signed

RECEIPT = (Path(__file__).parents[3] / "corpus" / "pec" / "avvenuta-consegna-sintetica.eml").read_bytes()
CONTENT = b"Content-Type: text/plain\r\n\r\nsigned\r\n"


def test_without_anchors_a_whole_signature_counts_and_says_so() -> None:
    receipt = read(signed(RECEIPT, "stranger"), TrustAnchors(), NOW_MILLIS)

    assert isinstance(receipt, Receipt)
    assert receipt.signature.verification is Verification.INTACT
    found = consequence(receipt, ["anna@pec.example"])
    assert isinstance(found, PecConsequence)
    assert found.event is PecEvent.DELIVERY
    assert found.details.startswith("signer not verified; ")


@pytest.mark.parametrize("how", ["nobody", "tampered"])
def test_without_anchors_what_is_not_signed_counts_for_nothing(how: str) -> None:
    receipt = read(signed(RECEIPT, how), TrustAnchors(), NOW_MILLIS)

    assert isinstance(receipt, Receipt)
    assert isinstance(consequence(receipt, ["anna@pec.example"]), Unverified)


def test_the_signer_is_told() -> None:
    signer = check(detached(CONTENT, "provider"), CONTENT, anchors(), NOW_MILLIS).signer

    assert signer is not None
    assert signer.subject == "CN=Provider PEC"
    assert signer.issuer == "CN=Autorità intermedia"
    assert signer.addresses == ("posta-certificata@pec.provider.example",)
    assert len(signer.fingerprint) == 64


def test_line_ends_that_changed_on_the_way_do_no_harm() -> None:
    signature = detached(CONTENT, "provider")

    found = check(signature, CONTENT.replace(b"\r\n", b"\n"), anchors(), NOW_MILLIS)

    assert found.verification is Verification.TRUSTED


def test_a_signers_own_certificate_may_be_the_anchor() -> None:
    pinned = TrustAnchors((identity("provider").certificate,))
    signature = detached(CONTENT, "provider")

    assert check(signature, CONTENT, pinned, NOW_MILLIS).verification is Verification.TRUSTED
    late = NOW_MILLIS + round(timedelta(days=400).total_seconds() * 1_000)
    assert check(signature, CONTENT, pinned, late).verification is Verification.UNTRUSTED


def test_trust_is_asked_for_the_instant_given() -> None:
    early = round((NOW - timedelta(days=400)).timestamp() * 1_000)

    assert check(detached(CONTENT, "provider"), CONTENT, anchors(), early).verification is Verification.UNTRUSTED


@pytest.mark.parametrize("octets", [b"", b"\x30\x80", b"\x30\x80" * 50_000, b"no signature", b"\xa0" * 300_000])
def test_what_is_no_signature_is_broken(octets: bytes) -> None:
    assert check(octets, CONTENT, anchors(), NOW_MILLIS).verification is Verification.BROKEN


def test_no_octet_of_a_signature_can_be_changed_into_an_error() -> None:
    signature = detached(CONTENT, "provider-ecdsa")
    for position in range(0, len(signature), 7):
        changed = bytearray(signature)
        changed[position] ^= 0xFF
        check(bytes(changed), CONTENT, anchors(), NOW_MILLIS)


def test_anchors_are_read_from_pem() -> None:
    pem = authority().certificate.public_bytes(Encoding.PEM).decode()

    assert len(TrustAnchors.from_pem(pem * 2).certificates) == 2
    with pytest.raises(InvalidInput, match="no certificates"):
        TrustAnchors.from_pem("nothing")
    with pytest.raises(InvalidInput, match="at most 200"):
        TrustAnchors.from_pem(pem * 201)
