"""Who may call what: every operation of the OpenAPI document with every kind of caller."""

from fastapi.testclient import TestClient
from httpx import Response

from functions.api.auth import CACHED
from shared.aws.dynamodb import Table
from shared.tenants.api_keys import ApiKeyTable
from tests.unit.clock import SettableClock
from tests.unit.functions.api.caller import ADMIN_TOKEN, Api, Keys
from tests.unit.functions.api.operations import Operation, operations

# Under a tenant's path, and yet not for the tenant. Everything else there is for the tenant and the admin, everything
# outside for the admin alone, unless the document asks for no token.
ADMIN_ONLY = {
    "PUT /v1/tenants/{tenant_id}",
    "DELETE /v1/tenants/{tenant_id}",
    "POST /v1/tenants/{tenant_id}/api-key",
    "DELETE /v1/tenants/{tenant_id}/api-key",
}
PUBLIC = {"GET /health"}
LET_IN = "let in"


KINDS = ("none", "wrong", "expired", "revoked", "other", "own", "admin")


def rights(operation: Operation) -> dict[str, int | str]:
    if operation.is_public:
        return dict.fromkeys(KINDS, LET_IN)
    for_tenants = operation.of_tenant and str(operation) not in ADMIN_ONLY
    return {
        **dict.fromkeys(("none", "wrong", "expired", "revoked"), 401),
        "other": 403,
        "own": LET_IN if for_tenants else 403,
        "admin": LET_IN,
    }


def outcome(answer: Response) -> int | str:
    return answer.status_code if answer.status_code in (401, 403) or answer.status_code >= 500 else LET_IN


def test_only_what_is_meant_to_be_is_public() -> None:
    assert {str(each) for each in operations() if each.is_public} == PUBLIC
    assert {str(each) for each in operations()} >= ADMIN_ONLY


def test_each_operation_lets_in_whom_it_should(
    admin: Api, keys: Keys, client: TestClient, registry: Table, clock: SettableClock
) -> None:
    api_keys = ApiKeyTable(registry)

    def found(operation: Operation, tenant: str) -> dict[str, int | str]:
        """What each kind of caller gets; each operation has a tenant of its own, which it may well destroy."""
        assert admin.put(f"/v1/tenants/{tenant}", {}).status_code == 201
        revoked, expired, own = (
            api_keys.rotate(tenant, now=clock.now, expires_at=expires_at, overlap=overlap).secret
            for expires_at, overlap in ((None, 0), (clock.now + CACHED, 0), (None, 2 * CACHED))
        )
        clock.advance(CACHED)
        tokens = (None, "x" * 43, expired, revoked, keys.other, own, ADMIN_TOKEN)
        return {
            kind: outcome(Api(client, token).call(operation.method, operation.called(tenant_id=tenant), operation.body))
            for kind, token in zip(KINDS, tokens, strict=True)
        }

    every = operations()
    met = {str(each): found(each, f"tenant-{number}") for number, each in enumerate(every)}

    assert met == {str(each): rights(each) for each in every}
