"""The instance's settings over HTTP."""

from functions.api.services import Services
from shared.clock import DAY, HOUR
from shared.limits.model import PriorityShares
from shared.messages.model import Priority
from tests.unit.functions.api.caller import Api, CheckProblem

DEFAULTS = {
    "retry": {"schedule_seconds": [60, 300, 900, 3600, 7200, 14400], "max_age_seconds": 86400},
    "default_priority": "medium",
    "priority_shares": PriorityShares().model_dump(),
    "retention_seconds": 7 * 86_400,
    "events_retention_seconds": 30 * 86_400,
    "audit_days": 365,
    "calls_per_minute": 6_000,
    "client_base_url": None,
    "client_sync_path": None,
    "client_attachment_path": None,
    "paused": False,
}


def test_a_new_instance_has_defaults(empty: Api) -> None:
    assert empty.get("/v1/instance").json() == DEFAULTS


def test_settings_put_are_in_force_and_the_rest_is_default(empty: Api, services: Services) -> None:
    body = {"retry": {"schedule_seconds": [2, 5, 10], "max_age_seconds": 86400}, "default_priority": "low"}
    put = empty.put("/v1/instance", body)
    assert put.json() == DEFAULTS | body
    assert empty.get("/v1/instance").json() == put.json()
    assert services.instance.get().default_priority is Priority.LOW
    assert empty.put("/v1/instance", {}).json() == DEFAULTS


def test_plain_http_needs_the_operators_leave(empty: Api, problem: CheckProblem) -> None:
    problem(empty.put("/v1/instance", {"client_base_url": "http://a.example"}), 422, "https_required")
    assert empty.put("/v1/instance", {"client_base_url": "http://localhost:9"}).status_code == 200


def test_how_long_finished_messages_are_kept_is_between_an_hour_and_thirty_days(
    empty: Api, services: Services, problem: CheckProblem
) -> None:
    assert empty.put("/v1/instance", {"retention_seconds": 3_600}).status_code == 200
    assert services.instance.get().retention == HOUR
    for seconds in (3_599, 30 * 86_400 + 1):
        problem(empty.put("/v1/instance", {"retention_seconds": seconds}), 422, "invalid")


def test_acknowledged_events_are_kept_for_a_day_to_ninety_and_not_shorter_than_messages(
    empty: Api, services: Services, problem: CheckProblem
) -> None:
    days = {"events_retention_seconds": 2 * 86_400, "retention_seconds": 2 * 86_400}
    assert empty.put("/v1/instance", days).status_code == 200
    assert services.instance.get().events_retention == 2 * DAY
    for seconds in (86_399, 90 * 86_400 + 1):
        problem(empty.put("/v1/instance", {"events_retention_seconds": seconds}), 422, "invalid")
    refused = problem(empty.put("/v1/instance", {"events_retention_seconds": 2 * 86_400}), 422, "invalid")
    assert "172800: it may not be shorter than retention_seconds, which is 604800" in str(refused["detail"])


def test_how_long_the_audit_log_is_kept_is_between_a_day_and_ten_years(empty: Api, problem: CheckProblem) -> None:
    for days in (1, 3_650):
        assert empty.put("/v1/instance", {"audit_days": days}).json()["audit_days"] == days
    for days in (0, 3_651):
        problem(empty.put("/v1/instance", {"audit_days": days}), 422, "invalid")
