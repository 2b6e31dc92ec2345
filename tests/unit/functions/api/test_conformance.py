"""The API keeps its OpenAPI document, whatever it is sent."""

import pytest
from fastapi.testclient import TestClient

from functions.api.app import create_app
from functions.api.openapi import openapi_document
from functions.api.services import Services
from tests.unit.functions.api.caller import ADMIN_TOKEN, Api, Keys
from tests.unit.functions.api.conformance import SEED, explored
from tests.unit.functions.api.operations import operations


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


def test_calls_for_a_tenant_that_is_being_deleted_get_answers_that_are_documented(admin: Api) -> None:
    document = openapi_document(create_app())
    assert admin.delete("/v1/tenants/acme").status_code == 202
    for each in operations():
        answer = admin.call(each.method, each.called(tenant_id="acme"), each.body)
        documented = document["paths"][each.path][each.method.lower()]["responses"]
        assert str(answer.status_code) in documented, (str(each), answer.text)
    assert "409" in document["paths"]["/metrics"]["get"]["responses"]
