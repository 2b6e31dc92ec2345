"""Listing messages by time, and deleting their records, over HTTP."""

import pytest

from functions.api.cursors import encode_cursor
from functions.api.services import Services
from shared.aws.attributes import Item
from shared.aws.dynamodb import Table, Update
from shared.clock import DAY, HOUR, MINUTE, iso8601
from shared.lines.line import reports_line
from shared.reports.events import PushedEvent, sent
from shared.reports.outbox import Outbox, new_page
from tests.unit.clock import NOON, SettableClock
from tests.unit.functions.api.caller import Api, CheckProblem, MakeMessage

MESSAGES = "/v1/tenants/acme/messages"


@pytest.fixture
def reported(acme: Api, message: MakeMessage, services: Services, messages: Table, clock: SettableClock) -> None:
    """MSG-1 was sent at noon, and the endpoint acknowledged that a minute later."""
    acme.submit(message())
    mail = services.mails.get("acme", "MSG-1")
    found = services.slices.of_mail(mail)
    assert found is not None
    messages.delete(found.key)
    done: Item = {"status": "sent", "attempts": 1, "finished_at": NOON, "expires_at": NOON + 7 * DAY}
    messages.update(Update(mail.key, set=done))
    mail = services.mails.get("acme", "MSG-1")
    pushed = [PushedEvent(event=sent(mail, NOON, []))]
    page = new_page("acme", pushed, due_at=NOON, now=NOON)
    Outbox(messages).acknowledge([page], pushed, NOON + MINUTE, kept=30 * DAY)


def test_messages_are_listed_by_the_time_of_their_submission(
    acme: Api, message: MakeMessage, clock: SettableClock
) -> None:
    for number in range(6):
        acme.submit(message(f"m{number}", batch_code="even" if number % 2 == 0 else None))
        clock.advance(HOUR)

    def listed(**query: str | int) -> list[str]:
        return [each["id"] for each in acme.get(MESSAGES, **query).json()["messages"]]

    assert listed(since=iso8601(NOON + 3 * HOUR)) == ["m5", "m4", "m3"]
    assert listed(until=iso8601(NOON + 2 * HOUR)) == ["m1", "m0"]
    assert listed(since=iso8601(NOON + HOUR), until=iso8601(NOON + 4 * HOUR)) == ["m3", "m2", "m1"]
    assert listed(since=iso8601(NOON + HOUR), batch_code="even") == ["m4", "m2"]
    assert listed(since="9999-12-31T23:59:59Z") == listed(until="1950-01-01T00:00:00Z") == []


def test_pages_by_time_go_on_where_they_ended_and_cursors_belong_to_their_times(
    acme: Api, message: MakeMessage, clock: SettableClock, problem: CheckProblem
) -> None:
    for number in range(5):
        acme.submit(message(f"m{number}"))
        clock.advance(HOUR)
    query: dict[str, str | int] = {"since": iso8601(NOON + HOUR), "until": iso8601(NOON + 4 * HOUR), "limit": 2}
    first = acme.get(MESSAGES, **query).json()
    second = acme.get(MESSAGES, **query, cursor=first["next_cursor"]).json()
    assert [each["id"] for page in (first, second) for each in page["messages"]] == ["m3", "m2", "m1"]
    problem(acme.get(MESSAGES, cursor=first["next_cursor"]), 422, "invalid")
    elsewhere = encode_cursor(f"messages#acme##{NOON + HOUR}-{NOON + 4 * HOUR}", f"{NOON + 5 * HOUR}#m4")
    problem(acme.get(MESSAGES, **query, cursor=elsewhere), 422, "invalid")


def test_times_that_are_none_or_contradict_each_other_are_refused(acme: Api, problem: CheckProblem) -> None:
    for query in ({"since": "yesterday"}, {"until": "2026-01-01T00:00:00"}, {"since": iso8601(1), "until": iso8601(0)}):
        document = problem(acme.get(MESSAGES, **query), 422, "invalid")
        assert document["errors"][0]["in"] == "query"


def test_a_message_says_when_its_last_report_was_acknowledged(acme: Api, message: MakeMessage, reported: None) -> None:
    acme.submit(message("waits"))
    assert acme.get(f"{MESSAGES}/MSG-1").json()["reported_at"] == iso8601(NOON + MINUTE)
    assert acme.get(f"{MESSAGES}/waits").json()["reported_at"] is None


def test_a_deleted_message_is_gone_with_its_work_and_its_id_is_free(
    acme: Api, message: MakeMessage, services: Services, messages: Table, problem: CheckProblem
) -> None:
    acme.submit(message())
    line = services.mails.get("acme", "MSG-1").line
    assert acme.delete(f"{MESSAGES}/MSG-1").status_code == 204
    problem(acme.get(f"{MESSAGES}/MSG-1"), 404, "not_found")
    problem(acme.delete(f"{MESSAGES}/MSG-1"), 404, "not_found")
    assert services.slices.first(line) is None
    assert Outbox(messages).first(reports_line("acme"), limit=1) == []
    assert acme.submit(message(subject="Another")).json()["accepted"][0]["status"] == "pending"


def test_many_are_deleted_at_once_and_each_is_accounted_for(
    acme: Api, message: MakeMessage, services: Services, clock: SettableClock
) -> None:
    acme.submit(message("held"))
    held = services.slices.first(services.mails.get("acme", "held").line)
    assert held is not None
    services.slices.claim(held, worker="w", until=clock.now + MINUTE, now=clock.now)
    acme.submit(message("a"), message("b"))
    answer = acme.post(f"{MESSAGES}/delete", {"ids": ["a", "none", "held", "b"]})
    assert answer.json() == {"removed": ["a", "b"], "not_found": ["none"], "in_flight": ["held"]}


def test_a_call_deletes_a_thousand_ids_and_no_more(acme: Api, problem: CheckProblem) -> None:
    ids = [f"m{number}" for number in range(1_001)]
    assert acme.post(f"{MESSAGES}/delete", {"ids": ids[1:]}).json()["not_found"] == ids[1:]
    for wrong in (ids, [], ["no spaces"], "a", None):
        problem(acme.post(f"{MESSAGES}/delete", {"ids": wrong}), 422, "invalid")


def test_cleaning_up_removes_what_was_reported_so_long_ago(
    acme: Api, message: MakeMessage, reported: None, clock: SettableClock, problem: CheckProblem
) -> None:
    acme.submit(message("waits"))
    clock.advance(HOUR)
    for seconds, removed in ((3_600, 0), (3_540, 1), (0, 0)):
        answer = acme.post(f"{MESSAGES}/cleanup", {"older_than_seconds": seconds})
        assert answer.json() == {"removed": removed, "next_cursor": None}
    problem(acme.get(f"{MESSAGES}/MSG-1"), 404, "not_found")
    assert acme.get(f"{MESSAGES}/waits").status_code == 200


def test_cleaning_up_goes_on_after_a_cursor_of_its_own(acme: Api, reported: None, problem: CheckProblem) -> None:
    place = f"{NOON}#{'0' * 26}"
    body = {"older_than_seconds": 0, "cursor": encode_cursor("cleanup#acme", place)}
    assert acme.post(f"{MESSAGES}/cleanup", body).json()["next_cursor"] is None
    for wrong in ("x", encode_cursor("cleanup#other", place), encode_cursor("cleanup#acme", "HEAD")):
        problem(acme.post(f"{MESSAGES}/cleanup", body | {"cursor": wrong}), 422, "invalid")


def test_the_records_of_another_tenant_are_out_of_reach(admin: Api, acme: Api, message: MakeMessage) -> None:
    admin.submit(message(), tenant="other")
    assert acme.post(f"{MESSAGES}/delete", {"ids": ["MSG-1"]}).json()["not_found"] == ["MSG-1"]
    assert admin.get("/v1/tenants/other/messages/MSG-1").status_code == 200
