"""The audit log over HTTP: what leaves a record, what is in it, and how it is read."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from functions.api.app import create_app
from functions.api.openapi import openapi_document
from functions.api.redaction import REDACTED
from functions.api.routes import commands
from functions.api.services import Services
from shared.aws.attributes import Item, from_attributes
from shared.aws.dynamodb import Condition, Table
from shared.clock import DAY, MINUTE
from shared.errors import StorageUnavailable
from shared.tenants.table import TenantTable
from tests.unit.clock import SettableClock
from tests.unit.functions.api.caller import ADMIN_TOKEN, Api, CheckProblem, Keys, MakeMessage
from tests.unit.functions.api.operations import Operation, operations
from tests.unit.moto_wire import observed
from tests.unit.stored import every_item

SECRET = "hunter2-the-secret"
ACCOUNT = {"host": "127.0.0.1", "port": 9, "tls": "starttls", "username": "acme", "password": SECRET}


def latest(admin: Api, **query: str | int) -> dict[str, Any]:
    found: dict[str, Any] = admin.get("/v1/commands", limit=1, **query).json()["commands"][0]
    return found


def records(registry: Table) -> list[dict[str, object]]:
    return [item for item in every_item(registry) if str(item["pk"]).startswith("COMMANDS#")]


@pytest.fixture
def written() -> Iterator[list[Item]]:
    """The records as they are written."""
    found: list[Item] = []

    def note(operation: str, request: dict[str, Any]) -> None:
        if operation == "PutItem" and request["Item"]["pk"]["S"].startswith("COMMANDS#"):
            found.append(from_attributes(request["Item"]))

    with observed(note):
        yield found


class Document:
    """The OpenAPI document, and bodies made from its schemas with a secret in them."""

    def __init__(self) -> None:
        self._document = openapi_document(create_app())

    def bodies(self, operation: Operation) -> Iterator[object]:
        """None, each example with every secret replaced, and one with secrets where none belong."""
        described = self._document["paths"][operation.path][operation.method.lower()]
        if "requestBody" not in described:
            yield None
            return
        content = described["requestBody"]["content"]["application/json"]
        for example in content["examples"].values():
            yield self._with_secrets(example["value"], content["schema"])
        names = {name for each in self._alternatives(content["schema"]) for name in each.get("properties", {})}
        yield dict.fromkeys(names | {"unknown", SECRET}, SECRET)
        yield SECRET

    def _with_secrets(self, value: object, schema: dict[str, Any]) -> Any:
        possible = list(self._alternatives(schema))
        if isinstance(value, str):
            return SECRET if any(each.get("format") == "password" for each in possible) else value
        if isinstance(value, list):
            items: dict[str, Any] = next((each["items"] for each in possible if "items" in each), {})
            return [self._with_secrets(each, items) for each in value]
        if isinstance(value, dict):
            named = {name: inner for each in possible for name, inner in each.get("properties", {}).items()}
            return {name: self._with_secrets(each, named.get(name, {})) for name, each in value.items()}
        return value

    def _alternatives(self, schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield schema
        if "$ref" in schema:
            yield from self._alternatives(self._document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
        for each in schema.get("anyOf", []) + schema.get("oneOf", []):
            yield from self._alternatives(each)


def test_every_operation_that_may_change_something_leaves_one_record_a_call_and_no_secret(
    empty: Api, written: list[Item]
) -> None:
    document, secrets_sent, kept = Document(), 0, ""
    succeeded = set[str]()
    for number, operation in enumerate(each for each in operations() if each.is_mutating):
        tenant = f"tenant-{number}"
        key = empty.put(f"/v1/tenants/{tenant}", {}).json()["api_key"]
        if "account_id" in operation.path:
            assert empty.put(f"/v1/tenants/{tenant}/accounts/main", ACCOUNT).status_code == 201
        for body in document.bodies(operation):
            secrets_sent += SECRET in json.dumps(body)
            written.clear()
            answer = empty.call(operation.method, operation.called(tenant_id=tenant), body)
            [made] = written
            kept += json.dumps(made)
            assert (made["method"], made["route"], made["status"]) == (
                (operation.method, operation.path, answer.status_code)
            )
            assert made.get("tenant_id") == (tenant if operation.of_tenant else None), operation
            assert made["request_id"] == answer.headers["x-request-id"]
            if answer.is_success:
                succeeded.add(str(operation))
        assert key not in kept
    assert SECRET not in kept
    assert REDACTED in kept
    assert secrets_sent > 20
    assert len(succeeded) > 12


def test_what_changes_nothing_leaves_no_record(admin: Api, written: list[Item]) -> None:
    for operation in operations():
        if not operation.is_mutating:
            admin.call(operation.method, operation.called())
    assert written == []


def test_calls_that_nobody_answers_for_leave_no_record_and_those_out_of_reach_do(
    client: TestClient, admin: Api, acme: Api, keys: Keys, registry: Table, clock: SettableClock
) -> None:
    admin.patch("/v1/tenants/acme", {"calls_per_minute": 1})
    clock.advance(MINUTE)
    before = len(records(registry))
    assert Api(client, "wrong").put("/v1/tenants/acme/accounts/main", ACCOUNT).status_code == 401
    assert acme.delete("/v1/tenants/other").status_code == 403
    assert acme.delete("/v1/tenants/other").status_code == 429
    assert len(records(registry)) == before + 1
    refused = latest(admin, tenant_id="other")
    assert (refused["action"], refused["status"], refused["code"]) == ("delete_tenant", 403, "forbidden")
    assert (refused["actor"]["kind"], refused["actor"]["tenant_id"]) == ("tenant", "acme")
    assert refused["body"] is None


def test_a_record_says_who_did_what_to_what(admin: Api, acme: Api, keys: Keys, services: Services) -> None:
    answer = acme.put("/v1/tenants/acme/accounts/second", ACCOUNT | {"limits": {"per_day": 5}})
    key = services.api_keys.find(keys.acme, services.clock())
    assert key is not None
    made = latest(admin)
    assert made == {
        "id": made["id"],
        "at": "2026-01-01T12:00:00.000Z",
        "actor": {"kind": "tenant", "tenant_id": "acme", "key_id": key.id, "component": None},
        "action": "put_account",
        "tenant_id": "acme",
        "method": "PUT",
        "route": "/v1/tenants/{tenant_id}/accounts/{account_id}",
        "objects": {"account_id": "second"},
        "status": 201,
        "code": None,
        "replayed": False,
        "request_id": answer.headers["x-request-id"],
        "body": ACCOUNT | {"password": REDACTED, "limits": {"per_day": 5}},
        "result": None,
    }
    admin.post("/v1/instance/pause")
    paused = latest(admin)
    assert (paused["actor"]["kind"], paused["tenant_id"], paused["body"]) == ("admin", None, None)


def test_every_secret_of_oauth_is_left_out(admin: Api, acme: Api) -> None:
    oauth = {
        "grant": "refresh_token", "token_url": "https://login.example/token", "client_id": "c",
        "client_secret": SECRET, "refresh_token": SECRET,
    }  # fmt: skip
    settings = {name: value for name, value in ACCOUNT.items() if name != "password"} | {"oauth": oauth}
    assert acme.put("/v1/tenants/acme/accounts/main", settings).status_code == 200
    assert latest(admin)["body"]["oauth"] == oauth | {"client_secret": REDACTED, "refresh_token": REDACTED}


def test_of_messages_ids_and_counts_are_recorded_and_nothing_that_they_say(
    admin: Api, acme: Api, message: MakeMessage, registry: Table
) -> None:
    texts = {"subject": "private-subject", "text": "private-text", "to": ["private@example.com"]}
    acme.submit(message("a", **texts), message("b", **texts), message("c", account_id="none"), default_priority="low")
    made = latest(admin)
    assert made["body"] == {"messages": REDACTED, "default_priority": "low"}
    assert made["result"] == {"accepted_count": 2, "rejected_count": 1, "accepted": ["a", "b"]}
    assert "private" not in json.dumps(records(registry), default=str)


def test_an_answer_given_again_is_recorded_as_such(
    client: TestClient, admin: Api, keys: Keys, message: MakeMessage, registry: Table
) -> None:
    headers = {"X-API-Token": keys.acme, "Idempotency-Key": "k-1"}
    for _ in range(2):
        body = {"messages": [message("a", subject="private")]}
        assert client.post("/v1/tenants/acme/messages", json=body, headers=headers).status_code == 202
    again, first = admin.get("/v1/commands", limit=2).json()["commands"]
    assert (first["replayed"], again["replayed"]) == (False, True)
    assert again["body"] == {"messages": REDACTED}
    assert again["result"] is None


def test_what_was_deleted_how_is_recorded(admin: Api, acme: Api, message: MakeMessage) -> None:
    acme.submit(message("a"), message("b"))
    acme.post("/v1/tenants/acme/messages/delete", {"ids": ["a", "none"]})
    assert latest(admin)["result"] == {
        "removed_count": 1, "not_found_count": 1, "in_flight_count": 0, "removed": ["a"],
    }  # fmt: skip
    acme.delete("/v1/tenants/acme/accounts/main?force=true")
    assert latest(admin)["result"] == {"forced": True}


def test_a_new_key_is_named_and_not_shown(admin: Api, keys: Keys, registry: Table) -> None:
    rotated = admin.post("/v1/tenants/acme/api-key", {"overlap_seconds": 0}).json()
    assert latest(admin)["result"] == {"key_id": rotated["id"]}
    assert rotated["api_key"] not in json.dumps(records(registry), default=str)


def test_a_call_that_broke_off_is_recorded(
    admin: Api, acme: Api, problem: CheckProblem, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise StorageUnavailable("DynamoDB PutItem: throttled")

    with monkeypatch.context() as patched:
        patched.setattr(TenantTable, "replace", unreachable)
        problem(acme.patch("/v1/tenants/acme", {"name": "Acme"}), 503, "unavailable")
    made = latest(admin)
    assert (made["action"], made["status"], made["code"]) == ("patch_tenant", 503, "unavailable")


def test_a_change_that_cannot_be_recorded_is_answered_as_made(
    admin: Api, acme: Api, services: Services, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put = Table.put

    def unreachable(self: Table, item: Item, condition: Condition | None = None) -> None:
        if str(item["pk"]).startswith("COMMANDS#"):
            raise StorageUnavailable("DynamoDB PutItem: throttled")
        put(self, item, condition)

    with monkeypatch.context() as patched:
        patched.setattr(Table, "put", unreachable)
        assert acme.patch("/v1/tenants/acme", {"name": "Renamed"}).status_code == 200
    assert acme.get("/v1/tenants/acme").json()["name"] == "Renamed"
    assert "CommandsNotRecorded" in capsys.readouterr().out


def test_records_are_read_by_tenant_and_time_in_pages(
    admin: Api, acme: Api, clock: SettableClock, problem: CheckProblem
) -> None:
    names = [f"n{number}" for number in range(5)]
    for name in names:
        clock.advance(MINUTE)
        acme.patch("/v1/tenants/acme", {"name": name})
    found = list[str]()
    query: dict[str, str | int] = {"tenant_id": "acme", "limit": 2, "since": "2026-01-01T12:01:00Z"}
    while True:
        page = admin.get("/v1/commands", **query).json()
        found += [each["body"]["name"] for each in page["commands"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert found == names[::-1]
    until = admin.get("/v1/commands", since="2026-01-01T12:02:00Z", until="2026-01-01T12:04:00+00:00").json()
    assert [each["body"]["name"] for each in until["commands"]] == ["n2", "n1"]

    cursor = {"cursor": admin.get("/v1/commands", limit=1).json()["next_cursor"]}
    problem(admin.get("/v1/commands", tenant_id="acme", **cursor), 422, "invalid")
    problem(admin.get("/v1/commands/export", **cursor), 422, "invalid")
    problem(admin.get("/v1/commands", since="2026-01-02T00:00:00Z", until="2026-01-01T00:00:00Z"), 422, "invalid")
    problem(admin.get("/v1/commands", since="2026-01-02T00:00:00"), 422, "invalid")


def test_an_export_goes_on_where_its_last_line_says(
    admin: Api, acme: Api, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.advance(DAY)
    names = [f"n{number}" for number in range(7)]
    for name in names:
        acme.patch("/v1/tenants/acme", {"name": name})
    monkeypatch.setattr(commands, "_MAX_EXPORT_BYTES", 1_000)
    found, query = list[str](), {"since": "2026-01-02T00:00:00Z"}
    answers = 0
    while True:
        answer = admin.get("/v1/commands/export", **query)
        assert answer.headers["content-type"] == "application/x-ndjson"
        lines = [json.loads(line) for line in answer.text.splitlines()]
        answers += 1
        found += [line["body"]["name"] for line in lines if "id" in line]
        if "next_cursor" not in lines[-1]:
            break
        query["cursor"] = lines[-1]["next_cursor"]
    assert found == names
    assert answers > 2


def test_an_export_without_records_is_empty(empty: Api) -> None:
    answer = empty.get("/v1/commands/export")
    assert (answer.status_code, answer.content) == (200, b"")


def test_only_the_admin_reads_the_audit_log(acme: Api, client: TestClient, problem: CheckProblem) -> None:
    for path in ("/v1/commands", "/v1/commands/export"):
        problem(acme.get(path), 403, "forbidden")
        problem(acme.get(path, tenant_id="acme"), 403, "forbidden")
        problem(Api(client, None).get(path), 401, "unauthenticated")
    assert Api(client, ADMIN_TOKEN).get("/v1/commands").status_code == 200
