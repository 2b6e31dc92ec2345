"""Reading mail addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from shared.messages.addresses import MAX_ADDRESSES, parse_address, parse_addresses, refuse_line_breaks
from shared.messages.model import Address


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("anna@example.com", [Address(address="anna@example.com")]),
        ("Anna Example <anna@example.com>", [Address(name="Anna Example", address="anna@example.com")]),
        ('"Example, Anna" <anna@example.com>', [Address(name="Example, Anna", address="anna@example.com")]),
        ("Änne <änne@example.com>", [Address(name="Änne", address="änne@example.com")]),
        ("bob@Bücher.example", [Address(address="bob@xn--bcher-kva.example")]),
        ('"a b"@example.com', [Address(address='"a b"@example.com')]),
        ("root@localhost", [Address(address="root@localhost")]),
        ("a@example.com, b@example.com,", [Address(address="a@example.com"), Address(address="b@example.com")]),
        ("", []),
        ("  ", []),
    ],
)
def test_addresses_are_read_as_people_write_them(text: str, addresses: list[Address]) -> None:
    assert parse_addresses(text) == addresses


@pytest.mark.parametrize(
    "value",
    [
        "anna",
        "anna@",
        "@example.com",
        "anna@example.com bob@example.com",
        "anna@example.com, , bob@example.com",
        "anna@example.com <bob@example.com>",
        "a@b@example.com",
        "anna@exa mple.com",
        "anna smith@example.com",
        "anna(at work)@example.com",
        "anna@-example.com",
        "anna@example..com",
        "x" * 250 + "@example.com",
        "n" * 257 + " <anna@example.com>",
        17,
        {"address": "anna@example.com"},
        [["anna@example.com"]],
        ["anna@example.com", None],
    ],
)
def test_what_is_no_address_is_refused(value: object) -> None:
    with pytest.raises(PydanticCustomError):
        parse_addresses(value)


@pytest.mark.parametrize(
    "separator", ["\r\n", "\n", "\r", "\x00", "\x0b", "\x85", "\u2028", "\u2029", "\ud800", "\x7f"]
)
def test_nothing_that_ends_a_line_gets_into_an_address_or_its_name(separator: str) -> None:
    for text in (
        f"anna@example.com{separator}",
        f"anna@example.com{separator}Bcc: victim@example.com",
        f'"Anna{separator}Bcc: victim@example.com" <anna@example.com>',
        f"anna@example.com{separator},bob@example.com",
    ):
        with pytest.raises(PydanticCustomError) as raised:
            parse_addresses([text])
        assert raised.value.type == "control_character"


def test_more_addresses_than_a_mail_may_have_are_refused_before_they_are_looked_at() -> None:
    for value in (["nonsense"] * (MAX_ADDRESSES + 1), ",".join(["nonsense"] * (MAX_ADDRESSES + 1))):
        with pytest.raises(PydanticCustomError) as raised:
            parse_addresses(value)
        assert raised.value.type == "too_many_recipients"


def test_exactly_one_address_is_one_string() -> None:
    assert parse_address("Anna <anna@example.com>").name == "Anna"
    for value in ("a@example.com, b@example.com", "", ["a@example.com"], None):
        with pytest.raises(PydanticCustomError):
            parse_address(value)


@given(st.text() | st.lists(st.text()) | st.from_regex(r"[^<>]*<[^<>]*@[^<>]*>", fullmatch=True))
def test_whatever_comes_in_what_comes_out_fits_one_line_of_an_envelope(value: str | list[str]) -> None:
    try:
        found = parse_addresses(value)
    except PydanticCustomError:
        return
    for each in found:
        assert len((each.name + each.address).splitlines()) == 1
        assert not set(each.address) & set("\r\n\0")
        assert "@" in each.address
        each.address.encode()
        each.address.rpartition("@")[2].encode("ascii")
        assert parse_addresses(each.address) == [Address(address=each.address)]


@given(st.text())
def test_text_that_passes_is_one_line_to_every_reader(text: str) -> None:
    try:
        refuse_line_breaks(text)
    except PydanticCustomError:
        return
    assert len(text.splitlines()) <= 1
    text.encode()
