"""How callers prove who they are. Who may call what: test_rights.py."""

import hashlib

from fastapi.testclient import TestClient

from functions.api.auth import CACHED, Authenticator
from functions.api.services import Services
from shared.aws.dynamodb import ItemKey, Table
from shared.tenants.api_keys import ApiKey, ApiKeyTable, first_key
from tests import boto
from tests.unit.clock import SettableClock
from tests.unit.functions.api.caller import ADMIN_TOKEN, Api, CheckProblem, Keys


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
    boto.secrets_manager().put_secret_value(SecretId="admin-token", SecretString="another-token")
    clock.advance(CACHED)
    assert empty.get("/v1/tenants").status_code == 401
    assert Api(client, "another-token").get("/v1/tenants").status_code == 200


def test_keys_are_looked_up_once_in_thirty_seconds(registry: Table, clock: SettableClock) -> None:
    class Counting(ApiKeyTable):
        reads = 0

        def find(self, secret: str, now: int) -> ApiKey | None:
            self.reads += 1
            return super().find(secret, now)

    secret, writes = first_key("acme", clock.now)
    registry.transact(writes)
    api_keys = Counting(registry)
    authenticator = Authenticator(lambda: ADMIN_TOKEN, api_keys, clock)
    for _ in range(5):
        assert authenticator.caller(secret).tenant_id == "acme"
    assert api_keys.reads == 1
    clock.advance(CACHED)
    authenticator.caller(secret)
    assert api_keys.reads == 2


def test_neither_tokens_nor_keys_are_stored(admin: Api, keys: Keys, services: Services, registry: Table) -> None:
    stored = str(boto.dynamodb().scan(TableName=registry.name)["Items"])
    assert keys.acme not in stored
    assert "pw-1" not in stored
