"""Submitting, listing, reading and cancelling messages over HTTP."""

import base64
import random

from functions.api.cursors import encode_cursor
from functions.api.services import Services
from shared.aws import clients
from shared.aws.dynamodb import ItemKey, Table, Update
from shared.clock import MINUTE
from shared.lines.line import LineKind
from shared.messages.model import MailEvent, mail_key
from shared.messages.table import RecipientResult, recipients_to_item
from tests import boto
from tests.unit.clock import SettableClock
from tests.unit.functions.api.caller import Api, CheckProblem, MakeMessage

MESSAGES = "/v1/tenants/acme/messages"


def test_what_is_accepted_is_stored_and_queued_before_the_answer(
    acme: Api, message: MakeMessage, queue_urls: dict[LineKind, str], services: Services
) -> None:
    answer = acme.submit(message("a"), message("b", priority="immediate"))
    assert answer.status_code == 202
    assert [(each["id"], each["status"]) for each in answer.json()["accepted"]] == [("a", "pending"), ("b", "pending")]
    assert answer.json()["rejected"] == []
    for lane in (LineKind.MEDIUM, LineKind.IMMEDIATE):
        assert boto.sqs().receive_message(QueueUrl=queue_urls[lane])["Messages"]
    assert services.mails.get("acme", "a").public_key == answer.json()["accepted"][0]["pk"]


def test_bad_entries_sink_no_good_ones(acme: Api, message: MakeMessage) -> None:
    answer = acme.submit(
        message("good"),
        message("no-account", account_id="backup"),
        message("injection", subject="Hello\r\nBcc: victim@example.com"),
        17,
        message("good"),
        message("unknown", colour="red"),
        {"subject": "nothing else"},
    )
    assert answer.status_code == 202
    assert [each["id"] for each in answer.json()["accepted"]] == ["good"]
    found = [(each["index"], each["id"], each["code"]) for each in answer.json()["rejected"]]
    assert found == [
        (1, "no-account", "unknown_account"),
        (2, "injection", "control_character"),
        (3, None, "model_type"),
        (4, "good", "duplicate_id"),
        (5, "unknown", "unknown_field"),
        (6, None, "missing_field"),
    ]
    assert "colour" in answer.json()["rejected"][4]["detail"]


def test_when_nothing_is_accepted_the_problem_says_why(acme: Api, message: MakeMessage, problem: CheckProblem) -> None:
    document = problem(acme.submit(message(account_id="backup")), 422, "nothing_accepted")
    [rejected] = document["rejected"]
    assert (rejected["index"], rejected["code"]) == (0, "unknown_account")


def test_submitting_again_changes_nothing_and_other_content_is_a_conflict(acme: Api, message: MakeMessage) -> None:
    first = acme.submit(message(), message("other")).json()
    assert acme.submit(message("other"), message()).json()["accepted"] == first["accepted"][::-1]
    acme.post(f"{MESSAGES}/MSG-1/cancel")
    repeated = acme.submit(message()).json()["accepted"]
    assert [(each["id"], each["status"]) for each in repeated] == [("MSG-1", "cancelled")]
    conflict = acme.submit(message(subject="Other"), message("third"))
    assert [each["code"] for each in conflict.json()["rejected"]] == ["id_conflict"]
    assert [each["id"] for each in conflict.json()["accepted"]] == ["third"]


def test_the_same_id_of_two_tenants_is_two_messages(admin: Api, message: MakeMessage) -> None:
    pks = [admin.submit(message(), tenant=tenant).json()["accepted"][0]["pk"] for tenant in ("acme", "other")]
    assert pks[0] != pks[1]


def test_a_call_takes_a_thousand_messages_and_no_more(acme: Api, problem: CheckProblem) -> None:
    answer = acme.submit(*[1] * 1_000)
    assert len(problem(answer, 422, "nothing_accepted")["rejected"]) == 1_000
    problem(acme.submit(*[1] * 1_001), 422, "invalid")
    problem(acme.submit(), 422, "invalid")


def test_the_message_says_its_priority_or_the_call_or_the_instance(admin: Api, message: MakeMessage) -> None:
    admin.submit(message("own", priority=0), message("call"), default_priority="high")
    admin.submit(message("default"))
    admin.put("/v1/instance", {"default_priority": "low"})
    admin.submit(message("instance"))
    found = {
        each: admin.get(f"{MESSAGES}/{each}").json()["priority"] for each in ("own", "call", "default", "instance")
    }
    assert found == {"own": "immediate", "call": "high", "default": "medium", "instance": "low"}


def test_the_default_account_is_used_if_there_is_one(admin: Api, message: MakeMessage, problem: CheckProblem) -> None:
    document = problem(admin.submit(message(account_id=None)), 422, "nothing_accepted")
    assert document["rejected"][0]["code"] == "no_account"
    admin.patch("/v1/tenants/acme", {"default_account": "main"})
    assert admin.submit(message(account_id=None)).status_code == 202


def test_tenants_that_are_inactive_or_unknown_submit_nothing(
    admin: Api, acme: Api, message: MakeMessage, problem: CheckProblem
) -> None:
    problem(admin.submit(message(), tenant="nobody"), 404, "not_found")
    admin.patch("/v1/tenants/acme", {"active": False})
    problem(acme.submit(message()), 409, "tenant_inactive")


def test_a_message_is_shown_with_what_it_says_but_its_bodies(acme: Api, message: MakeMessage) -> None:
    sent = message(
        from_="Änne <anne@example.com>",
        to="Anna <anna@example.com>, bob@bücher.example",
        cc=["anna@example.com"],
        bcc=["secret@example.com"],
        text="TEXT",
        html="HTML",
        headers={"X-Campaign": "1"},
        send_at="2026-01-01T14:00:00+01:00",
        batch_code="batch",
        attachments=[{"filename": "a.txt", "storage_path": "base64:QUJD", "mime_type": "text/plain"}],
    )
    acme.submit(sent)
    answer = acme.get(f"{MESSAGES}/MSG-1")
    assert "TEXT" not in answer.text
    assert "QUJD" not in answer.text
    shown = answer.json()
    assert shown["content"] == {
        "from": '"Änne" <anne@example.com>',
        "to": ["Anna <anna@example.com>", "bob@xn--bcher-kva.example"],
        "cc": ["anna@example.com"],
        "bcc": ["secret@example.com"],
        "reply_to": [],
        "return_path": None,
        "subject": "Hello",
        "message_id": None,
        "headers": {"X-Campaign": "1"},
        "has_text": True,
        "has_html": True,
        "attachments": [{"filename": "a.txt", "mime_type": "text/plain"}],
    }
    assert (shown["due_at"], shown["batch_code"]) == ("2026-01-01T13:00:00.000Z", "batch")
    assert [each["address"] for each in shown["recipients"]] == [
        "anna@example.com",
        "bob@xn--bcher-kva.example",
        "secret@example.com",
    ]
    assert {each["status"] for each in shown["recipients"]} == {"pending"}
    assert [each["type"] for each in shown["events"]] == ["accepted"]


def test_an_event_shows_that_the_relay_may_have_had_the_message_before(
    acme: Api, message: MakeMessage, services: Services, messages: Table
) -> None:
    acme.submit(message())
    mail = services.mails.get("acme", "MSG-1")
    messages.put(mail.with_event(MailEvent(type="sent", at=mail.created_at, possible_duplicate=True)).to_item())

    shown = acme.get("/v1/tenants/acme/messages/MSG-1").json()["events"]
    assert [(each["type"], each["possible_duplicate"]) for each in shown] == [("accepted", False), ("sent", True)]


def test_recipients_show_what_became_of_them(
    acme: Api, message: MakeMessage, services: Services, messages: Table
) -> None:
    acme.submit(message(to=["a@example.com", "b@example.com"]))
    mail = services.mails.get("acme", "MSG-1")
    refused = RecipientResult(address="b@example.com", status="error", code=550, enhanced="5.1.1", reply="unknown")
    messages.put(recipients_to_item(mail, [refused]))
    messages.update(Update(mail.key, set={"status": "deferred"}))
    shown = acme.get(f"{MESSAGES}/MSG-1").json()["recipients"]
    assert [(each["address"], each["status"], each["code"]) for each in shown] == [
        ("a@example.com", "deferred", None),
        ("b@example.com", "error", 550),
    ]


def test_a_message_whose_content_has_gone_is_still_shown(
    acme: Api, message: MakeMessage, services: Services, messages: Table
) -> None:
    acme.submit(message())
    messages.delete(services.mails.get("acme", "MSG-1").payload_item_key)
    shown = acme.get(f"{MESSAGES}/MSG-1").json()
    assert (shown["content"], shown["recipients"], shown["status"]) == (None, [], "pending")


def submit_five(acme: Api, message: MakeMessage, clock: SettableClock) -> None:
    for number in range(5):
        batch = "even" if number % 2 == 0 else None
        assert acme.submit(message(f"m{number}", batch_code=batch)).status_code == 202
        clock.advance(1)


def all_pages(api: Api, **query: str | int) -> list[str]:
    listed: list[str] = []
    while True:
        page = api.get(MESSAGES, **query).json()
        listed += [each["id"] for each in page["messages"]]
        if page["next_cursor"] is None:
            return listed
        query["cursor"] = page["next_cursor"]


def test_messages_are_listed_latest_first_page_by_page_and_picked_by_what_they_are(
    acme: Api, message: MakeMessage, clock: SettableClock
) -> None:
    submit_five(acme, message, clock)
    acme.post(f"{MESSAGES}/m3/cancel")
    assert all_pages(acme) == ["m4", "m3", "m2", "m1", "m0"]
    assert all_pages(acme, limit=2) == ["m4", "m3", "m2", "m1", "m0"]
    assert all_pages(acme, limit=1, status="cancelled") == ["m3"]
    assert all_pages(acme, limit=2, batch_code="even") == ["m4", "m2", "m0"]
    assert all_pages(acme, account_id="main", batch_code="even", status="pending") == ["m4", "m2", "m0"]
    assert all_pages(acme, account_id="none") == []


def test_a_cursor_serves_only_the_list_it_came_from(
    acme: Api, admin: Api, message: MakeMessage, clock: SettableClock, problem: CheckProblem
) -> None:
    submit_five(acme, message, clock)
    cursor = acme.get(MESSAGES, limit=1).json()["next_cursor"]
    problem(admin.get("/v1/tenants/other/messages", cursor=cursor), 422, "invalid")
    problem(acme.get(MESSAGES, cursor=cursor, batch_code="even"), 422, "invalid")
    problem(admin.get("/v1/tenants", cursor=cursor), 422, "invalid")
    for mangled in (cursor[:-1], cursor + "A", cursor.swapcase(), "", "%", "x" * 601, "é"):
        problem(acme.get(MESSAGES, cursor=mangled), 422, "invalid")


def test_a_forged_cursor_of_no_place_is_refused(acme: Api, problem: CheckProblem) -> None:
    for place in ("", "#", "x#m0", "1#", "1#a b", "99999999999999#m0", "-1#m0", "1#m0#MAIL", "١#m0"):
        problem(acme.get(MESSAGES, cursor=encode_cursor("messages#acme#", place)), 422, "invalid")


def test_a_forged_cursor_reaches_no_other_tenant(
    admin: Api, acme: Api, message: MakeMessage, clock: SettableClock
) -> None:
    admin.submit(message("theirs"), tenant="other")
    clock.advance(MINUTE)
    submit_five(acme, message, clock)
    forged = encode_cursor("messages#acme#", f"{clock.now}#theirs")
    assert all_pages(acme, cursor=forged) == ["m4", "m3", "m2", "m1", "m0"]


def test_a_cancelled_message_is_gone_from_its_line_and_reported(
    acme: Api, message: MakeMessage, services: Services, queue_urls: dict[LineKind, str], problem: CheckProblem
) -> None:
    acme.submit(message("a"), message("b"))
    line = services.mails.get("acme", "a").line
    cancelled = acme.post(f"{MESSAGES}/a/cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert cancelled.json()["finished_at"]
    assert acme.post(f"{MESSAGES}/a/cancel").json() == cancelled.json()
    left = services.slices.first(line)
    assert left is not None
    assert [entry.mail_id for entry in left.entries] == ["b"]
    acme.post(f"{MESSAGES}/b/cancel")
    assert services.slices.first(line) is None
    assert boto.sqs().receive_message(QueueUrl=queue_urls[LineKind.REPORTS])["Messages"]
    problem(acme.post(f"{MESSAGES}/none/cancel"), 404, "not_found")


def test_what_a_worker_holds_or_has_sent_cannot_be_cancelled(
    acme: Api, message: MakeMessage, services: Services, messages: Table, clock: SettableClock, problem: CheckProblem
) -> None:
    acme.submit(message("held"))
    acme.submit(message("sent"))
    held = services.slices.first(services.mails.get("acme", "held").line)
    assert held is not None
    services.slices.claim(held, worker="w", until=clock.now + MINUTE, now=clock.now)
    problem(acme.post(f"{MESSAGES}/held/cancel"), 409, "in_flight")
    clock.advance(2 * MINUTE)  # even a claim that ran out: only the next worker can tell
    problem(acme.post(f"{MESSAGES}/held/cancel"), 409, "in_flight")
    messages.update(Update(mail_key("acme", "sent"), set={"status": "sent"}))
    problem(acme.post(f"{MESSAGES}/sent/cancel"), 409, "conflict")


def test_a_thousand_mails_of_five_kilobytes_are_taken_in_one_call(acme: Api, message: MakeMessage) -> None:
    mails = [message(f"m{number}", text=f"{number} " * (5_000 // (len(str(number)) + 1))) for number in range(1_000)]
    answer = acme.submit(*mails)

    assert answer.status_code == 202
    assert len(answer.request.content) < 6_000_000
    assert [each["id"] for each in answer.json()["accepted"]] == [f"m{number}" for number in range(1_000)]


def test_a_large_message_goes_through_the_bucket(acme: Api, message: MakeMessage, messages: Table) -> None:
    noise = base64.b64encode(random.Random(1).randbytes(1_000_000)).decode()
    attachment = {"filename": "noise.bin", "storage_path": f"base64:{noise}"}
    assert acme.submit(message(attachments=[attachment])).status_code == 202
    shown = acme.get(f"{MESSAGES}/MSG-1").json()
    assert shown["content"]["attachments"] == [{"filename": "noise.bin", "mime_type": None}]
    keys = clients.s3().list_objects_v2(Bucket="payloads")["Contents"]
    assert [each["Key"].partition("/")[0] for each in keys] == ["MAIL#acme#MSG-1"]
    assert messages.get(ItemKey("MAIL#acme#MSG-1", "STATE"))
