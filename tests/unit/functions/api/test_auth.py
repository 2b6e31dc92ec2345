"""Who may call what: every route of the OpenAPI document with every kind of caller."""

import hashlib
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from functions.api.auth import CACHED, Authenticator
from functions.api.services import Services
from shared.aws import clients
from shared.aws.dynamodb import ItemKey, Table
from shared.clock import MINUTE
from shared.errors import Unauthenticated
from shared.tenants.table import ApiKeyTable, new_api_key
from tests.unit.clock import SettableClock
from tests.unit.functions.api.caller import ADMIN_TOKEN, Api, CheckProblem, Keys

# A = admin only, T = admin or that tenant, P = public. A new route must be entered here to pass.
RIGHTS = {
    ("GET", "/health"): "P",
    ("GET", "/v1/instance"): "A",
    ("PUT", "/v1/instance"): "A",
    ("POST", "/v1/instance/pause"): "A",
    ("POST", "/v1/instance/resume"): "A",
    ("GET", "/v1/tenants"): "A",
    ("PUT", "/v1/tenants/{tenant_id}"): "A",
    ("GET", "/v1/tenants/{tenant_id}"): "T",
    ("PATCH", "/v1/tenants/{tenant_id}"): "T",
    ("POST", "/v1/tenants/{tenant_id}/suspend"): "T",
    ("POST", "/v1/tenants/{tenant_id}/activate"): "T",
    ("GET", "/v1/tenants/{tenant_id}/accounts"): "T",
    ("GET", "/v1/tenants/{tenant_id}/accounts/{account_id}"): "T",
    ("PUT", "/v1/tenants/{tenant_id}/accounts/{account_id}"): "T",
    ("DELETE", "/v1/tenants/{tenant_id}/accounts/{account_id}"): "T",
    ("POST", "/v1/tenants/{tenant_id}/messages"): "T",
    ("GET", "/v1/tenants/{tenant_id}/messages"): "T",
    ("GET", "/v1/tenants/{tenant_id}/messages/{message_id}"): "T",
    ("POST", "/v1/tenants/{tenant_id}/messages/{message_id}/cancel"): "T",
    ("POST", "/v1/tenants/{tenant_id}/messages/{message_id}/retry"): "T",
    ("GET", "/v1/tenants/{tenant_id}/suppressions"): "T",
    ("GET", "/v1/tenants/{tenant_id}/suppressions/{address}"): "T",
    ("PUT", "/v1/tenants/{tenant_id}/suppressions/{address}"): "T",
    ("DELETE", "/v1/tenants/{tenant_id}/suppressions/{address}"): "T",
}
IDS = {"tenant_id": "acme", "account_id": "main", "message_id": "MSG-1", "address": "anna@example.com"}
LET_IN = "let in"


def operations(document: dict[str, Any]) -> set[tuple[str, str]]:
    return {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}


def outcome(answer: Response) -> int | str:
    return answer.status_code if answer.status_code in (401, 403) or answer.status_code >= 500 else LET_IN


def test_each_route_lets_in_whom_it_should(admin: Api, keys: Keys, client: TestClient) -> None:
    assert operations(client.get("/openapi.json").json()) == set(RIGHTS)
    expected_of = {
        "P": {"none": LET_IN, "wrong": LET_IN, "other": LET_IN, "own": LET_IN, "admin": LET_IN},
        "A": {"none": 401, "wrong": 401, "other": 403, "own": 403, "admin": LET_IN},
        "T": {"none": 401, "wrong": 401, "other": 403, "own": LET_IN, "admin": LET_IN},
    }
    tokens = {"none": None, "wrong": "x" * 43, "other": keys.other, "own": keys.acme, "admin": ADMIN_TOKEN}

    found = {
        (method, path): {
            who: outcome(Api(client, token).call(method, path.format(**IDS), {} if method != "GET" else None))
            for who, token in tokens.items()
        }
        for method, path in RIGHTS
    }

    assert found == {route: expected_of[right] for route, right in RIGHTS.items()}


def test_a_missing_and_a_wrong_token_get_the_same_answer(admin: Api, client: TestClient, problem: CheckProblem) -> None:
    path = "/v1/tenants/acme"
    answers = [Api(client, token).get(path) for token in (None, "", "wrong", "x" * 43, "y" * 100_000)]
    answers.append(client.get(path, headers={"Authorization": f"Basic {ADMIN_TOKEN}"}))
    for answer in answers:
        assert problem(answer, 401, "unauthenticated") == answers[0].json()
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_nobody_without_a_token_learns_what_exists_or_has_a_body_read(admin: Api, client: TestClient) -> None:
    nobody = Api(client, None)
    answer = nobody.get("/v1/tenants/no-such-tenant")
    assert answer.json() == nobody.get("/v1/tenants/acme").json() | {"instance": "/v1/tenants/no-such-tenant"}
    assert client.post("/v1/tenants/acme/messages", content=b"{not json").status_code == 401


def test_the_token_is_taken_from_the_bearer_header_as_well(client: TestClient, keys: Keys) -> None:
    for token in (keys.acme, ADMIN_TOKEN):
        for scheme in ("Bearer", "bearer"):
            answer = client.get("/v1/tenants/acme", headers={"Authorization": f"{scheme} {token}"})
            assert answer.status_code == 200


def test_a_tenant_may_not_name_another_tenant_by_any_spelling(acme: Api) -> None:
    for path in ("other", "OTHER", "other%2f", "acme%2f..%2fother", "acme/../other", "%6fther", "acme%00"):
        assert acme.get(f"/v1/tenants/{path}").status_code in (403, 404), path


def test_a_revoked_key_dies_within_thirty_seconds(acme: Api, keys: Keys, registry: Table, clock: SettableClock) -> None:
    assert acme.get("/v1/tenants/acme").status_code == 200
    registry.delete(ItemKey(f"APIKEY#{hashlib.sha256(keys.acme.encode()).hexdigest()}", "APIKEY"))
    clock.advance(CACHED)
    assert acme.get("/v1/tenants/acme").status_code == 401


def test_a_new_admin_token_holds_within_thirty_seconds(empty: Api, client: TestClient, clock: SettableClock) -> None:
    assert empty.get("/v1/tenants").status_code == 200
    clients.secrets_manager().put_secret_value(SecretId="admin-token", SecretString="another-token")
    clock.advance(CACHED)
    assert empty.get("/v1/tenants").status_code == 401
    assert Api(client, "another-token").get("/v1/tenants").status_code == 200


def test_an_expired_key_is_no_key(registry: Table, clock: SettableClock) -> None:
    key, put_key = new_api_key("acme", clock.now)
    registry.put(put_key.item | {"expires_at": clock.now + MINUTE})
    authenticator = Authenticator(lambda: ADMIN_TOKEN, ApiKeyTable(registry), clock)
    assert authenticator.caller(key).tenant_id == "acme"
    clock.advance(MINUTE)
    with pytest.raises(Unauthenticated):
        authenticator.caller(key)


def test_keys_are_looked_up_once_in_thirty_seconds(registry: Table, clock: SettableClock) -> None:
    class Counting(ApiKeyTable):
        reads = 0

        def tenant_of(self, key: str, now: int) -> str | None:
            self.reads += 1
            return super().tenant_of(key, now)

    key, put_key = new_api_key("acme", clock.now)
    registry.put(put_key.item)
    api_keys = Counting(registry)
    authenticator = Authenticator(lambda: ADMIN_TOKEN, api_keys, clock)
    for _ in range(5):
        assert authenticator.caller(key).tenant_id == "acme"
    assert api_keys.reads == 1
    clock.advance(CACHED)
    authenticator.caller(key)
    assert api_keys.reads == 2


def test_neither_tokens_nor_keys_are_stored(admin: Api, keys: Keys, services: Services, registry: Table) -> None:
    stored = str(clients.dynamodb().scan(TableName=registry.name)["Items"])
    assert keys.acme not in stored
    assert "pw-1" not in stored
