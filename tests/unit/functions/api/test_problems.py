"""Errors as problem documents."""

from dataclasses import replace
from io import StringIO

import pytest
from fastapi.testclient import TestClient

from functions.api.app import create_app
from functions.api.services import Services
from shared.errors import ConfigurationError, StorageError, StorageUnavailable
from shared.instance.table import InstanceTable, StoredInstance
from tests.unit.functions.api.caller import ADMIN_TOKEN, Api, CheckProblem, MakeMessage


class Failing(InstanceTable):
    def __init__(self, error: Exception) -> None:
        self._error = error

    def read(self) -> StoredInstance:
        raise self._error


def failing_with(services: Services, error: Exception) -> Api:
    broken = replace(services, instance=Failing(error))
    return Api(TestClient(create_app(lambda: broken), raise_server_exceptions=False))


def test_unknown_paths_and_methods_are_problems_too(empty: Api, problem: CheckProblem) -> None:
    problem(empty.get("/v1/nothing"), 404, "not_found")
    problem(empty.get("/v1/tenants/"), 404, "not_found")
    for method, path, allowed in (
        ("DELETE", "/v1/instance", "GET, PUT"),
        ("OPTIONS", "/v1/tenants/acme", "DELETE, GET, PATCH, PUT"),
        ("BREW", "/v1/tenants/acme/messages", "GET, POST"),
        ("PUT", "/v1/tenants/acme/messages/cleanup", "DELETE, GET, POST"),  # a message may have that id
        ("POST", "/openapi.json", "GET, HEAD"),
    ):
        answer = empty.call(method, path)
        problem(answer, 405, "method_not_allowed")
        assert answer.headers["allow"] == allowed


def test_every_broken_rule_is_named_with_its_pointer(empty: Api, problem: CheckProblem) -> None:
    body = {"retry": {"schedule_seconds": [0, "x"], "max_age_seconds": 0}, "a/b~c": 1}
    document = problem(empty.put("/v1/instance", body), 422, "invalid")
    found = {(each["in"], each["pointer"], each["code"]) for each in document["errors"]}
    assert found == {
        ("body", "/retry/schedule_seconds/0", "greater_than_equal"),
        ("body", "/retry/schedule_seconds/1", "int_type"),
        ("body", "/retry/max_age_seconds", "greater_than_equal"),
        ("body", "/a~1b~0c", "unknown_field"),
    }


def test_parameters_are_named_as_such(admin: Api, problem: CheckProblem) -> None:
    for path, where, pointer in (
        ("/v1/tenants?limit=0", "query", "/limit"),
        ("/v1/tenants?limit=1001", "query", "/limit"),
        ("/v1/tenants?limit=x", "query", "/limit"),
        ("/v1/tenants/no%20id", "path", "/tenant_id"),
        ("/v1/tenants/acme/messages?status=lost", "query", "/status"),
        ("/v1/tenants/acme/messages/a%23b", "path", "/message_id"),
    ):
        [error] = problem(admin.get(path), 422, "invalid")["errors"]
        assert (error["in"], error["pointer"]) == (where, pointer)


def test_secrets_that_break_a_rule_are_not_repeated(admin: Api) -> None:
    account = {"host": "h", "port": 25, "tls": "none", "username": "u", "password": "SECRET\r\nRCPT TO"}
    tenant = {"client_auth": {"method": "bearer", "token": "SECRET with spaces"}}
    for answer in (
        admin.put("/v1/tenants/acme/accounts/a", account),
        admin.put("/v1/tenants/acme/accounts/a", account | {"password": ["SECRET"]}),
        admin.put("/v1/tenants/acme", tenant),
        admin.patch("/v1/tenants/acme", tenant),
        admin.patch("/v1/tenants/acme", {"client_auth": {"method": "basic", "user": "u:x", "password": "SECRET"}}),
    ):
        assert answer.status_code == 422
        assert "SECRET" not in answer.text


def test_busy_storage_is_503_with_the_time_to_wait(services: Services, problem: CheckProblem) -> None:
    api = failing_with(services, StorageUnavailable("DynamoDB GetItem: ThrottlingException: inner detail"))
    answer = api.get("/v1/instance")
    problem(answer, 503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert "inner detail" not in answer.text


@pytest.mark.parametrize(
    "error", [StorageError("inner detail"), ConfigurationError("inner detail"), RuntimeError("inner detail")]
)
def test_what_went_wrong_inside_is_logged_and_not_told(
    services: Services, problem: CheckProblem, log: StringIO, error: Exception
) -> None:
    answer = failing_with(services, error).get("/v1/instance")
    problem(answer, 500, "internal")
    assert "inner detail" not in answer.text
    assert type(error).__name__ in log.getvalue()
    assert answer.headers["x-request-id"] in log.getvalue()


def test_foreign_exceptions_are_logged_without_their_texts(services: Services, log: StringIO) -> None:
    failing_with(services, RuntimeError("the body of somebody's mail")).get("/v1/instance")
    assert "somebody's mail" not in log.getvalue()
    assert "test_problems.py" in log.getvalue()


def test_a_call_leaves_one_line_without_tokens_or_content(
    admin: Api, message: MakeMessage, log: StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    log.truncate(0)
    answer = admin.submit(message(text="CONTENT"))
    [line] = [each for each in log.getvalue().splitlines() if '"call"' in each]
    assert answer.headers["x-request-id"] in line
    for part in ('"tenant_id":"acme"', '"status":202', '"duration_ms"', '"caller":"admin"'):
        assert part in line
    for secret in (ADMIN_TOKEN, "CONTENT", "anna@example.com", "MSG-1"):
        assert secret not in log.getvalue()
    assert '"MessagesAccepted":[1.0]' in capsys.readouterr().out
