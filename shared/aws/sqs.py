"""Sends wake-ups to FIFO queues and holds those in hand by their visibility."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.aws.translation import translated, translated_receipt
from shared.errors import StorageUnavailable

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

MAX_BATCH = 10


@dataclass(frozen=True, slots=True)
class FifoMessage:
    """`group` orders and excludes; `deduplication_id` must be fresh for a message that may not be swallowed."""

    body: dict[str, str]
    group: str
    deduplication_id: str


class FifoQueue:
    """One FIFO queue."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self.url = url

    def send(self, message: FifoMessage) -> None:
        with translated("SQS", "SendMessage"):
            self._client.send_message(
                QueueUrl=self.url,
                MessageBody=json.dumps(message.body),
                MessageGroupId=message.group,
                MessageDeduplicationId=message.deduplication_id,
            )

    def send_batch(self, messages: Sequence[FifoMessage]) -> None:
        """At most ten. Raises StorageUnavailable if any was refused; the others are sent."""
        with translated("SQS", "SendMessageBatch"):
            answer = self._client.send_message_batch(
                QueueUrl=self.url,
                Entries=[
                    {
                        "Id": str(position),
                        "MessageBody": json.dumps(message.body),
                        "MessageGroupId": message.group,
                        "MessageDeduplicationId": message.deduplication_id,
                    }
                    for position, message in enumerate(messages)
                ],
            )
        if answer.get("Failed"):
            codes = ", ".join(str(each.get("Code")) for each in answer["Failed"])
            raise StorageUnavailable(f"SQS SendMessageBatch: {codes}")

    def hold(self, receipt_handle: str, seconds: int) -> None:
        """Keeps the message invisible, and so its group closed, for `seconds` from now (0 to 43,200).

        Raises StaleReceipt when the message is no longer in this receiver's hands.
        """
        with translated_receipt("ChangeMessageVisibility"):
            self._client.change_message_visibility(
                QueueUrl=self.url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
            )
