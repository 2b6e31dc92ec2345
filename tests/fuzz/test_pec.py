"""Whatever arrives in a PEC mailbox is read without an error, and in a time that its sender cannot choose."""

import base64
import random
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.pec.consequences import MAX_DETAILS, PecConsequence, consequence
from shared.pec.model import Receipt, Verification
from shared.pec.reader import read
from shared.pec.signature import check
from tests.fuzz.mails import CORPUS, mutated
from tests.model.runs import bounded, is_long
from tests.pec_provider import NOW_MILLIS, anchors, detached, signed

_RECEIPTS = [path.read_bytes() for path in sorted((CORPUS / "pec").glob("*.eml"))]
_LONGEST_SECONDS = 2.0  # of CPU, for 25 MB
_CONTENT = b"Content-Type: text/plain\r\n\r\nsigned\r\n"


@bounded(runs=80)
@given(
    st.sampled_from(_RECEIPTS),
    st.sampled_from(["provider", "provider-ber", "nobody"]),
    st.randoms(use_true_random=False),
)
def test_no_change_to_a_receipt_makes_it_unreadable_or_believed(seed: bytes, how: str, draw: random.Random) -> None:
    original = signed(seed, how)
    before = read(original, anchors(), NOW_MILLIS)

    found = read(mutated(original, draw), anchors(), NOW_MILLIS)

    if isinstance(found, Receipt):
        after = consequence(found, ["anna@pec.example"])
        if isinstance(after, PecConsequence):
            assert found.signature.verification is Verification.TRUSTED
            assert isinstance(before, Receipt)
            assert found.certification == before.certification
            assert len(after.details) <= MAX_DETAILS


@bounded(runs=80)
@given(st.randoms(use_true_random=False))
def test_no_change_to_a_signature_makes_it_an_error(draw: random.Random) -> None:
    changed = mutated(detached(_CONTENT, "provider"), draw)

    check(changed, _CONTENT, anchors(), NOW_MILLIS)
    check(changed, _CONTENT + b"more", anchors(), NOW_MILLIS)


@pytest.mark.parametrize("name", ["content of line ends", "signature of sequences", "signature of sets", "elements"])
def test_receipts_made_to_be_slow_are_read(name: str) -> None:
    """In the long run at full size, and the CPU that they take is measured."""
    mail = dict(_slow_receipts(25_000_000 if is_long else 200_000))[name]

    began = time.process_time()
    read(mail, anchors(), NOW_MILLIS)
    taken = time.process_time() - began

    if is_long:
        assert taken < _LONGEST_SECONDS


def _slow_receipts(size: int) -> Iterator[tuple[str, bytes]]:
    yield "content of line ends", _enveloped(b"\r\n" + b"\n" * size, detached(_CONTENT, "provider"))
    yield "signature of sequences", _enveloped(_CONTENT, b"\x30\x80" * (size // 2))
    yield "signature of sets", _enveloped(_CONTENT, b"\x31\x80\xa0\x80" * 60_000)
    xml = b"<postacert>" + b"<a>" * 100_000
    part = b"Content-Type: application/xml; name=daticert.xml\r\n\r\n" + xml
    inner = b"Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n" + part + b"\r\n--m--\r\n"
    yield "elements", _enveloped(inner, detached(inner, "provider"))


def _enveloped(content: bytes, signature: bytes) -> bytes:
    encoded = base64.encodebytes(signature)
    return b"".join(
        [
            b"X-Ricevuta: accettazione\r\nContent-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n",
            content,
            b"\r\n--s\r\nContent-Type: application/pkcs7-signature\r\nContent-Transfer-Encoding: base64\r\n\r\n",
            encoded,
            b"\r\n--s--\r\n",
        ]
    )
