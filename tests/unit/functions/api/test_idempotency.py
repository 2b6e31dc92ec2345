"""Calls made again under an Idempotency-Key."""

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from functions.api.services import Services
from shared.clock import DAY
from shared.errors import StorageUnavailable
from shared.idempotency.table import RUNNING, Answer, IdempotencyTable, Running
from tests.unit.clock import SettableClock
from tests.unit.functions.api.caller import Api, CheckProblem, Keys, MakeMessage

PATH = "/v1/tenants/acme/messages"


def submit(client: TestClient, token: str, key: str, *messages: object, path: str = PATH) -> Response:
    headers = {"X-API-Token": token, "Idempotency-Key": key}
    answer: Response = client.post(path, json={"messages": list(messages)}, headers=headers)
    return answer


def test_the_same_call_gets_the_same_answer_for_a_day(
    client: TestClient, acme: Api, keys: Keys, message: MakeMessage, clock: SettableClock
) -> None:
    first = submit(client, keys.acme, "k-1", message("a"), message("b", account_id="none"))
    assert "idempotent-replayed" not in first.headers
    assert acme.post(f"{PATH}/a/cancel").status_code == 200
    clock.advance(DAY - 1)
    again = submit(client, keys.acme, "k-1", message("a"), message("b", account_id="none"))
    assert (again.status_code, again.content) == (202, first.content)
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["idempotent-replayed"] == "true"
    clock.advance(1)
    anew = submit(client, keys.acme, "k-1", message("a"), message("b", account_id="none"))
    assert anew.json()["accepted"][0]["status"] == "cancelled"


def test_another_body_under_the_same_key_is_refused_and_does_nothing(
    client: TestClient, acme: Api, keys: Keys, message: MakeMessage, problem: CheckProblem
) -> None:
    assert submit(client, keys.acme, "k-1", message("a")).status_code == 202
    problem(submit(client, keys.acme, "k-1", message("b")), 422, "idempotency_key_reused")
    problem(acme.get(f"{PATH}/b"), 404, "not_found")


def test_while_the_first_call_runs_others_are_told_so_until_it_must_have_crashed(
    client: TestClient,
    keys: Keys,
    services: Services,
    message: MakeMessage,
    clock: SettableClock,
    problem: CheckProblem,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begin, digests = IdempotencyTable.begin, list[str]()

    def noted(self: IdempotencyTable, tenant_id: str, key: str, digest: str) -> Running | Answer:
        digests.append(digest)
        return begin(self, tenant_id, key, digest)

    with monkeypatch.context() as patched:
        patched.setattr(IdempotencyTable, "begin", noted)
        assert submit(client, keys.acme, "another", message("a")).status_code == 202
    services.idempotency.begin("acme", "k-1", digests[0])  # and then its function dies

    problem(submit(client, keys.acme, "k-1", message("a")), 409, "idempotency_in_progress")
    problem(submit(client, keys.acme, "k-1", message("b")), 422, "idempotency_key_reused")
    clock.advance(RUNNING)
    problem(submit(client, keys.acme, "k-1", message("b")), 422, "idempotency_key_reused")
    assert submit(client, keys.acme, "k-1", message("a")).status_code == 202


def test_a_call_that_failed_leaves_its_key_free(
    client: TestClient, admin: Api, keys: Keys, message: MakeMessage, problem: CheckProblem
) -> None:
    admin.patch("/v1/tenants/acme", {"active": False})
    problem(submit(client, keys.acme, "k-1", message("a")), 409, "tenant_inactive")
    admin.patch("/v1/tenants/acme", {"active": True})
    assert submit(client, keys.acme, "k-1", message("a")).status_code == 202


def test_keys_of_tenants_are_their_own(
    client: TestClient, keys: Keys, message: MakeMessage, problem: CheckProblem
) -> None:
    assert submit(client, keys.acme, "k-1", message("a")).status_code == 202
    problem(submit(client, keys.other, "k-1", message("a")), 403, "forbidden")
    own = submit(client, keys.other, "k-1", message("b"), path="/v1/tenants/other/messages")
    assert own.status_code == 202
    assert "idempotent-replayed" not in own.headers


def test_deletion_and_cleanup_give_the_same_answer_again(client: TestClient, acme: Api, keys: Keys) -> None:
    calls: tuple[tuple[str, dict[str, object]], ...] = (
        ("delete", {"ids": ["a"]}),
        ("cleanup", {"older_than_seconds": 0}),
    )
    for path, body in calls:
        headers = {"X-API-Token": keys.acme, "Idempotency-Key": path}
        first, again = (client.post(f"{PATH}/{path}", json=body, headers=headers) for _ in range(2))
        assert (first.status_code, first.content) == (200, again.content)
        assert again.headers["idempotent-replayed"] == "true"


def test_what_was_deleted_once_is_told_again_though_it_is_gone(
    client: TestClient, acme: Api, keys: Keys, message: MakeMessage
) -> None:
    headers = {"X-API-Token": keys.acme, "Idempotency-Key": "k-1"}
    acme.submit(message("a"))
    answers = [client.post(f"{PATH}/delete", json={"ids": ["a"]}, headers=headers).json() for _ in range(2)]
    assert [each["removed"] for each in answers] == [["a"], ["a"]]
    assert acme.post(f"{PATH}/delete", {"ids": ["a"]}).json()["not_found"] == ["a"]


def test_what_is_no_key_is_said(client: TestClient, keys: Keys, message: MakeMessage) -> None:
    for key in ("", "a b", "k" * 256):
        answer = submit(client, keys.acme, key, message("a"))
        assert answer.status_code == 422, key
        [error] = answer.json()["errors"]
        assert (error["in"], error["pointer"]) == ("header", "/Idempotency-Key")


def test_an_answer_that_is_too_large_is_not_kept_and_the_call_made_again(
    client: TestClient, keys: Keys, message: MakeMessage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.idempotency.table.MAX_ANSWER_BYTES", 10)
    answers = [submit(client, keys.acme, "k-1", message("a")) for _ in range(2)]
    assert [each.status_code for each in answers] == [202, 202]
    assert "idempotent-replayed" not in answers[1].headers


def test_what_a_caller_is_told_does_not_hang_on_settling_the_key(
    client: TestClient, keys: Keys, message: MakeMessage, problem: CheckProblem, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object) -> None:
        raise StorageUnavailable("DynamoDB PutItem: throttled")

    monkeypatch.setattr(IdempotencyTable, "finish", unreachable)
    monkeypatch.setattr(IdempotencyTable, "give_up", unreachable)
    assert submit(client, keys.acme, "k-1", message("a")).status_code == 202
    problem(submit(client, keys.acme, "k-2", message("b", account_id="none")), 422, "nothing_accepted")
