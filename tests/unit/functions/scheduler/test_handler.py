"""The scheduler as Lambda calls it, and as it calls itself."""

import json

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.scheduler import continuation
from functions.scheduler import handler as scheduler
from shared.aws.attributes import Item
from shared.aws.dynamodb import Table
from shared.aws.functions import MAX_EVENT, Function
from shared.aws.service import Service
from shared.clock import HOUR, MINUTE, system_clock
from shared.errors import InvalidInput
from shared.lines.head import Heads
from shared.lines.line import DUE_SHARDS, LineKind, account_line, activation_line, reports_line
from shared.lines.rounds import Sweep
from shared.lines.run import Run
from shared.lines.scheduler import MAX_CHORES
from shared.settings import SchedulerSettings
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


class Late(Context):
    """One whose time is over as it begins."""

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 0


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
        LineKind.MAILBOX: [],
    }
    scheduler._scheduler.cache_clear()


def test_without_time_for_all_it_calls_itself_with_what_is_left_and_that_call_does_it(
    environment: None, messages: Table, queue_urls: dict[LineKind, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[dict[str, object]] = []
    monkeypatch.setattr(Function, "start", lambda _function, event: events.append(json.loads(json.dumps(event))))
    line, now = account_line(LineKind.HIGH, "acme", "main"), system_clock()
    Heads(messages).announce(line, now, now - 2 * MINUTE)

    scheduler.handler({"detail-type": "Scheduled Event"}, Late())
    assert queued(queue_urls[LineKind.HIGH]) == []
    (event,) = events
    scheduler.handler({}, Context())
    assert queued(queue_urls[LineKind.HIGH]) == []
    scheduler.handler(event, Context())

    assert queued(queue_urls[LineKind.HIGH]) == [line]
    assert len(events) == 1
    scheduler._scheduler.cache_clear()


def test_it_calls_the_function_that_it_is(environment: None, messages: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    paths: list[str] = []

    def post(_service: Service, _operation: str, _headers: object, _body: bytes, *, path: str, expected: int) -> bytes:
        paths.append(path)
        return b""

    monkeypatch.setattr(Service, "post", post)
    built = scheduler.build(SchedulerSettings.from_environment(), "proxy-Scheduler")
    built._go_on(Run("r", 2, Sweep(0, {})))
    assert paths == ["/2015-03-31/functions/proxy-Scheduler/invocations"]


PLACE: Item = {"pk": f"LINE#medium#{'t' * 64}#{'a' * 64}#15", "sk": "HEAD", "due_shard": "DUE#07", "wake_at": 2**53}


def test_what_is_left_of_a_run_comes_back_as_it_was() -> None:
    run = Run("r1", 3, Sweep(1_700_000_000_000, {0: None, 7: PLACE}), (activation_line("acme", "x"),))
    assert continuation.decode(json.loads(json.dumps(continuation.encode(run)))) == run


def test_however_much_is_left_it_fits_into_an_event() -> None:
    longest = activation_line("t" * 64, "\N{SNOWMAN}" * 255)
    run = Run("r" * 32, 60, Sweep(2**53, dict.fromkeys(range(DUE_SHARDS), PLACE)), (longest,) * MAX_CHORES)
    assert len(json.dumps(continuation.encode(run)).encode()) < MAX_EVENT


@pytest.mark.parametrize(
    "run",
    [
        None,
        {},
        {"id": "r", "generation": 1, "as_of": 0, "places": {}, "chores": []},
        {"id": "r", "generation": 2, "as_of": 0, "places": {"16": None}, "chores": []},
        {"id": "r", "generation": 2, "as_of": 0, "places": {}, "chores": [{"kind": "unknown", "owner": "o"}]},
    ],
)
def test_an_event_that_is_no_run_is_refused(run: object) -> None:
    with pytest.raises(InvalidInput, match="not a run to go on with"):
        continuation.decode({"run": run})
