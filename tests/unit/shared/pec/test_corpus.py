"""What is read of each mail of the PEC corpus, and what follows: the expectation stands beside each file.

The files hold no signature: it is made here, by whom the expectation says, with keys that nobody keeps.
"""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from shared.bounces.model import Kind
from shared.pec.consequences import PecConsequence, Unverified, awaited_deliveries, consequence
from shared.pec.model import Anomaly, CertifiedMail, OrdinaryMail, PecReading, Receipt
from shared.pec.reader import read
from tests.pec_provider import NOW_MILLIS, anchors, signed

CORPUS = Path(__file__).parents[3] / "corpus" / "pec"
MAILS = sorted(CORPUS.glob("*.eml"))
TYPES = {"receipt": Receipt, "certified_mail": CertifiedMail, "anomaly": Anomaly, "ordinary": OrdinaryMail}


def expectation(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.with_suffix(".toml").read_text())


def reading_of(path: Path) -> PecReading:
    return read(signed(path.read_bytes(), expectation(path)["signed"]), anchors(), NOW_MILLIS)


def those(kind: str) -> list[Path]:
    return [path for path in MAILS if expectation(path)["is"] == kind]


def test_the_corpus_is_whole() -> None:
    assert len(those("receipt")) >= 25
    assert {path.stem for path in MAILS} == {path.stem for path in CORPUS.glob("*.toml")}


@pytest.mark.parametrize("path", MAILS, ids=lambda path: path.stem)
def test_a_mail_is_read_as_what_it_is(path: Path) -> None:
    assert isinstance(reading_of(path), TYPES[expectation(path)["is"]])


@pytest.mark.parametrize("path", those("receipt"), ids=lambda path: path.stem)
def test_a_receipt_is_read(path: Path) -> None:
    expected = expectation(path)
    receipt = reading_of(path)

    assert isinstance(receipt, Receipt)
    assert receipt.kind == expected["kind"]
    assert receipt.message_id == expected["message_id"]
    assert receipt.signature.verification == expected["verification"], receipt.signature
    if "subject" in expected:
        assert receipt.certification is not None
        assert receipt.certification.subject == expected["subject"]
    if "awaited" in expected:
        assert receipt.certification is not None
        assert list(awaited_deliveries(receipt.certification)) == expected["awaited"]


@pytest.mark.parametrize("path", those("receipt"), ids=lambda path: path.stem)
def test_what_follows_from_a_receipt_is_what_the_rules_say(path: Path) -> None:
    expected = expectation(path)
    receipt = reading_of(path)
    assert isinstance(receipt, Receipt)

    found = consequence(receipt, expected["recipients"])

    if "unverified" in expected:
        assert isinstance(found, Unverified)
        assert expected["unverified"] in found.reason
    else:
        assert isinstance(found, PecConsequence)
        rule = expected["consequence"]
        assert (found.event, found.recipient, found.at) == (rule["event"], rule.get("recipient"), rule.get("at"))
        assert rule.get("details", found.details) == found.details


@pytest.mark.parametrize("path", those("anomaly") + those("ordinary"), ids=lambda path: path.stem)
def test_what_is_no_receipt_goes_through_the_bounce_reader(path: Path) -> None:
    expected = expectation(path)
    found = reading_of(path)
    assert isinstance(found, Anomaly | OrdinaryMail)

    assert found.reading.kind is Kind(expected.get("reading", "other"))
    assert [fate.address for fate in found.reading.fates] == ([expected["address"]] if "address" in expected else [])
