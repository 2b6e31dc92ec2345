"""The API keeps its OpenAPI document, whatever it is sent."""

import pytest
from fastapi.testclient import TestClient

from functions.api.app import create_app
from functions.api.services import Services
from tests.unit.functions.api.caller import ADMIN_TOKEN, Api, Keys
from tests.unit.functions.api.conformance import SEED, explored


@pytest.mark.parametrize("caller", ["admin", "tenant"])
@pytest.mark.timeout(0)
def test_nothing_that_is_sent_finds_an_answer_that_is_not_documented(
    caller: str, services: Services, client: TestClient, keys: Keys
) -> None:
    admin = Api(client)
    assert admin.put("/v1/tenants/doomed", {}).status_code == 201
    assert admin.put("/v1/instance", {"calls_per_minute": 1_000_000}).status_code == 200

    found = explored(create_app(lambda: services), ADMIN_TOKEN if caller == "admin" else keys.acme)

    assert not found.failures, f"seed {SEED}\n\n" + "\n\n".join(map("\n".join, found.failures.items()))
    assert found.statuses.keys() >= ({200, 202, 204, 401, 404, 422} if caller == "admin" else {200, 202, 401, 403, 422})
