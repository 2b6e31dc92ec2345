"""Replacing and sending again over HTTP."""

from functions.api.services import Services
from shared.aws.dynamodb import Table, Update
from shared.clock import MINUTE
from shared.messages.model import mail_key
from tests.unit.clock import SettableClock
from tests.unit.functions.api.caller import Api, CheckProblem, MakeMessage

MESSAGES = "/v1/tenants/acme/messages"


def test_other_content_replaces_a_message_that_waits(acme: Api, message: MakeMessage) -> None:
    acme.submit(message("a"))
    answer = acme.submit(message("a", subject="Better"))
    assert answer.status_code == 202
    assert [(each["id"], each["status"]) for each in answer.json()["accepted"]] == [("a", "pending")]
    shown = acme.get(f"{MESSAGES}/a").json()
    assert shown["content"]["subject"] == "Better"
    assert [each["type"] for each in shown["events"]] == ["accepted", "replaced"]
    assert [each["id"] for each in acme.get(MESSAGES).json()["messages"]] == ["a"]


def test_a_batch_can_change_which_list_the_message_is_in(acme: Api, message: MakeMessage) -> None:
    acme.submit(message("a", batch_code="x"))
    acme.submit(message("a", batch_code="y"))
    assert acme.get(MESSAGES, batch_code="x").json()["messages"] == []
    assert [each["id"] for each in acme.get(MESSAGES, batch_code="y").json()["messages"]] == ["a"]


def test_what_a_worker_holds_or_has_sent_is_not_replaced(
    acme: Api, message: MakeMessage, services: Services, messages: Table, clock: SettableClock, problem: CheckProblem
) -> None:
    acme.submit(message("held"))
    acme.submit(message("sent"))
    held = services.slices.first(services.mails.get("acme", "held").line)
    assert held is not None
    services.slices.claim(held, worker="w", until=clock.now + MINUTE, now=clock.now)
    messages.update(Update(mail_key("acme", "sent"), set={"status": "sent"}))
    document = problem(
        acme.submit(message("held", subject="Better"), message("sent", subject="Better")), 422, "nothing_accepted"
    )
    assert [(each["id"], each["code"]) for each in document["rejected"]] == [
        ("held", "in_flight"),
        ("sent", "id_conflict"),
    ]


def test_a_failed_message_is_sent_again(
    acme: Api, message: MakeMessage, services: Services, messages: Table, problem: CheckProblem
) -> None:
    acme.submit(message("a"))
    mail = services.mails.get("acme", "a")
    problem(acme.post(f"{MESSAGES}/a/retry"), 409, "conflict")
    messages.delete(mail.line.work_key(mail.slice_key))
    messages.update(Update(mail.key, set={"status": "error", "attempts": 2, "finished_at": 1}))
    answer = acme.post(f"{MESSAGES}/a/retry")
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["attempts"], answer.json()["finished_at"]) == ("pending", 0, None)
    assert services.slices.first(mail.line)
    problem(acme.post(f"{MESSAGES}/none/retry"), 404, "not_found")


def test_a_failed_message_without_content_is_not(
    acme: Api, message: MakeMessage, services: Services, messages: Table, problem: CheckProblem
) -> None:
    acme.submit(message("a"))
    mail = services.mails.get("acme", "a")
    messages.update(Update(mail.key, set={"status": "error"}))
    messages.delete(mail.payload_item_key)
    problem(acme.post(f"{MESSAGES}/a/retry"), 409, "content_gone")
