"""What a body must be before anything reads it."""

import json
from contextlib import suppress

import pytest
from fastapi.testclient import TestClient
from httpx import Response
from hypothesis import given
from hypothesis import strategies as st

from functions.api.gate import MAX_BODY_BYTES, strict_json
from functions.api.problems import MalformedBody
from tests.unit.functions.api.caller import ADMIN_TOKEN, Api, CheckProblem

PATH = "/v1/tenants/acme/messages"
MALFORMED = {
    "cut off": b'{"messages": [',
    "no JSON at all": b"messages=1",
    "a key twice": b'{"messages": [], "messages": []}',
    "a key twice, deep inside": b'{"messages": [{"id": "a", "id": "b"}]}',
    "not UTF-8": b'{"messages": ["\xff"]}',
    "UTF-16": '{"messages": []}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"messages": []}',
    "nested without end": b'{"messages": ' + b"[" * 200_000,
    "nested deeply": b"[" * 150_000 + b"]" * 150_000,
    "objects nested deeply": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "NaN": b'{"messages": [NaN]}',
    "Infinity": b'{"messages": [-Infinity]}',
    "an endless number": b'{"messages": [' + b"9" * 10_000 + b"]}",
    "half a surrogate pair": b'{"messages": ["\\ud800"]}',
    "half a surrogate pair in a key": b'{"\\uDFFF": 1}',
    "two values": b"{} {}",
    "a line break in a string": b'{"a": "\n"}',
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_no_strict_json_is_named_as_malformed(body: bytes) -> None:
    with pytest.raises(MalformedBody):
        strict_json(body)


@given(st.binary(max_size=200))
def test_any_bytes_are_either_json_or_malformed(body: bytes) -> None:
    with suppress(MalformedBody):
        strict_json(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json_values, st.booleans())
def test_whatever_json_can_say_is_read_as_it_is(value: object, escaped: bool) -> None:
    assert strict_json(json.dumps(value, ensure_ascii=escaped).encode()) == value


def send(client: TestClient, body: bytes, content_type: str | None = "application/json") -> Response:
    headers = {"X-API-Token": ADMIN_TOKEN}
    if content_type is not None:
        headers["Content-Type"] = content_type
    answer: Response = client.post(PATH, content=body, headers=headers)
    return answer


def test_bad_bodies_are_answered_with_clear_problems(client: TestClient, admin: Api, problem: CheckProblem) -> None:
    for body in MALFORMED.values():
        problem(send(client, body), 400, "malformed_body")
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "garbage", None):
        problem(send(client, b"{}", content_type), 415, "unsupported_media_type")
    problem(send(client, b"{}", "application/json; charset=iso-8859-1"), 415, "unsupported_media_type")
    problem(send(client, b" " * (MAX_BODY_BYTES + 1)), 413, "body_too_large")
    for body in (b"", b"[]", b"1", b'"x"', b"null", b"{}", b'{"messages": {}}', b'{"messages": []}', b'{"x": 1}'):
        problem(send(client, body), 422, "invalid")


def test_a_body_larger_than_its_length_says_is_refused_as_well(
    client: TestClient, admin: Api, problem: CheckProblem
) -> None:
    chunks = (b" " * 1_000_000 for _ in range(7))
    answer = client.post(PATH, content=chunks, headers={"X-API-Token": ADMIN_TOKEN})
    problem(answer, 413, "body_too_large")


def test_json_is_taken_under_its_variants(client: TestClient, admin: Api) -> None:
    for content_type in ("application/json; charset=UTF-8", "APPLICATION/JSON", "application/vnd.acme+json"):
        assert send(client, b'{"messages": [1]}', content_type).json()["code"] == "nothing_accepted"
