"""How the report endpoints are seen, called and signed for, over the API."""

from shared.aws.dynamodb import Table
from shared.clock import DAY, HOUR, iso8601
from shared.lines.line import reports_line
from shared.reports.protocol import NotAcknowledged
from shared.reports.sync_state import HEARTBEAT, SyncState, after_failure
from shared.reports.sync_table import SyncTable
from tests.unit.clock import SettableClock
from tests.unit.functions.api.caller import Api, CheckProblem
from tests.unit.shared.lines.lane import head_of

SYNC = "/v1/tenants/acme/sync"


def test_a_new_tenants_endpoint_is_called_in_five_minutes(acme: Api, messages: Table, clock: SettableClock) -> None:
    shown = acme.get(SYNC).json()

    assert (shown["status"], shown["url"]) == ("working", "https://acme.example/mail-proxy/sync")
    assert shown["next_sync_at"] == iso8601(clock.now + HEARTBEAT)
    assert head_of(messages, reports_line("acme")).wake_at == clock.now + HEARTBEAT


def test_a_call_asked_for_opens_the_line_and_is_noted_as_the_tenants_own_only_with_its_key(
    acme: Api, admin: Api, messages: Table, clock: SettableClock
) -> None:
    assert admin.post(SYNC).status_code == 202
    assert acme.post(SYNC).status_code == 202

    state = SyncTable(messages).get("acme")
    assert (state.requests, state.own_requests) == (2, 1)
    head = head_of(messages, reports_line("acme"))
    assert (head.wake_at, head.unblocks) == (clock.now, 2)


def test_what_cannot_be_called_is_refused_with_the_reason(admin: Api, problem: CheckProblem) -> None:
    admin.put("/v1/tenants/pulls", {})
    admin.put("/v1/tenants/off", {"active": False})

    problem(admin.post("/v1/tenants/pulls/sync"), 409, "no_endpoint")
    problem(admin.post("/v1/tenants/off/sync"), 409, "inactive")
    problem(admin.post("/v1/tenants/nobody/sync"), 404, "not_found")


def test_a_disabled_push_is_shown_with_its_reason_until_a_call_is_asked_for(
    acme: Api, messages: Table, clock: SettableClock
) -> None:
    gone = NotAcknowledged("HTTP 410", gone=True)
    state = after_failure(SyncState(), gone, called_at=clock.now, now=clock.now, draw=0)
    SyncTable(messages).save("acme", state)

    shown = acme.get(SYNC).json()
    assert (shown["status"], shown["disabled"], shown["last_error"]) == ("disabled", "gone", "HTTP 410")
    assert shown["next_sync_at"] is None
    assert acme.post(SYNC).json()["status"] == "failing"


def test_the_admin_sees_every_endpoint_page_by_page(admin: Api) -> None:
    first = admin.get("/v1/sync", limit=1).json()
    second = admin.get("/v1/sync", limit=1, cursor=first["next_cursor"]).json()

    assert [each["tenant_id"] for page in (first, second) for each in page["tenants"]] == ["acme", "other"]


def test_the_signing_secret_is_shown_when_it_is_made_and_never_again(admin: Api, clock: SettableClock) -> None:
    created = admin.put("/v1/tenants/new", {}).json()
    assert created["signing_secret"].startswith("whsec_")
    assert "signing_secret" not in admin.get("/v1/tenants/new").json()

    replaced = admin.post("/v1/tenants/new/signing-secret").json()
    assert replaced["signing_secret"] != created["signing_secret"]
    assert replaced["previous_until"] == iso8601(clock.now + DAY)
    assert admin.post("/v1/tenants/new/signing-secret", {"overlap_seconds": 0}).json()["previous_until"] is None


def test_an_overlap_longer_than_thirty_days_is_refused(acme: Api, problem: CheckProblem) -> None:
    answer = acme.post("/v1/tenants/acme/signing-secret", {"overlap_seconds": 31 * DAY // 1_000 + HOUR})

    assert "/overlap_seconds" in str(problem(answer, 422, "invalid")["errors"])
