"""What is read of each mail of the corpus, and what follows from it: the expectation stands beside each file."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from shared.bounces.consequences import consequences
from shared.bounces.correlation import message_ids_to_look_up, named_mail
from shared.bounces.model import Fate, Kind, Strength
from shared.bounces.reader import read
from shared.delivery.tokens import MailTokens

CORPUS = Path(__file__).parents[3] / "corpus" / "bounces"
MAILS = sorted(CORPUS.glob("*.eml"))
TOKENS = MailTokens("k" * 32)  # the mails hold tokens that were sealed with it


def expectation(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.with_suffix(".toml").read_text())


def test_the_corpus_is_whole() -> None:
    assert len(MAILS) >= 40
    assert {path.stem for path in MAILS} == {path.stem for path in CORPUS.glob("*.toml")}


@pytest.mark.parametrize("path", MAILS, ids=lambda path: path.stem)
def test_a_mail_is_read_as_what_it_is(path: Path) -> None:
    expected = expectation(path)

    reading = read(path.read_bytes())

    assert reading.kind is Kind(expected["kind"])
    assert [shown(fate, row) for fate, row in zip(reading.fates, expected.get("fates", []), strict=True)] == (
        expected.get("fates", [])
    )


@pytest.mark.parametrize("path", MAILS, ids=lambda path: path.stem)
def test_a_report_names_its_mail(path: Path) -> None:
    expected = expectation(path)
    references = read(path.read_bytes()).references

    named = named_mail(references, TOKENS)

    if "named" in expected:
        assert named is not None
        assert (named.tenant_id, named.mail_id) == ("acme", "order-1")
        assert named.strength is Strength[expected["named"].upper()]
    else:
        assert named is None
        assert [each.value for each in message_ids_to_look_up(references)] == expected.get("look_up", [])


@pytest.mark.parametrize("path", MAILS, ids=lambda path: path.stem)
def test_what_follows_is_what_the_rules_say(path: Path) -> None:
    expected = expectation(path)
    reading = read(path.read_bytes())
    named = named_mail(reading.references, TOKENS)

    found = consequences(reading, expected["recipients"], named.strength) if named else ()

    assert [
        {
            name: value
            for name, value in {
                "happened": each.happened,
                "recipient": each.recipient,
                "type": each.bounce_type,
                "code": each.code,
                "suppress": each.suppress,
            }.items()
            if value is not None
        }
        for each in found
    ] == expected.get("consequences", [])


@pytest.mark.parametrize("path", MAILS, ids=lambda path: path.stem)
def test_line_ends_make_no_difference(path: Path) -> None:
    mail = path.read_bytes()
    assert read(mail.replace(b"\n", b"\r\n")) == read(mail)


def shown(fate: Fate, row: dict[str, Any]) -> dict[str, Any]:
    """What the expectation speaks of."""
    return {name: getattr(fate, name) for name in row}
