"""Cursors of lists."""

import base64

import pytest
from fastapi.exceptions import RequestValidationError
from hypothesis import assume, given
from hypothesis import strategies as st

from functions.api.cursors import MAX_LENGTH, decode_cursor, decode_owner_id, encode_cursor

listings = st.text(max_size=40)
places = st.text(max_size=270)


@given(listings, places)
def test_a_cursor_leads_back_to_its_place(listing: str, place: str) -> None:
    assert decode_cursor(listing, encode_cursor(listing, place)) == place


@given(st.text(st.characters(codec="ascii"), max_size=270))
def test_a_cursor_of_the_longest_place_is_short_enough_to_be_taken(place: str) -> None:
    assert len(encode_cursor("messages#acme#", place)) <= MAX_LENGTH


@given(listings, listings, places)
def test_a_cursor_of_another_list_is_refused(listing: str, other: str, place: str) -> None:
    assume(listing != other)
    with pytest.raises(RequestValidationError):
        decode_cursor(other, encode_cursor(listing, place))


@given(places, st.integers(min_value=0), st.characters(codec="ascii"))
def test_a_cursor_with_any_character_changed_is_refused(place: str, position: int, character: str) -> None:
    cursor = encode_cursor("tenants", place)
    position %= len(cursor)
    assume(cursor[position] != character)
    with pytest.raises(RequestValidationError):
        decode_cursor("tenants", cursor[:position] + character + cursor[position + 1 :])


@given(st.text(max_size=300) | st.binary(max_size=200).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_anything_else_is_refused(cursor: str) -> None:
    with pytest.raises(RequestValidationError):
        decode_cursor("tenants", cursor)


@given(places.filter(lambda place: not place.isascii() or "#" in place or not place))
def test_a_well_made_cursor_of_no_id_is_refused(place: str) -> None:
    with pytest.raises(RequestValidationError):
        decode_owner_id("tenants", encode_cursor("tenants", place))
