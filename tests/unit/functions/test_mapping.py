"""Between an SQS event and a worker of lines."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.mapping import BatchResponse, Invocation, SqsEvent, SqsRecord, attend_all
from shared.clock import SECOND, system_clock
from shared.errors import ConditionFailed, StorageUnavailable
from shared.lines.attendance import Disposition
from shared.lines.line import Line, LineKind, account_line
from shared.lines.wakeups import WakeUp, encode

LINE = account_line(LineKind.MEDIUM, "acme", "main")
OTHER = account_line(LineKind.MEDIUM, "acme", "other")


class Context(LambdaContext):
    """An invocation with two minutes left."""

    def __init__(self) -> None:
        """Needs nothing."""

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 120_000


@dataclass
class Worker:
    """Attends as told, and remembers to what."""

    outcome: Disposition | Exception = Disposition.ACKNOWLEDGE
    attended: list[tuple[WakeUp, Invocation]] = field(default_factory=list)

    async def attend(self, wake_up: WakeUp, invocation: Invocation) -> Disposition:
        self.attended.append((wake_up, invocation))
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def record(message_id: str, body: str) -> SqsRecord:
    return {"messageId": message_id, "receiptHandle": f"handle-{message_id}", "body": body}


def event(*records: SqsRecord) -> SqsEvent:
    return {"Records": list(records)}


def wake_up(message_id: str, line: Line = LINE) -> SqsRecord:
    return record(message_id, json.dumps(encode(line)))


def failed(response: BatchResponse) -> list[str]:
    return [each["itemIdentifier"] for each in response["batchItemFailures"]]


async def test_a_wake_up_reaches_the_worker_with_its_line_and_handle() -> None:
    worker = Worker()

    await attend_all(event(wake_up("1")), Context(), worker.attend)

    assert [each for each, _ in worker.attended] == [WakeUp(LINE, "handle-1")]


async def test_the_deadline_keeps_ten_seconds_back_for_writing() -> None:
    worker = Worker()
    before = system_clock()

    await attend_all(event(wake_up("1")), Context(), worker.attend)

    ((_, invocation),) = worker.attended
    assert before + 110 * SECOND <= invocation.deadline <= system_clock() + 110 * SECOND


async def test_what_is_done_with_is_no_failure_and_what_is_given_back_is_one() -> None:
    assert failed(await attend_all(event(wake_up("1")), Context(), Worker(Disposition.ACKNOWLEDGE).attend)) == []
    assert failed(await attend_all(event(wake_up("1")), Context(), Worker(Disposition.GIVE_BACK).attend)) == ["1"]


@pytest.mark.parametrize(
    "error",
    [
        StorageUnavailable("DynamoDB Query: throttled"),
        ConditionFailed("the item is in another state"),
        ValueError("an error of ours"),
        ExceptionGroup("several", [StorageUnavailable("x"), KeyError("y")]),
        RuntimeError("never thought of"),
    ],
)
async def test_nothing_that_goes_wrong_is_raised(error: Exception) -> None:
    """An error would make Lambda shrink the whole mapping's concurrency, and so punish every tenant for one."""
    assert failed(await attend_all(event(wake_up("1")), Context(), Worker(error).attend)) == ["1"]


async def test_one_failure_leaves_the_other_wake_ups_of_the_event_alone() -> None:
    async def attend(wake_up: WakeUp, _invocation: Invocation) -> Disposition:
        if wake_up.line == OTHER:
            raise StorageUnavailable("throttled")
        return Disposition.ACKNOWLEDGE

    response = await attend_all(event(wake_up("1"), wake_up("2", OTHER), wake_up("3")), Context(), attend)

    assert failed(response) == ["2"]


@pytest.mark.parametrize("body", ["", "no json", "{}", '{"kind": "unknown", "owner": "a"}', "null"])
async def test_what_is_no_wake_up_is_dropped(body: str) -> None:
    worker = Worker()

    assert failed(await attend_all(event(record("1", body)), Context(), worker.attend)) == []
    assert worker.attended == []


async def test_an_event_without_records_is_done_with() -> None:
    attend: Callable[[WakeUp, Invocation], Awaitable[Disposition]] = Worker().attend

    assert await attend_all(event(), Context(), attend) == {"batchItemFailures": []}
