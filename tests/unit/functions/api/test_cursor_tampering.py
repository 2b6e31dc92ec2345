"""Cursors are no secret: whoever makes one up sees what the route shows them, and nothing else (docs/adr/0080)."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from functions.api import cursors
from functions.api.app import create_app
from functions.api.cursors import encode_cursor
from functions.api.openapi import openapi_document
from functions.api.services import Services
from shared.identifiers import due_key
from tests.unit.clock import NOON
from tests.unit.functions.api.caller import Api, MakeMessage
from tests.unit.functions.api.raw_calls import JSON, RawCalls

ULID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
KEYS = st.sampled_from(
    ["TENANT#other", "ACCOUNT#SECRET", "MAIL#other#SECRET", "LINE#reports#other", "EVENTS#other", "INSTANCE"]
)
PLACES = st.one_of(
    st.text(max_size=100),
    st.integers(-1, 10**14).map(lambda instant: f"{instant}#SECRET"),
    st.integers(0, 10**13).map(lambda instant: due_key(instant, ULID)),
    st.sampled_from(["", "#", "other", "\x00", "\uffff", "~" * 400, "SECRET@x.test", f"log#{due_key(NOON, ULID)}#0"]),
    KEYS,
    st.tuples(KEYS, st.text(max_size=5)).map("".join),
)


def listings() -> list[tuple[str, str, str]]:
    """Every operation that takes a cursor: method, path, and where the cursor stands."""
    document = openapi_document(create_app())
    found = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if any(each["name"] == "cursor" for each in operation.get("parameters", [])):
                found.append((method.upper(), path, "query"))
            content: dict[str, Any] = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
            if "cursor" in document["components"]["schemas"].get(name, {}).get("properties", {}):
                found.append((method.upper(), path, "body"))
    return found


LISTINGS = listings()


@pytest.fixture
def raw(admin: Api, services: Services, message: MakeMessage, monkeypatch: pytest.MonkeyPatch) -> RawCalls:
    """Any cursor whatever has the right mark: whoever reads this project can make it."""
    monkeypatch.setattr(cursors, "_mark", lambda _listing, _text: b"any mark.")
    relay = {"host": "smtp.example.com", "port": 25, "tls": "none"}
    assert admin.put("/v1/tenants/other/accounts/SECRET", relay).status_code == 201
    assert admin.put("/v1/tenants/other/suppressions/SECRET@x.test", {}).status_code == 201
    assert admin.submit(message("SECRET"), tenant="other").status_code == 202
    for tenant_id, password in (("acme", "password"), ("other", "SECRET")):
        mailbox = {
            "kind": "bounces",
            "host": "127.0.0.1",
            "port": 1,
            "tls": "none",
            "username": "u",
            "password": password,
        }
        assert admin.put(f"/v1/tenants/{tenant_id}/mailboxes/returns", mailbox).status_code == 201
    return RawCalls(create_app(lambda: services))


def test_the_lists_are_found() -> None:
    assert len(LISTINGS) >= 6
    assert {where for _, _, where in LISTINGS} == {"query", "body"}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(place="SECRE")
@example(place=f"{NOON + 1}#SECRET")
@given(place=PLACES)
def test_a_cursor_that_is_made_up_shows_nothing_of_another_tenant_and_breaks_nothing(raw: RawCalls, place: str) -> None:
    cursor = encode_cursor("", place)
    for method, path, where in LISTINGS:
        called = path.format(tenant_id="acme", mailbox_id="returns")
        body = json.dumps({"cursor": cursor, "older_than_seconds": 0}).encode() if where == "body" else b""
        query = f"limit=5&cursor={cursor}".encode() if where == "query" else b""
        answer = raw.call(method, called, query=query, headers=JSON, body=body)
        if answer.status != 200:
            [error] = answer.problem()["errors"]
            assert error["pointer"] == "/cursor"
        if "{tenant_id}" in path:
            assert b"SECRET" not in answer.body
