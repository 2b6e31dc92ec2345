"""Holding mail back and letting it go, over HTTP."""

import pytest

from functions.api.services import Services
from shared.aws.dynamodb import Table
from shared.lines.line import LANES, LineKind, account_line, activation_line, resumption_line
from shared.messages.suspension import MAX_BATCHES
from tests import boto
from tests.unit.functions.api.caller import Api, CheckProblem, MakeMessage
from tests.unit.shared.lines.lane import queued

ACME = "/v1/tenants/acme"
MESSAGES = f"{ACME}/messages"
LINE = account_line(LineKind.MEDIUM, "acme", "main")


def set_aside(services: Services) -> None:
    """What a sender does that comes to a suspended slice."""
    found = services.slices.first(LINE)
    assert found is not None
    assert services.aside.set_aside(found)


def test_a_batch_is_suspended_and_activated(acme: Api, message: MakeMessage, services: Services) -> None:
    acme.submit(message("a", batch_code="x"), message("b", batch_code="x"), message("c"))
    suspended = acme.post(f"{ACME}/suspend", {"batch_code": "x"})
    assert suspended.status_code == 200
    assert suspended.json() == {
        "tenant_id": "acme",
        "suspended": False,
        "suspended_batches": ["x"],
        "pending": 2,
        "pending_is_complete": True,
        "notice": "Mail is held back within a second, but for what a sender holds already: that is still sent.",
    }
    assert acme.post(f"{ACME}/suspend", {"batch_code": "x"}).json() == suspended.json()
    set_aside(services)
    assert acme.get(ACME).json()["suspended_batches"] == ["x"]
    activated = acme.post(f"{ACME}/activate", {"batch_code": "x"}).json()
    assert (activated["suspended_batches"], activated["pending"]) == ([], 2)
    found = services.slices.first(LINE)
    assert found is not None
    assert [each.mail_id for each in found.entries] == ["a", "b"]


def test_suspended_mail_says_so_wherever_it_is_read(acme: Api, message: MakeMessage, services: Services) -> None:
    acme.submit(message("a", batch_code="x"), message("b"))
    acme.post(f"{ACME}/suspend", {"batch_code": "x"})
    shown = acme.get(f"{MESSAGES}/a").json()
    assert (shown["status"], shown["recipients"][0]["status"]) == ("suspended", "suspended")
    assert acme.get(f"{MESSAGES}/b").json()["status"] == "pending"
    assert [each["id"] for each in acme.get(MESSAGES, status="suspended").json()["messages"]] == ["a"]
    assert [each["id"] for each in acme.get(MESSAGES, status="pending").json()["messages"]] == ["b"]
    again = acme.submit(message("a", batch_code="x"), message("c", batch_code="x"), message("d")).json()["accepted"]
    assert [each["status"] for each in again] == ["suspended", "suspended", "pending"]
    acme.post(f"{ACME}/suspend")
    assert {each["status"] for each in acme.get(MESSAGES).json()["messages"]} == {"suspended"}
    acme.post(f"{ACME}/activate")
    assert {each["status"] for each in acme.get(MESSAGES).json()["messages"]} == {"pending"}


def test_suspended_mail_can_be_cancelled_and_replaced(acme: Api, message: MakeMessage, services: Services) -> None:
    acme.submit(message("a", batch_code="x"), message("b", batch_code="x"))
    acme.post(f"{ACME}/suspend", {"batch_code": "x"})
    set_aside(services)
    assert acme.post(f"{MESSAGES}/a/cancel").json()["status"] == "cancelled"
    assert acme.submit(message("b", batch_code="x", subject="Better")).json()["accepted"][0]["status"] == "suspended"
    acme.post(f"{ACME}/activate", {"batch_code": "x"})
    found = services.slices.first(LINE)
    assert found is not None
    assert [(each.mail_id, each.generation) for each in found.entries] == [("b", 2)]


def test_a_whole_tenant_is_suspended_and_activated_with_its_batches(
    acme: Api, message: MakeMessage, problem: CheckProblem, queue_urls: dict[LineKind, str], services: Services
) -> None:
    acme.submit(message("a", batch_code="x"), message("b", priority="high"))
    acme.post(f"{ACME}/suspend", {"batch_code": "x"})
    whole = acme.post(f"{ACME}/suspend", {}).json()
    assert (whole["suspended"], whole["suspended_batches"], whole["pending"]) == (True, ["x"], 2)
    problem(acme.post(f"{ACME}/activate", {"batch_code": "x"}), 409, "tenant_suspended")
    for lane in LANES:
        queued(queue_urls[lane])
    activated = acme.post(f"{ACME}/activate").json()
    assert (activated["suspended"], activated["suspended_batches"]) == (False, [])
    assert queued(queue_urls[LineKind.HIGH]) == [account_line(LineKind.HIGH, "acme", "main")]


def test_the_settings_of_a_tenant_leave_alone_what_is_suspended(acme: Api, admin: Api) -> None:
    acme.post(f"{ACME}/suspend")
    acme.post(f"{ACME}/suspend", {"batch_code": "x"})
    acme.patch(ACME, {"name": "Acme"})
    shown = admin.put(ACME, {"client_base_url": "https://acme.example"}).json()
    assert (shown["suspended"], shown["suspended_batches"]) == (True, ["x"])


def test_there_is_a_bound_on_suspended_batches(acme: Api, problem: CheckProblem, services: Services) -> None:
    tenant = services.tenants.get("acme")
    services.tenants.suspend(tenant, suspended=False, batches=[f"b{number}" for number in range(MAX_BATCHES)])
    problem(acme.post(f"{ACME}/suspend", {"batch_code": "x"}), 409, "too_many_suspended")
    assert acme.post(f"{ACME}/suspend", {"batch_code": "b7"}).status_code == 200


def test_what_a_call_cannot_finish_is_a_chore(
    acme: Api, message: MakeMessage, services: Services, messages: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme.submit(message("a", batch_code="x"))
    acme.post(f"{ACME}/suspend", {"batch_code": "x"})
    set_aside(services)
    monkeypatch.setattr("functions.api.routes.suspension._BRING_BACK_WITHIN", 0)
    activated = acme.post(f"{ACME}/activate", {"batch_code": "x"}).json()
    assert "follows" in activated["notice"]
    assert activated["pending"] == 1
    assert services.slices.first(LINE) is None
    head = messages.get(activation_line("acme", "x").head_key)
    assert head is not None
    assert head["wake_at"]


def test_an_account_with_suspended_mail_cannot_be_deleted(
    acme: Api, message: MakeMessage, services: Services, problem: CheckProblem
) -> None:
    acme.submit(message("a", batch_code="x"))
    acme.post(f"{ACME}/suspend", {"batch_code": "x"})
    set_aside(services)
    problem(acme.delete(f"{ACME}/accounts/main"), 409, "account_has_mail")


@pytest.mark.parametrize("body", [{"batch": "x"}, {"batch_code": "a b"}, [], "x"])
def test_only_what_makes_sense_is_taken(acme: Api, problem: CheckProblem, body: object) -> None:
    problem(acme.post(f"{ACME}/suspend", body), 422, "invalid")


def test_unknown_tenants_and_other_ones_are_out_of_reach(acme: Api, admin: Api, problem: CheckProblem) -> None:
    for action in ("suspend", "activate"):
        problem(admin.post(f"/v1/tenants/nobody/{action}"), 404, "not_found")
        problem(acme.post(f"/v1/tenants/other/{action}"), 403, "forbidden")


def test_the_instance_is_paused_and_resumed_by_the_admin(
    admin: Api, acme: Api, problem: CheckProblem, messages: Table
) -> None:
    assert admin.get("/v1/instance").json()["paused"] is False
    assert admin.post("/v1/instance/pause").json()["paused"] is True
    assert admin.put("/v1/instance", {"default_priority": "low"}).json()["paused"] is True
    resumed = admin.post("/v1/instance/resume").json()
    assert (resumed["paused"], resumed["default_priority"]) == (False, "low")
    head = messages.get(resumption_line().head_key)
    assert head is not None
    assert head["wake_at"]
    for action in ("pause", "resume"):
        problem(acme.post(f"/v1/instance/{action}"), 403, "forbidden")


def test_nothing_is_sent_to_a_queue_for_a_chore(admin: Api, queue_urls: dict[LineKind, str]) -> None:
    admin.post("/v1/instance/resume")
    for url in queue_urls.values():
        assert "Messages" not in boto.sqs().receive_message(QueueUrl=url)
