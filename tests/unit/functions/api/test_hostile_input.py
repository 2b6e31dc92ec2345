"""Whatever is sent, the answer is a problem document that says what is wrong; nothing else happens."""

import gzip
import json
from io import StringIO
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.api.app import create_app
from functions.api.gate import MAX_BODY_BYTES, MAX_DEPTH
from functions.api.services import Services
from tests.unit.functions.api.caller import Api
from tests.unit.functions.api.raw_calls import JSON, RawCalls

TENANT = "/v1/tenants/acme"
MESSAGES = f"{TENANT}/messages"

# One application for all that a test draws: nothing of it changes anything.
drawn = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def raw(admin: Api, services: Services) -> RawCalls:
    return RawCalls(create_app(lambda: services))


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


def test_bodies_nested_more_deeply_than_anything_needs_are_refused_before_anything_recurses(raw: RawCalls) -> None:
    for depth in (MAX_DEPTH + 1, 900, 5_000, 100_000):
        for method, path in (("PATCH", TENANT), ("PUT", "/v1/instance"), ("POST", MESSAGES)):
            for body in (nested(depth), b'{"messages": [' + nested(depth) + b"]}", b"[" * depth + b"]" * depth):
                problem = raw.call(method, path, headers=JSON, body=body).problem()
                assert (problem["status"], problem["code"]) == (400, "malformed_body")
                assert "deep" in problem["detail"]
    problem = raw.call("PATCH", TENANT, headers=JSON, body=nested(MAX_DEPTH)).problem()
    assert [each["code"] for each in problem["errors"]] == ["unknown_field"]


def test_a_body_that_is_too_large_is_told_the_numbers_and_the_way_round(raw: RawCalls) -> None:
    declared = raw.call("POST", MESSAGES, headers=[*JSON, (b"content-length", b"7000000")], body=b"{}").problem()
    sent = raw.call("POST", MESSAGES, headers=JSON, body=b" " * (MAX_BODY_BYTES + 1)).problem()
    for problem in (declared, sent):
        assert (problem["status"], problem["code"]) == (413, "body_too_large")
        for part in (f"{MAX_BODY_BYTES:,} bytes", "5 MB", "/attachments"):
            assert part in problem["detail"]
    assert "7,000,000" in declared["detail"]
    for length in (b"-1", b"abc", b"1e9", b"9" * 5_000, "٣".encode(), b""):
        answer = raw.call("POST", MESSAGES, headers=[*JSON, (b"content-length", length)], body=b"{}")
        assert answer.problem()["status"] in (413, 422), length


def test_a_compressed_body_is_refused_before_anything_unpacks_it(raw: RawCalls) -> None:
    bomb = gzip.compress(b"0" * 10_000_000)
    for coding in (b"gzip", b"deflate", b"br", b"GZIP", b"gzip, gzip", b"x-\xff", b"identity, gzip"):
        answer = raw.call("POST", MESSAGES, headers=[*JSON, (b"content-encoding", coding)], body=bomb)
        assert (answer.status, answer.problem()["code"]) == (415, "unsupported_media_type"), coding
        assert answer.headers["accept-encoding"] == "identity"
    for coding in (b"identity", b""):
        headers = [*JSON, (b"content-encoding", coding)]
        assert raw.call("PATCH", TENANT, headers=headers, body=b'{"name": "A"}').status == 200


def test_numbers_beyond_all_bounds_are_refused(raw: RawCalls) -> None:
    for value in ("1e400", "-1e400", "1" * 4_000, "1" * 5_000, "-1", "1.5", "99999999999"):
        for method, path, body in (
            ("PATCH", TENANT, f'{{"limits": {{"per_day": {value}}}}}'),
            ("PUT", "/v1/instance", f'{{"retention_seconds": {value}}}'),
            ("POST", f"{TENANT}/api-key", f'{{"overlap_seconds": {value}}}'),
        ):
            problem = raw.call(method, path, headers=JSON, body=body.encode()).problem()
            assert problem["status"] in (400, 422), value
            assert len(json.dumps(problem)) < 2_000


def test_text_that_trips_others_up_breaks_nothing(raw: RawCalls) -> None:
    """NUL, a pair of surrogates, a non-character, a line separator: as every text of a message."""
    valid = {"id": "MSG-1", "account_id": "main", "from": "a@x.test", "to": "b@x.test", "text": "x"}
    fields = ("id", "account_id", "from", "to", "subject", "text", "html", "batch_code", "message_id")
    for text in ("\\u0000", "a\\u0000b", "\\ud83d\\ude00", "\\uffff", "\\u2028"):
        entries = [json.dumps(valid | {name: "?"}).replace('"?"', f'"{text}"') for name in fields]
        for entry in (*entries, json.dumps(valid)[:-1] + f', "{text}": 1}}'):
            answer = raw.call("POST", MESSAGES, headers=JSON, body=f'{{"messages": [{entry}]}}'.encode())
            assert answer.status == 202 or answer.problem()["code"] == "nothing_accepted", entry


@drawn
@given(st.binary(min_size=1, max_size=200), st.sampled_from([MESSAGES, f"{MESSAGES}/delete", f"{TENANT}/suspend"]))
def test_a_body_of_any_bytes_is_a_clear_error(raw: RawCalls, body: bytes, path: str) -> None:
    raw.call("POST", path, headers=JSON, body=body).problem()


NO_PATHS = (
    "//v1/tenants",
    "/v1//tenants/acme",
    "/v1/tenants//messages",
    "/v1/tenants/acme/",
    "/v1/tenants/acme/../other",
    "/v1/tenants/./acme",
    "/v1/tenants/..",
    "/v1/tenants/acme%2Fmessages",
    "/v1/tenants/acme\x00",
    "/v1/tenants/acme\n",
    "/v1/tenants/\ufffd",
    "/v1/tenants/аcme",  # a Cyrillic а
    "/v1/tenants/" + "a" * 100_000,
    "/v1/tenants/acme/messages/MSG-1/../../other",
    "/v1/tenants/acme/accounts/main/../../../other/accounts/main",
    "/v1/tenants/acme/suppressions/../../other",
    "/v1/tenants/acme/suppressions/",
    "/v1/tenants/acme/suppressions/\r\nX-Evil: 1",
    "/V1/tenants",
    "/v1/tenants;x=1",
    "",
    "*",
    "/" * 5_000,
)


def test_a_path_that_is_none_leads_nowhere(raw: RawCalls) -> None:
    for path in NO_PATHS:
        assert raw.call("GET", path).problem()["status"] in (404, 422), path


@drawn
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), st.binary(max_size=60))
def test_any_path_and_any_query_is_answered(raw: RawCalls, rest: str, query: bytes) -> None:
    for prefix in ("/v1/tenants/", f"{TENANT}/", f"{MESSAGES}/"):
        answer = raw.call("GET", prefix + rest, query=query)
        assert answer.status == 200 or answer.problem()["status"] in (404, 405, 422)
    for name in (b"limit", b"cursor", b"status", b"since", b"account_id", b"batch_code"):
        for value in (query, quote_from_bytes(query).encode()):
            answer = raw.call("GET", MESSAGES, query=name + b"=" + value)
            assert answer.status == 200 or answer.problem()["status"] == 422


def test_a_very_long_query_is_refused_by_its_length(raw: RawCalls) -> None:
    for name in (b"cursor", b"limit", b"account_id", b"since"):
        problem = raw.call("GET", MESSAGES, query=name + b"=" + b"1" * 100_000).problem()
        assert problem["status"] == 422
        assert len(json.dumps(problem)) < 2_000
    assert raw.call("GET", MESSAGES, query=b"&".join([b"unknown=1"] * 10_000)).status == 200


def test_a_method_that_is_not_possible_is_told_which_are(raw: RawCalls) -> None:
    for method in ("TRACE", "CONNECT", "HEAD", "OPTIONS", "BREW", "get", "P" * 10_000):
        answer = raw.call(method, MESSAGES)
        assert (answer.status, answer.headers["allow"]) == (405, "GET, POST")
        assert len(answer.problem()["detail"]) < 200


def test_headers_that_are_none_of_what_they_say_are_refused(raw: RawCalls) -> None:
    right = raw.token
    for token in (b"", b"\xff\xfe", b"x" * 100_000, "тоken".encode(), right + b"\x00", right[:-1], b"a, b"):
        for headers in ([(b"authorization", b"Bearer " + token)], [(b"authorization", token)], []):
            assert RawCalls(raw.app, token).call("GET", TENANT, headers=headers).problem()["status"] == 401
    for key in (b"", b" ", b"\xff", b"x" * 100_000, b"a b", b"\x00"):
        answer = raw.call("POST", MESSAGES, headers=[*JSON, (b"idempotency-key", key)], body=b'{"messages": [{}]}')
        assert [(each["in"], each["pointer"]) for each in answer.problem()["errors"]] == [
            ("header", "/Idempotency-Key")
        ]
    for content_type in (
        *(b"", b"\xff", b"application/json; charset=\xff", b"application/json\x00", b"application/json, text/plain"),
        *(b"text/json", b"application/jsonp", b"=?utf-8?b?YQ==?=", b"application/" + b"x" * 100_000),
    ):
        answer = raw.call("POST", MESSAGES, headers=[(b"content-type", content_type)], body=b"{}")
        assert answer.problem()["code"] == "unsupported_media_type", content_type


def test_nothing_of_it_becomes_a_line_of_its_own_in_the_log(raw: RawCalls, log: StringIO) -> None:
    log.seek(0)
    log.truncate()
    raw.call("GET", f'{TENANT}/accounts/x\n{{"level":"ERROR"}}', headers=[(b"x-request-id", b'a\n{"level":1}')])
    [line] = log.getvalue().splitlines()
    assert json.loads(line)["message"] == "call"
