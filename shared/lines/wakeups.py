"""Wake-ups: SQS FIFO messages that say "look at this line", in the message group of its owner."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.aws.sqs import MAX_BATCH, FifoMessage, FifoQueue
from shared.clock import SECOND, Millis
from shared.errors import InvalidInput, StorageUnavailable
from shared.lines.line import Line, LineKind


@dataclass(frozen=True, slots=True)
class WakeUp:
    """A wake-up in a worker's hands."""

    line: Line
    receipt_handle: str


def encode(line: Line) -> dict[str, str]:
    """The body of a wake-up."""
    return {"kind": line.kind.value, "owner": line.owner}


def decode(body: str) -> Line:
    """Raises InvalidInput for anything that `encode` did not make."""
    try:
        fields = json.loads(body)
        return Line(LineKind(fields["kind"]), str(fields["owner"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidInput(f"not a wake-up: {error}") from error


class WakeUps:
    """The queues, one a kind of line. Ids are always fresh: SQS's five-minute deduplication must swallow none."""

    def __init__(self, queues: Mapping[LineKind, FifoQueue]) -> None:
        self._queues = queues

    def send(self, line: Line) -> None:
        self._queue(line.kind).send(_message(line))

    def send_all(self, lines: Sequence[Line]) -> None:
        """All of one kind, ten a call."""
        for start in range(0, len(lines), MAX_BATCH):
            batch = lines[start : start + MAX_BATCH]
            self._queue(batch[0].kind).send_batch([_message(line) for line in batch])

    def hold(self, wake_up: WakeUp, duration: Millis) -> None:
        """Keeps the wake-up in hand, and other workers off the line, for `duration` from now (at least a second).

        Raises StaleReceipt when another worker may have it already.
        """
        self._queue(wake_up.line.kind).hold(wake_up.receipt_handle, max(1, -(-duration // SECOND)))

    def release(self, wake_up: WakeUp) -> None:
        """Gives a held wake-up back to its queue at once. Raises StaleReceipt when it is there already."""
        self._queue(wake_up.line.kind).hold(wake_up.receipt_handle, 0)

    def _queue(self, kind: LineKind) -> FifoQueue:
        """Raises StorageUnavailable: lines of a capability may outlive it in the deployment."""
        try:
            return self._queues[kind]
        except KeyError as error:
            raise StorageUnavailable(f"this deployment has no queue for lines of kind {kind}") from error


def _message(line: Line) -> FifoMessage:
    return FifoMessage(body=encode(line), group=line.message_group, deduplication_id=uuid.uuid4().hex)
