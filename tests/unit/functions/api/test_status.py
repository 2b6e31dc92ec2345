"""What the API tells of a tenant's mail, and of the whole instance."""

import pytest

from functions.api.services import Services
from shared.accounts.counters import Tally
from shared.accounts.health import Fault
from shared.aws.dynamodb import Table
from shared.clock import HOUR, MINUTE, SECOND, iso8601
from shared.lines.line import LANES, Line, LineKind, account_line, reports_line
from shared.messages import depths
from tests import boto
from tests.unit.clock import SettableClock
from tests.unit.functions.api.caller import Api, CheckProblem, MakeMessage
from tests.unit.moto_wire import observed
from tests.unit.shared.lines.lane import head_of, queued

STATUS = "/v1/tenants/acme/status"
LINE = account_line(LineKind.MEDIUM, "acme", "main")


def block(services: Services, line: Line, *, until: int, reason: str) -> None:
    head = services.heads.visit(line, wake_at=until)
    assert head is not None
    assert services.heads.block(line, head, until=until, waits=3, reason=reason)


def test_a_tenant_sees_what_waits_in_each_lane_and_since_when(
    acme: Api, message: MakeMessage, clock: SettableClock
) -> None:
    first = clock.now
    acme.submit(message("a"), message("b"), message("c", priority="low"))
    clock.advance(90 * SECOND)
    acme.submit(message("d"))

    shown = acme.get(STATUS).json()

    assert (shown["tenant_id"], shown["active"], shown["suspended"], shown["instance_paused"]) == (
        *("acme", True),
        *(False, False),
    )
    (account,) = shown["accounts"]
    assert account["account_id"] == "main"
    assert account["health"]["status"] == "ok"
    assert [each["priority"] for each in account["lanes"]] == ["immediate", "high", "medium", "low"]
    assert [each["waiting"]["messages"] for each in account["lanes"]] == [0, 0, 3, 1]
    assert account["lanes"][2]["waiting"] == {
        "messages": 3,
        "is_complete": True,
        "oldest_due_at": iso8601(first),
        "oldest_age_seconds": 90,
    }
    assert account["lanes"][0]["waiting"]["oldest_due_at"] is None


def test_mail_that_is_scheduled_waits_and_has_no_age_yet(acme: Api, message: MakeMessage, clock: SettableClock) -> None:
    due_at = iso8601(clock.now + HOUR)
    acme.submit(message("a", send_at=due_at))

    (account,) = acme.get(STATUS).json()["accounts"]

    waiting = account["lanes"][2]["waiting"]
    assert (waiting["messages"], waiting["oldest_due_at"], waiting["oldest_age_seconds"]) == (1, due_at, None)


def test_a_line_that_must_wait_tells_why_and_until_when(
    acme: Api, message: MakeMessage, services: Services, clock: SettableClock
) -> None:
    acme.submit(message("a"), message("b", priority="high"))
    block(services, LINE, until=clock.now + HOUR, reason="relay at connect: TimeoutError")

    (account,) = acme.get(STATUS).json()["accounts"]

    lane = account["lanes"][2]
    assert (lane["blocked_until"], lane["reason"]) == (iso8601(clock.now + HOUR), "relay at connect: TimeoutError")
    assert lane["waiting"]["messages"] == 1
    assert (account["lanes"][1]["blocked_until"], account["lanes"][1]["reason"]) == (None, None)


def test_a_line_that_waits_by_its_held_wake_up_tells_so_too_but_not_when_the_wait_is_over(
    acme: Api, message: MakeMessage, services: Services, messages: Table, clock: SettableClock
) -> None:
    acme.submit(message("a"))
    head = services.heads.visit(LINE, wake_at=clock.now + MINUTE)
    assert head is not None
    services.heads.record_wait(
        LINE, head, until=clock.now + MINUTE, waits=1, held="handle", reason="relay at connect: 421"
    )

    def lane() -> dict[str, object]:
        shown: dict[str, object] = acme.get(STATUS).json()["accounts"][0]["lanes"][2]
        return shown

    assert (lane()["blocked_until"], lane()["reason"]) == (iso8601(clock.now + MINUTE), "relay at connect: 421")
    clock.advance(MINUTE)
    assert (lane()["blocked_until"], lane()["reason"]) == (None, None)


def test_an_account_tells_what_it_sent_in_all_and_in_a_day_and_how_its_relay_fares(
    acme: Api, services: Services, clock: SettableClock
) -> None:
    services.counters.add("acme", "main", Tally(sent=5, errors=1), clock.now - 30 * HOUR)
    services.counters.add("acme", "main", Tally(sent=2, deferred=3, rate_limited=4), clock.now - HOUR)
    fault = Fault(scope="account", stage="auth", code=535, reason="credentials refused", since=clock.now)
    services.health.record_fault("acme", "main", fault)

    (account,) = acme.get(STATUS).json()["accounts"]

    assert account["total"] == {"sent": 7, "errors": 1, "deferred": 3, "rate_limited": 4}
    assert account["last_24_hours"] == {"sent": 2, "errors": 0, "deferred": 3, "rate_limited": 4}
    assert account["health"] == {
        "status": "waiting",
        "since": iso8601(clock.now),
        "scope": "account",
        "stage": "auth",
        "code": 535,
        "reason": "credentials refused",
    }


def test_suspended_batches_tell_how_much_of_them_lies_aside(
    acme: Api, message: MakeMessage, services: Services
) -> None:
    acme.submit(message("a", batch_code="x"), message("b", batch_code="x"), message("c"))
    acme.post("/v1/tenants/acme/suspend", {"batch_code": "x"})
    found = services.slices.first(LINE)
    assert found is not None
    assert services.aside.set_aside(found)

    shown = acme.get(STATUS).json()

    (batch,) = shown["suspended_batches"]
    assert (batch["batch_code"], batch["waiting"]["messages"]) == ("x", 2)
    assert shown["accounts"][0]["lanes"][2]["waiting"]["messages"] == 1


def test_accounts_come_in_pages(admin: Api, acme: Api, problem: CheckProblem) -> None:
    for name in ("backup", "news"):
        admin.put(f"/v1/tenants/acme/accounts/{name}", {"host": "smtp.example.com", "port": 587, "tls": "starttls"})

    first = acme.get(STATUS, limit=2).json()
    second = acme.get(STATUS, limit=2, cursor=first["next_cursor"]).json()

    assert [each["account_id"] for each in first["accounts"]] == ["backup", "main"]
    assert [each["account_id"] for each in second["accounts"]] == ["news"]
    assert second["next_cursor"] is None
    problem(acme.get(STATUS, limit=101), 422, "invalid")
    problem(admin.get("/v1/tenants/other/status", cursor=first["next_cursor"]), 422, "invalid")


def test_an_idle_tenant_costs_the_same_reads_however_many_lanes_it_has_and_lines_with_mail_one_query_each(
    admin: Api, acme: Api, message: MakeMessage
) -> None:
    admin.get(STATUS)  # so that the secret and the call budget are known
    calls: list[str] = []
    with observed(lambda operation, _: calls.append(operation)):
        admin.get(STATUS)
    assert sorted(calls) == [*["BatchGetItem"] * 4, *["GetItem"] * 2, "Query"]

    acme.submit(message("a"), message("b", priority="low"))
    calls.clear()
    with observed(lambda operation, _: calls.append(operation)):
        admin.get(STATUS)
    assert sorted(calls) == [*["BatchGetItem"] * 4, *["GetItem"] * 2, *["Query"] * 3]


def test_what_is_more_than_a_call_may_read_is_said_to_be_incomplete(
    acme: Api, message: MakeMessage, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme.submit(message("a"), message("b", priority="low"))
    monkeypatch.setattr(depths, "MAX_READS", 1)

    (account,) = acme.get(STATUS).json()["accounts"]

    lanes = [(each["waiting"]["messages"], each["waiting"]["is_complete"]) for each in account["lanes"]]
    assert sorted(lanes) == [(0, False), (0, True), (0, True), (1, True)]


def test_the_instance_sums_its_lanes_and_names_what_is_blocked(
    admin: Api, acme: Api, message: MakeMessage, services: Services, clock: SettableClock
) -> None:
    acme.submit(message("a"), message("b"), message("c", priority="low"))
    admin.submit(message("d"), tenant="other")
    block(services, LINE, until=clock.now + HOUR, reason="relay at auth: 535")
    block(services, reports_line("other"), until=clock.now + MINUTE, reason="HTTP 500")

    shown = admin.get("/v1/status").json()

    medium = shown["lanes"][2]
    assert (medium["priority"], medium["waiting"]["messages"], medium["lines"], medium["blocked_lines"]) == (
        *("medium", 3),
        *(2, 1),
    )
    assert [each["waiting"]["messages"] for each in shown["lanes"]] == [0, 0, 3, 1]
    assert (shown["paused"], shown["is_complete"]) == (False, True)
    assert (shown["reports"]["lines"], shown["reports"]["blocked_lines"]) == (2, 1)
    assert shown["blocked"] == [
        {
            "kind": "reports",
            "tenant_id": "other",
            "account_id": None,
            "until": iso8601(clock.now + MINUTE),
            "reason": "HTTP 500",
        },
        {
            "kind": "medium",
            "tenant_id": "acme",
            "account_id": "main",
            "until": iso8601(clock.now + HOUR),
            "reason": "relay at auth: 535",
        },
    ]


def test_the_instance_tells_what_its_queues_hold(
    admin: Api,
    acme: Api,
    message: MakeMessage,
    queue_urls: dict[LineKind, str],
    dead_letters_urls: dict[LineKind, str],
) -> None:
    acme.submit(message("a"))
    boto.sqs().send_message(
        QueueUrl=dead_letters_urls[LineKind.LOW], MessageBody="{}", MessageGroupId="g", MessageDeduplicationId="d"
    )
    before = admin.get("/v1/status").json()
    boto.sqs().receive_message(QueueUrl=queue_urls[LineKind.MEDIUM])
    after = admin.get("/v1/status").json()

    assert before["lanes"][2]["wake_ups"] == {"queued": 1, "in_flight": 0, "dead": 0}
    assert after["lanes"][2]["wake_ups"] == {"queued": 0, "in_flight": 1, "dead": 0}
    assert before["lanes"][3]["wake_ups"] == {"queued": 0, "in_flight": 0, "dead": 1}


def test_the_instance_lists_the_accounts_of_all_tenants_page_by_page(
    admin: Api, services: Services, clock: SettableClock, problem: CheckProblem
) -> None:
    services.counters.add("other", "main", Tally(sent=9), clock.now)

    first = admin.get("/v1/status", limit=1).json()
    second = admin.get("/v1/status", limit=1, cursor=first["next_cursor"]).json()

    assert [(each["tenant_id"], each["account_id"]) for each in first["accounts"]] == [("acme", "main")]
    assert [(each["tenant_id"], each["total"]["sent"]) for each in second["accounts"]] == [("other", 9)]
    assert second["next_cursor"] is None
    problem(admin.get("/v1/status", cursor="bm9uZQ"), 422, "invalid")


def test_a_paused_instance_says_so_to_all(admin: Api, acme: Api) -> None:
    admin.post("/v1/instance/pause")

    assert admin.get("/v1/status").json()["paused"] is True
    assert acme.get(STATUS).json()["instance_paused"] is True


def test_the_survey_asks_sixteen_shards_and_two_calls_a_queue_whatever_there_is(
    admin: Api, acme: Api, message: MakeMessage
) -> None:
    admin.get("/v1/status")
    acme.submit(*(message(f"m{number}") for number in range(20)))
    calls: list[str] = []
    with observed(lambda operation, _: calls.append(operation)):
        admin.get("/v1/status")

    assert calls.count("Query") == 16 + 1 + 1  # shards, the line with mail, the accounts
    assert calls.count("GetQueueAttributes") == 2 * (len(LANES) + 2)
    assert set(calls) == {"Query", "BatchGetItem", "GetItem", "GetQueueAttributes"}


def test_looking_changes_nothing(admin: Api, acme: Api, message: MakeMessage, messages: Table) -> None:
    acme.submit(message("a"))
    before = head_of(messages, LINE)

    admin.get("/v1/status")
    acme.get(STATUS)

    assert head_of(messages, LINE) == before


def test_a_wake_up_of_a_worked_line_is_still_queued_after_a_look(
    admin: Api, acme: Api, message: MakeMessage, queue_urls: dict[LineKind, str]
) -> None:
    acme.submit(message("a"))
    admin.get("/v1/status")
    assert queued(queue_urls[LineKind.MEDIUM]) == [LINE]
