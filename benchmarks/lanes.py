"""Lambda's polling of the queues: wake-ups received, handed to a worker as the event an event source mapping makes, and
deleted unless the handler gave them back.

The mapping of the embedded AWS runs one batch at a time. Here each lane has a worker, in a process of its own, and
lanes run side by side.
"""

import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self

from benchmarks.worker import Invocation, Json, Worker
from localstack import aws

if TYPE_CHECKING:
    from types_boto3_sqs.type_defs import MessageTypeDef

_VISIBILITY_SECONDS = 150
_LONG_POLL_SECONDS = 1  # so that a lane that is told to stop soon does


class Lane:
    """One queue and its worker."""

    def __init__(self, endpoint_url: str, queue_url: str, worker: Worker) -> None:
        self._sqs = aws.session().client("sqs", endpoint_url=endpoint_url, config=aws.CONFIG)
        self._queue_url = queue_url
        self.worker = worker

    def poll(self) -> Invocation | None:
        """Works the next wake-up; None when none came within a second. Raises WorkerError."""
        answer = self._sqs.receive_message(
            QueueUrl=self._queue_url,
            MaxNumberOfMessages=1,
            WaitTimeSeconds=_LONG_POLL_SECONDS,
            VisibilityTimeout=_VISIBILITY_SECONDS,
            MessageSystemAttributeNames=["All"],
        )
        messages = answer.get("Messages", [])
        if not messages:
            return None
        invocation = self.worker.invoke({"Records": [_record(messages[0])]})
        if not invocation.answer["batchItemFailures"]:
            self._sqs.delete_message(QueueUrl=self._queue_url, ReceiptHandle=messages[0]["ReceiptHandle"])
        return invocation

    def drain(self) -> list[Invocation]:
        """Works wake-ups until none comes for a second."""
        done: list[Invocation] = []
        while (invocation := self.poll()) is not None:
            done.append(invocation)
        return done


class RunningLane:
    """Polls a lane from a thread of its own until the end of the `with` block, which then raises what went wrong."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._stopping = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._lane.poll()
        except Exception as failure:  # the border of the thread: raised again by `check`
            if not self._stopping.is_set():
                self._failure = failure

    def check(self) -> None:
        """Raises what made the lane stop, if it did."""
        if self._failure is not None:
            raise self._failure

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._lane.worker.stop()  # it may be in the middle of a long line
        self._thread.join()
        if error is None:
            self.check()


def cpu_of(invocations: list[Invocation]) -> float:
    """Seconds, over all."""
    return sum(each.cpu_seconds for each in invocations)


def _record(message: "MessageTypeDef") -> Json:
    """As https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html shows it."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": {str(name): value for name, value in message.get("Attributes", {}).items()},
        "messageAttributes": {},
        "md5OfBody": message.get("MD5OfBody", ""),
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:lane.fifo",
        "awsRegion": "us-east-1",
    }
