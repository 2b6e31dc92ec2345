"""Looks into an SQS queue from outside: how deep it is, what it holds; takes messages out of it one by one.

For those who watch or repair. Lambda's event source mappings consume the queues of the lines.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict

from shared.aws.service import Service
from shared.aws.sqs import MAX_BATCH
from shared.clock import Millis
from shared.errors import StorageUnavailable

LONG_POLL_SECONDS = 1  # asks all of SQS's servers: without it a queue may seem empty


class _Attributes(TypedDict):
    Attributes: NotRequired[dict[str, str]]


class _Message(TypedDict):
    MessageId: str
    ReceiptHandle: str
    Body: str
    Attributes: NotRequired[dict[str, str]]


class _Messages(TypedDict):
    Messages: NotRequired[list[_Message]]


class _Failure(TypedDict):
    Code: str


class _BatchDone(TypedDict):
    Failed: NotRequired[list[_Failure]]


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """`waiting` can be received, `in_flight` are hidden in a receiver's hands. Both are SQS's estimates, right within a
    minute."""

    waiting: int
    in_flight: int


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """`sent_at` is when it came into the queue it was sent to, or (FIFO) into this one; `receives` counts this one."""

    id: str
    receipt_handle: str
    body: str
    receives: int
    sent_at: Millis


class PolledQueue:
    """Raises StorageUnavailable from every method when SQS cannot be reached."""

    def __init__(self, service: Service, url: str) -> None:
        self._service = service
        self._url = url

    def depth(self) -> QueueDepth:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self._service.call("GetQueueAttributes", self._request(AttributeNames=names), _Attributes)
        waiting, in_flight = (int(answer.get("Attributes", {}).get(name, "0")) for name in names)
        return QueueDepth(waiting, in_flight)

    def receive(self, *, limit: int, hidden_seconds: int) -> list[ReceivedMessage]:
        """At most ten of those that nobody has in hand; none of a FIFO group of which somebody has one. They come back
        by themselves when the time is over."""
        request = self._request(
            MaxNumberOfMessages=min(limit, MAX_BATCH),
            VisibilityTimeout=hidden_seconds,
            WaitTimeSeconds=LONG_POLL_SECONDS,
            MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
        )
        answer = self._service.call("ReceiveMessage", request, _Messages)
        return [_received(each) for each in answer.get("Messages", [])]

    def show(self, messages: Sequence[ReceivedMessage]) -> None:
        """Gives messages back at once."""
        self._batches("ChangeMessageVisibilityBatch", messages, {"VisibilityTimeout": 0})

    def delete(self, messages: Sequence[ReceivedMessage]) -> None:
        """Raises StorageUnavailable if some were not deleted."""
        failed = self._batches("DeleteMessageBatch", messages, {})
        if failed:
            raise StorageUnavailable(f"SQS DeleteMessageBatch: {', '.join(failed)}")

    def _batches(self, operation: str, messages: Sequence[ReceivedMessage], fields: Mapping[str, object]) -> list[str]:
        """The codes of those that failed."""
        failed: list[str] = []
        for start in range(0, len(messages), MAX_BATCH):
            entries = [
                {"Id": str(position), "ReceiptHandle": each.receipt_handle, **fields}
                for position, each in enumerate(messages[start : start + MAX_BATCH])
            ]
            answer = self._service.call(operation, self._request(Entries=entries), _BatchDone)
            failed += [each["Code"] for each in answer.get("Failed", [])]
        return failed

    def _request(self, **fields: object) -> dict[str, object]:
        return {"QueueUrl": self._url, **fields}


def _received(message: _Message) -> ReceivedMessage:
    attributes = message.get("Attributes", {})
    return ReceivedMessage(
        id=message["MessageId"],
        receipt_handle=message["ReceiptHandle"],
        body=message["Body"],
        receives=int(attributes.get("ApproximateReceiveCount", "1")),
        sent_at=int(attributes.get("SentTimestamp", "0")),
    )
