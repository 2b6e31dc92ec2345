"""A tenant's events over the API."""

from shared.aws.dynamodb import Table
from shared.clock import DAY, MINUTE, SECOND, iso8601
from shared.identifiers import digest
from shared.lines.line import reports_line
from shared.reports.events import ReportEvent
from shared.reports.outbox import Outbox
from tests.unit.clock import NOON, SettableClock
from tests.unit.functions.api.caller import Api, CheckProblem

EVENTS = "/v1/tenants/acme/events"


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
