"""Header lines as they stand on the wire."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.delivery.headers import as_it_is, folded, mailboxes, unstructured
from shared.errors import InvalidInput
from shared.messages.model import Address

WRITERS: list[Callable[[str, str], str]] = [
    folded,
    as_it_is,
    unstructured,
    lambda name, value: mailboxes(name, [Address(name=value, address="anna@example.net")]),
]

words = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=40)
gaps = st.text(" \t", min_size=1, max_size=5)
sentences = st.lists(st.tuples(words, gaps), min_size=1, max_size=40).map(
    lambda pairs: "".join(part for pair in pairs for part in pair).rstrip()
)


def unfolded(header: str) -> str:
    """RFC 5322 §2.2.3: the line break goes, the white space behind it stays."""
    return re.sub(r"\r\n(?=[ \t])", "", header)


@given(value=sentences)
def test_what_is_folded_reads_the_same_to_the_last_space(value: str) -> None:
    assert unfolded(folded("Subject", value)) == f"Subject: {value}"


@given(value=sentences)
def test_folded_lines_fit_a_screen_and_none_of_them_is_empty(value: str) -> None:
    lines = folded("Subject", value).split("\r\n")

    assert all(len(line) <= 78 for line in lines)
    assert all(line.strip() for line in lines)
    assert all(line[0] in " \t" for line in lines[1:])


def test_a_word_that_is_longer_than_a_line_is_not_broken() -> None:
    word = "x" * 200

    assert folded("X-Long", f"a {word} b").split("\r\n") == ["X-Long: a", f" {word}", " b"]


def test_a_value_of_nothing_but_space_stays_on_its_line() -> None:
    assert "\r\n" not in folded("X-Empty", " " * 200)


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    "breaking", ["\r\nBcc: eve@example.org", "\nBcc: eve@example.org", "\rBcc: eve@example.org", "\n"]
)
def test_no_header_is_written_with_a_line_break_that_came_with_its_value(
    write: Callable[[str, str], str], breaking: str
) -> None:
    with pytest.raises(InvalidInput):
        write("Subject", f"hello{breaking}")


@pytest.mark.parametrize("write", WRITERS)
def test_no_header_is_written_with_a_line_break_in_its_name(write: Callable[[str, str], str]) -> None:
    with pytest.raises(InvalidInput):
        write("X\r\nBcc", "eve@example.org")
