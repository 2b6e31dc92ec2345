"""The publisher as Lambda calls it: with records of the table's stream."""

import json
from collections.abc import Iterator
from typing import Any, cast

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.publisher import handler as publisher
from functions.publisher.handler import StreamEvent, StreamRecord
from shared.aws import clients
from shared.aws.attributes import Item, to_attributes
from shared.aws.eventbridge import MAX_BYTES, EventBus
from shared.aws.service import Service
from shared.clock import MINUTE
from shared.errors import ConfigurationError, StorageUnavailable
from shared.identifiers import digest
from shared.lines.line import reports_line
from shared.messages.table import RecipientResult
from shared.reports.events import PushedEvent, ReportEvent
from shared.reports.outbox import new_page
from shared.reports.publishing import NewPage, Publisher
from tests.unit.clock import NOON
from tests.unit.moto_wire import observed


class Context(LambdaContext):
    """An invocation."""

    function_name = "publisher"
    memory_limit_in_mb = 256
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:publisher"
    aws_request_id = "1"

    def __init__(self) -> None:
        """Needs nothing."""


class RefusingBus(Service):
    """EventBridge that refuses the events with these details so many times each; `asked` is what it was asked."""

    def __init__(self, **refusals: int) -> None:
        self._left = {digest(name): times for name, times in refusals.items()}
        self.asked: list[list[str]] = []

    def call(self, operation: str, request: Any, shape: Any) -> Any:
        ids = [json.loads(entry["Detail"])["event_id"] for entry in request["Entries"]]
        self.asked.append(ids)
        answers = []
        for each in ids:
            refused = self._left.get(each, 0) > 0
            self._left[each] = self._left.get(each, 0) - 1
            answers.append({"ErrorCode": "ThrottlingException"} if refused else {"EventId": "1"})
        return {"FailedEntryCount": len(answers), "Entries": answers}


class UnreachableBus(Service):
    def __init__(self) -> None:
        """Needs nothing."""

    def call(self, operation: str, request: Any, shape: Any) -> Any:
        raise StorageUnavailable("EventBridge PutEvents: unreachable")


@pytest.fixture(autouse=True)
def environment(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("REGISTRY_TABLE", "MESSAGES_TABLE", "REPORTS_QUEUE_URL"):
        monkeypatch.setenv(name, name.lower())
    for lane in ("IMMEDIATE", "HIGH", "MEDIUM", "LOW"):
        monkeypatch.setenv(f"LANE_{lane}_QUEUE_URL", lane.lower())
    monkeypatch.setenv("EVENT_BUS_NAME", "default")
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "true")
    publisher._publisher.cache_clear()
    yield
    publisher._publisher.cache_clear()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.aws.eventbridge.time.sleep", lambda _seconds: None)


@pytest.fixture
def entries() -> Iterator[list[dict[str, Any]]]:
    """What EventBridge was given."""
    found: list[dict[str, Any]] = []

    def note(operation: str, request: dict[str, Any]) -> None:
        assert operation == "PutEvents"
        found.extend(request["Entries"])

    with observed(note):
        yield found


def an_event(name: str, recipients: int = 0) -> ReportEvent:
    results = [
        RecipientResult(address=f"{each}@x.example", status="sent", reply="y" * 500) for each in range(recipients)
    ]
    return ReportEvent(
        event_id=digest(name),
        id=name,
        tenant_id="acme",
        account_id="main",
        pk="0",
        sent_ts=1,
        recipients=results or None,
    )


def a_page(*pushed: PushedEvent) -> Item:
    return new_page("acme", pushed, due_at=NOON, now=NOON).to_item()


def fresh(*names: str) -> Item:
    return a_page(*(PushedEvent(event=an_event(name)) for name in names))


def a_record(item: Item, number: int = 1, event: str = "INSERT") -> StreamRecord:
    return {"eventName": event, "dynamodb": {"SequenceNumber": str(number), "NewImage": to_attributes(item)}}


def handle(*records: StreamRecord) -> object:
    return publisher.handler(StreamEvent(Records=list(records)), Context())


def test_each_event_of_a_new_page_is_an_event_of_the_bus_under_its_own_id(entries: list[dict[str, Any]]) -> None:
    assert handle(a_record(fresh("m1", "m2")), a_record(fresh("m3"), 2)) == {"batchItemFailures": []}

    assert entries[0] == {
        "EventBusName": "default",
        "Source": "serverless-mail-proxy",
        "DetailType": "Delivery Report",
        "Detail": '{"event_id":"'
        + digest("m1")
        + '","id":"m1","tenant_id":"acme","account_id":"main","pk":"0","sent_ts":1}',
        "Time": NOON // 1_000,
    }
    assert [json.loads(entry["Detail"])["id"] for entry in entries] == ["m1", "m2", "m3"]


def test_many_events_go_ten_a_call_and_none_is_left_out(entries: list[dict[str, Any]]) -> None:
    names = [f"m{number}" for number in range(25)]

    assert handle(a_record(fresh(*names))) == {"batchItemFailures": []}
    assert [json.loads(entry["Detail"])["id"] for entry in entries] == names


def test_what_is_pushed_again_is_not_published_again(entries: list[dict[str, Any]]) -> None:
    again = a_page(
        PushedEvent(event=an_event("refused"), refusals=1),
        PushedEvent(event=an_event("replayed"), replayed=True),
    )

    assert handle(a_record(again)) == {"batchItemFailures": []}
    assert entries == []


def test_nothing_but_new_pages_of_the_outbox_is_published(entries: list[dict[str, Any]]) -> None:
    logged = fresh("m1") | {"pk": "EVENTS#acme"}
    head = reports_line("acme").head_key.item
    removed = cast("StreamRecord", {"eventName": "REMOVE", "dynamodb": {"SequenceNumber": "4"}})

    handle(a_record(logged), a_record(head), a_record(fresh("m2"), event="MODIFY"), removed)

    assert entries == []


def test_an_event_that_is_larger_than_the_bus_takes_goes_without_its_recipients(entries: list[dict[str, Any]]) -> None:
    handle(a_record(a_page(PushedEvent(event=an_event("m1", recipients=500)))))

    (entry,) = entries
    assert len(entry["Detail"]) < MAX_BYTES
    assert "recipients" not in json.loads(entry["Detail"])


def pages(*names: str) -> list[NewPage]:
    return [NewPage(str(number), fresh(name)) for number, name in enumerate(names)]


def test_what_the_bus_refuses_once_is_put_again_alone() -> None:
    bus = RefusingBus(m1=1)

    assert Publisher(EventBus(bus, "bus")).publish(pages("m0", "m1", "m2")) is None
    assert bus.asked == [[digest("m0"), digest("m1"), digest("m2")], [digest("m1")]]


def test_from_the_first_page_that_could_not_be_published_the_stream_is_read_again() -> None:
    names = [f"m{number}" for number in range(15)]
    bus = RefusingBus(m12=1_000)

    assert Publisher(EventBus(bus, "bus")).publish(pages(*names)) == "10"  # the call with m12 began there


def test_a_bus_that_is_out_of_reach_leaves_everything_to_the_next_try() -> None:
    assert Publisher(EventBus(UnreachableBus(), "bus")).publish(pages("m0", "m1")) == "0"


def test_a_failure_is_told_to_lambda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "eventbridge", UnreachableBus)

    assert handle(a_record(fresh("m1"), 41)) == {"batchItemFailures": [{"itemIdentifier": "41"}]}


def test_a_publisher_without_a_bus_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVENT_BUS_NAME")

    with pytest.raises(ConfigurationError, match="EVENT_BUS_NAME"):
        handle(a_record(fresh("m1")))


def test_old_pages_keep_their_time(entries: list[dict[str, Any]]) -> None:
    late = new_page("acme", [PushedEvent(event=an_event("m1"))], due_at=NOON - MINUTE, now=NOON).to_item()
    handle(a_record(late))

    assert entries[0]["Time"] == (NOON - MINUTE) // 1_000
