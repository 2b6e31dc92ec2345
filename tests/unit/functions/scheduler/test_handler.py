"""The scheduler as Lambda calls it."""

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.scheduler import handler as scheduler
from shared.aws.dynamodb import Table
from shared.clock import HOUR, MINUTE, system_clock
from shared.lines.head import Heads
from shared.lines.line import LineKind, account_line, reports_line
from tests.unit.shared.lines.lane import queued


class Context(LambdaContext):
    """An invocation with a minute left."""

    function_name = "scheduler"
    memory_limit_in_mb = 256
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:scheduler"
    aws_request_id = "1"

    def __init__(self) -> None:
        """Needs nothing."""

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 60_000


@pytest.fixture
def environment(
    registry: Table, messages: Table, queue_urls: dict[LineKind, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_TABLE", registry.name)
    monkeypatch.setenv("MESSAGES_TABLE", messages.name)
    monkeypatch.setenv("PAYLOADS_BUCKET", "payloads")
    monkeypatch.setenv("WORKER_TIMEOUT_SECONDS", "120")
    for kind, url in queue_urls.items():
        prefix = "" if kind is LineKind.REPORTS else "LANE_"
        monkeypatch.setenv(f"{prefix}{kind.value.upper()}_QUEUE_URL", url)
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "scheduler")
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "true")
    scheduler._scheduler.cache_clear()


def test_a_call_wakes_the_lines_that_are_due_and_no_other(
    environment: None, messages: Table, queue_urls: dict[LineKind, str]
) -> None:
    heads, now = Heads(messages), system_clock()
    due = [account_line(LineKind.HIGH, "acme", "main"), reports_line("acme")]
    for line in due:
        heads.announce(line, now, now - 2 * MINUTE)
    heads.announce(account_line(LineKind.LOW, "acme", "main"), now + HOUR, now)

    scheduler.handler({}, Context())

    assert {kind: queued(url) for kind, url in queue_urls.items()} == {
        LineKind.IMMEDIATE: [],
        LineKind.HIGH: [due[0]],
        LineKind.MEDIUM: [],
        LineKind.LOW: [],
        LineKind.REPORTS: [due[1]],
    }
    scheduler._scheduler.cache_clear()
