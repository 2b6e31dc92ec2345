"""A tenant's events over the API."""

from shared.aws.dynamodb import Table
from shared.clock import DAY, HOUR, MINUTE, SECOND, iso8601
from shared.identifiers import digest
from shared.lines.line import reports_line
from shared.reports.events import ReportEvent
from shared.reports.outbox import Outbox
from shared.reports.protocol import NotAcknowledged
from shared.reports.sync_state import SyncState, after_failure
from shared.reports.sync_table import SyncTable
from tests.unit.clock import NOON, SettableClock
from tests.unit.functions.api.caller import Api, CheckProblem

EVENTS = "/v1/tenants/acme/events"
REPLAY = f"{EVENTS}/replay"


def an_event(name: str) -> ReportEvent:
    return ReportEvent(
        event_id=digest(name), id=name, tenant_id="acme", account_id="main", pk="0", sent_ts=NOON // SECOND
    )


def write(messages: Table, *names: str, at: int = NOON, acknowledged: bool = False) -> None:
    outbox, line = Outbox(messages), reports_line("acme")
    outbox.write("acme", [an_event(name) for name in names], at)
    if acknowledged:
        pages = outbox.first(line, limit=100)
        outbox.acknowledge(pages, [each for page in pages for each in page.events], at + SECOND, kept=30 * DAY)


def test_a_tenant_pulls_events_as_they_are_pushed_and_goes_on_from_where_it_was(
    acme: Api, messages: Table, clock: SettableClock
) -> None:
    write(messages, "m1", "m2", acknowledged=True)
    clock.now = NOON + 2 * MINUTE

    first = acme.get(EVENTS).json()
    assert first["events"][0] == {
        "recorded_at": iso8601(NOON),
        "acknowledged_at": iso8601(NOON + SECOND),
        "event": {
            "event_id": digest("m1"),
            "id": "m1",
            "tenant_id": "acme",
            "account_id": "main",
            "pk": "0",
            "sent_ts": NOON // SECOND,
        },
    }
    assert first["next_cursor"] is None

    write(messages, "m3", at=NOON + SECOND)
    (new,) = acme.get(EVENTS, cursor=first["resume_cursor"]).json()["events"]
    assert (new["event"]["id"], new["acknowledged_at"]) == ("m3", None)


def test_pages_have_a_limit_and_a_next_cursor(acme: Api, messages: Table, clock: SettableClock) -> None:
    write(messages, *(f"m{number}" for number in range(5)))
    clock.now = NOON + 2 * MINUTE

    first = acme.get(EVENTS, limit=3).json()
    second = acme.get(EVENTS, limit=3, cursor=first["next_cursor"]).json()

    assert [each["event"]["id"] for page in (first, second) for each in page["events"]] == [f"m{n}" for n in range(5)]
    assert second["next_cursor"] is None


def test_times_bound_what_is_pulled(acme: Api, messages: Table, clock: SettableClock, problem: CheckProblem) -> None:
    for minute in range(3):
        write(messages, f"m{minute}", at=NOON + minute * MINUTE)
    clock.now = NOON + DAY
    since, until = iso8601(NOON + MINUTE), iso8601(NOON + 2 * MINUTE)

    (only,) = acme.get(EVENTS, since=since, until=until).json()["events"]
    assert only["event"]["id"] == "m1"
    problem(acme.get(EVENTS, since=until, until=since), 422, "invalid")


def test_a_cursor_of_another_tenant_is_refused(acme: Api, admin: Api, problem: CheckProblem) -> None:
    foreign = admin.get("/v1/tenants/other/events").json()["resume_cursor"]

    problem(acme.get(EVENTS, cursor=foreign), 422, "invalid")
    problem(admin.get("/v1/tenants/nobody/events"), 404, "not_found")


def test_acknowledged_events_are_pushed_again_by_time_or_by_id(
    acme: Api, messages: Table, clock: SettableClock
) -> None:
    write(messages, "m1", "m2", acknowledged=True)
    clock.now = NOON + HOUR

    by_time = acme.post(REPLAY, {"since": iso8601(NOON)})
    assert by_time.status_code == 202
    assert by_time.json() == {"events": 2, "complete": True, "notice": "The events are pushed again now."}
    assert acme.post(REPLAY, {"ids": ["m2"]}).json()["events"] == 1
    assert acme.post(REPLAY, {"since": iso8601(NOON), "until": iso8601(NOON)}).json()["events"] == 0
    assert len(acme.get(EVENTS).json()["events"]) == 2


def test_a_replay_may_be_asked_for_again_under_its_key(acme: Api, messages: Table, clock: SettableClock) -> None:
    write(messages, "m1", acknowledged=True)
    clock.now = NOON + HOUR
    for _ in range(2):
        headers = {"X-API-Token": str(acme.token), "Idempotency-Key": "restore-1"}
        answer = acme.client.post(REPLAY, headers=headers, json={"since": iso8601(NOON)})
        assert answer.json()["events"] == 1

    assert len(Outbox(messages).first(reports_line("acme"), limit=10)) == 1


def test_a_replay_that_would_not_be_pushed_is_refused_with_the_reason(
    acme: Api, admin: Api, messages: Table, clock: SettableClock, problem: CheckProblem
) -> None:
    admin.put("/v1/tenants/pulls", {})
    admin.put("/v1/tenants/off", {"active": False, "client_base_url": "https://off.example"})
    everything = {"since": iso8601(NOON)}
    problem(admin.post("/v1/tenants/pulls/events/replay", everything), 409, "no_endpoint")
    problem(admin.post("/v1/tenants/off/events/replay", everything), 409, "inactive")
    problem(admin.post("/v1/tenants/nobody/events/replay", everything), 404, "not_found")

    gone = NotAcknowledged("HTTP 410", gone=True)
    SyncTable(messages).save("acme", after_failure(SyncState(), gone, called_at=clock.now, now=clock.now, draw=0))
    problem(acme.post(REPLAY, everything), 409, "push_disabled")
    acme.post("/v1/tenants/acme/sync")
    assert acme.post(REPLAY, everything).status_code == 202


def test_a_replay_of_nothing_sensible_is_refused(acme: Api, problem: CheckProblem) -> None:
    calls: list[dict[str, object]] = [
        {},
        {"until": "2026-01-31T10:00:00Z"},
        {"since": "2026-01-31T10:00:00Z", "until": "2026-01-31T09:00:00Z"},
        {"since": "2026-01-31T10:00:00"},
        {"since": "yesterday"},
        {"ids": []},
        {"ids": ["a b"]},
        {"ids": ["m"] * 1_001},
        {"ids": "m1"},
        {"since": "2026-01-31T10:00:00Z", "all": True},
    ]
    for call in calls:
        problem(acme.post(REPLAY, call), 422, "invalid")
