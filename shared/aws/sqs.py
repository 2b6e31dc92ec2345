"""Sends wake-ups to FIFO queues and holds those in hand by their visibility."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict

from shared.aws.service import Refused, Service
from shared.errors import StaleReceipt, StorageUnavailable

MAX_BATCH = 10

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html#API_ChangeMessageVisibility_Errors
_STALE_RECEIPT = {
    "ReceiptHandleIsInvalid",
    "InvalidParameterValue",
    "InvalidParameterValueException",
    "MessageNotInflight",
    "AWS.SimpleQueueService.MessageNotInflight",
}


class _Failure(TypedDict):
    Code: str


class _BatchSent(TypedDict):
    Failed: NotRequired[list[_Failure]]


class _Done(TypedDict):
    """Nothing that is of use."""


@dataclass(frozen=True, slots=True)
class FifoMessage:
    """`group` orders and excludes; `deduplication_id` must be fresh for a message that may not be swallowed."""

    body: dict[str, str]
    group: str
    deduplication_id: str


class FifoQueue:
    """One FIFO queue."""

    def __init__(self, service: Service, url: str) -> None:
        self._service = service
        self.url = url

    def send(self, message: FifoMessage) -> None:
        self._service.call("SendMessage", {"QueueUrl": self.url, **_entry(message)}, _Done)

    def send_batch(self, messages: Sequence[FifoMessage]) -> None:
        """At most ten. Raises StorageUnavailable if any was refused; the others are sent."""
        entries = [{"Id": str(position), **_entry(message)} for position, message in enumerate(messages)]
        answer = self._service.call("SendMessageBatch", {"QueueUrl": self.url, "Entries": entries}, _BatchSent)
        if answer.get("Failed"):
            codes = ", ".join(each["Code"] for each in answer["Failed"])
            raise StorageUnavailable(f"SQS SendMessageBatch: {codes}")

    def hold(self, receipt_handle: str, seconds: int) -> None:
        """Keeps the message invisible, and so its group closed, for `seconds` from now (0 to 43,200).

        Raises StaleReceipt when the message is no longer in this receiver's hands.
        """
        request = {"QueueUrl": self.url, "ReceiptHandle": receipt_handle, "VisibilityTimeout": seconds}
        try:
            self._service.call("ChangeMessageVisibility", request, _Done)
        except Refused as error:
            if error.reason in _STALE_RECEIPT:
                raise StaleReceipt(error.detail) from error
            raise


def _entry(message: FifoMessage) -> dict[str, str]:
    return {
        "MessageBody": json.dumps(message.body),
        "MessageGroupId": message.group,
        "MessageDeduplicationId": message.deduplication_id,
    }
