"""Tenants over HTTP."""

import pytest
from fastapi.testclient import TestClient

from functions.api.auth import CACHED
from functions.api.routes.tenants import merged
from functions.api.services import Services
from shared.aws.dynamodb import Table
from shared.lines.head import Heads
from shared.lines.line import LineKind, account_line
from tests.unit.clock import SettableClock
from tests.unit.functions.api.caller import Api, CheckProblem, MakeMessage

SETTINGS = {
    "name": "Acme",
    "client_base_url": "https://acme.example/app/",
    "client_auth": {"method": "bearer", "token": "TOKEN-OF-ACME"},
    "default_account": "main",
}


def test_a_new_tenant_gets_its_key_once(empty: Api, client: TestClient) -> None:
    created = empty.put("/v1/tenants/acme", SETTINGS)
    assert created.status_code == 201
    assert len(created.json()["api_key"]) == 43
    again = empty.put("/v1/tenants/acme", SETTINGS)
    assert again.status_code == 200
    assert "api_key" not in again.json()
    assert Api(client, created.json()["api_key"]).get("/v1/tenants/acme").json() == again.json()


def test_a_tenant_is_shown_without_its_secrets(empty: Api) -> None:
    empty.put("/v1/tenants/acme", SETTINGS)
    shown = empty.get("/v1/tenants/acme")
    assert shown.json() == {
        "id": "acme",
        "name": "Acme",
        "active": True,
        "client_base_url": "https://acme.example/app",
        "client_sync_path": None,
        "client_attachment_path": None,
        "client_auth": {"method": "bearer", "user": None, "has_secret": True},
        "default_account": "main",
        "ack": "strict",
        "limits": {
            "per_second": None,
            "per_minute": None,
            "per_hour": None,
            "per_day": None,
            "count": "messages",
            "behavior": "defer",
        },
        "retry": None,
        "calls_per_minute": None,
        "suspended": False,
        "suspended_batches": [],
        "deleting": False,
        "created_at": "2026-01-01T12:00:00.000Z",
        "updated_at": "2026-01-01T12:00:00.000Z",
    }


def test_replacing_puts_what_is_left_out_back_to_its_default(empty: Api, clock: SettableClock) -> None:
    empty.put("/v1/tenants/acme", SETTINGS)
    clock.advance(1_000)
    replaced = empty.put("/v1/tenants/acme", {"name": "Acme 2"}).json()
    assert (replaced["name"], replaced["client_base_url"]) == ("Acme 2", None)
    assert replaced["client_auth"] == {"method": "none", "user": None, "has_secret": False}
    assert replaced["created_at"] < replaced["updated_at"]


def test_a_patch_changes_what_it_names_and_keeps_the_secret(empty: Api, services: Services) -> None:
    empty.put("/v1/tenants/acme", SETTINGS)
    patched = empty.patch("/v1/tenants/acme", {"name": None, "client_sync_path": "/reports"}).json()
    assert (patched["name"], patched["client_sync_path"]) == (None, "/reports")
    assert patched["client_base_url"] == "https://acme.example/app"
    assert services.tenants.client_secret(services.tenants.get("acme")) == "TOKEN-OF-ACME"
    empty.patch("/v1/tenants/acme", {"client_auth": {"token": "ANOTHER"}})
    assert services.tenants.client_secret(services.tenants.get("acme")) == "ANOTHER"
    basic = {"client_auth": {"method": "basic", "user": "u", "password": "p"}}
    assert empty.patch("/v1/tenants/acme", basic).json()["client_auth"]["user"] == "u"
    assert services.tenants.client_secret(services.tenants.get("acme")) == "p"


def test_a_patch_keeps_the_rules(admin: Api, problem: CheckProblem) -> None:
    for changes, pointer in (
        ({"nmae": "x"}, "/nmae"),
        ({"active": "perhaps"}, "/active"),
        ({"client_auth": {"method": "bearer"}}, "/client_auth"),
        ({"client_auth": 1}, "/client_auth"),
        ({"client_base_url": "http://acme.example"}, "/client_base_url"),
        ({"client_base_url": "https://user:secret@acme.example"}, "/client_base_url"),
        ({"client_sync_path": "no-slash"}, "/client_sync_path"),
        ({"client_attachment_path": "no-slash"}, "/client_attachment_path"),
    ):
        answer = admin.patch("/v1/tenants/acme", changes)
        assert answer.status_code == 422, changes
        assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]
    problem(admin.patch("/v1/tenants/acme", [1]), 422, "invalid")
    problem(admin.patch("/v1/tenants/nobody", {}), 404, "not_found")


def test_plain_http_needs_the_operators_leave(empty: Api, problem: CheckProblem) -> None:
    for url in ("http://acme.example", "http://127.0.0.1.acme.example", "HTTP://acme.example"):
        answer = empty.put("/v1/tenants/acme", {"client_base_url": url})
        assert answer.status_code == 422, url
    problem(empty.put("/v1/tenants/acme", {"client_base_url": "http://acme.example"}), 422, "https_required")
    assert empty.put("/v1/tenants/acme", {"client_base_url": "http://127.0.0.1:8080"}).status_code == 201


def test_a_tenant_cannot_activate_itself(acme: Api, admin: Api, problem: CheckProblem) -> None:
    admin.patch("/v1/tenants/acme", {"active": False})
    problem(acme.patch("/v1/tenants/acme", {"active": True}), 403, "forbidden")
    assert acme.patch("/v1/tenants/acme", {"name": "A"}).json()["active"] is False


def test_tenants_are_listed_page_by_page(empty: Api) -> None:
    names = [f"tenant-{number}" for number in range(5)]
    for name in reversed(names):
        empty.put(f"/v1/tenants/{name}", {})
    listed: list[str] = []
    query: dict[str, str | int] = {"limit": 2}
    while True:
        page = empty.get("/v1/tenants", **query).json()
        assert len(page["tenants"]) <= 2
        listed += [each["id"] for each in page["tenants"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert listed == names


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [  # RFC 7396, appendix A
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merging_follows_the_rfc(
    target: dict[str, object], patch: dict[str, object], result: dict[str, object]
) -> None:
    assert merged(target, patch) == result


@pytest.mark.parametrize("was_active", [False, True], ids=["switched on", "switched on by a call that was cut off"])
def test_the_mail_of_a_tenant_that_is_active_again_is_sent_at_once(
    was_active: bool, admin: Api, acme: Api, messages: Table, message: MakeMessage, clock: SettableClock
) -> None:
    acme.post("/v1/tenants/acme/messages", {"messages": [message()]})
    admin.patch("/v1/tenants/acme", {"active": was_active})
    line = account_line(LineKind.MEDIUM, "acme", "main")
    heads = Heads(messages)
    head = heads.visit(line, wake_at=clock.now + 60_000)
    assert head is not None
    assert heads.block(line, head, until=clock.now + 900_000, waits=1)

    admin.patch("/v1/tenants/acme", {"active": True})

    reopened = heads.visit(line, wake_at=clock.now + 60_000)
    assert reopened is not None
    assert reopened.blocked_until is None


def test_a_tenant_is_deleted_in_the_background_and_its_id_is_taken_until_then(
    admin: Api, acme: Api, services: Services, message: MakeMessage, clock: SettableClock, problem: CheckProblem
) -> None:
    acme.submit(message())
    answer = admin.delete("/v1/tenants/acme")
    assert answer.status_code == 202
    assert (answer.json()["deleting"], answer.json()["active"]) == (True, False)
    assert admin.get("/v1/tenants/acme").json() == answer.json()
    assert [each["deleting"] for each in admin.get("/v1/tenants").json()["tenants"]] == [True, False]
    assert admin.delete("/v1/tenants/acme").status_code == 202
    for refused in (
        admin.put("/v1/tenants/acme", {}),
        admin.patch("/v1/tenants/acme", {"active": True}),
        admin.submit(message("MSG-2")),
        admin.put("/v1/tenants/acme/accounts/other", {"host": "smtp.example.com", "port": 25, "tls": "none"}),
        admin.put("/v1/tenants/acme/suppressions/a@example.com", {}),
        admin.post("/v1/tenants/acme/suspend"),
        admin.post("/v1/tenants/acme/api-key"),
    ):
        problem(refused, 409, "tenant_deleting")

    clock.advance(CACHED)

    assert acme.get("/v1/tenants/acme").status_code == 401
    problem(admin.delete("/v1/tenants/nobody"), 404, "not_found")
