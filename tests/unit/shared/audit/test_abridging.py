"""JSON cut down to what a record may hold."""

import json
import uuid

from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from functions.api.recording import MAX_RESULT_BYTES
from shared.audit.abridging import MAX_STRING, abridged

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=1_000),
    lambda inner: st.lists(inner, max_size=30) | st.dictionaries(st.text(max_size=20), inner, max_size=30),
)


def test_what_fits_stays_as_it_is() -> None:
    value: JsonValue = {"a": [1, 2.5, None, True, "x" * MAX_STRING], "b": {"c": {}}}
    assert abridged(value, 4_000) == value


def test_what_is_left_out_is_counted() -> None:
    assert abridged(["abcdefgh"] * 10, 25) == ["abcdefgh"] * 3 + ["… 7 more"]
    assert abridged({f"n{number}": "abcdefgh" for number in range(9)}, 25) == (
        {"n0": "abcdefgh", "n1": "abcdefgh", "…": "7 more"}
    )
    assert abridged("x" * 201, 4_000) == "x" * 200 + "…"


def test_the_ids_of_the_largest_submission_fit() -> None:
    ids: list[JsonValue] = [str(uuid.uuid4()) for _ in range(1_000)]
    assert abridged({"accepted": ids}, MAX_RESULT_BYTES) == {"accepted": ids}


@given(JSON)
def test_nothing_becomes_much_larger_than_it_may(value: JsonValue) -> None:
    size = len(json.dumps(abridged(value, 500), ensure_ascii=False).encode("utf-8", "surrogatepass"))
    assert size < 500 + 2_500
