"""One line for tests, with its head, its queue and what is in them to see."""

from shared.aws.attributes import Item
from shared.aws.dynamodb import Table
from shared.aws.sqs import FifoMessage, FifoQueue
from shared.clock import Millis
from shared.errors import StaleReceipt, StorageUnavailable
from shared.lines.head import Head, Heads
from shared.lines.line import Line, LineKind, account_line
from shared.lines.rounds import Rounds, Sweep, _Part
from shared.lines.wakeups import WakeUp, WakeUps, decode
from tests import boto

LINE = account_line(LineKind.MEDIUM, "acme", "main")


class FailingQueue(FifoQueue):
    """A queue that SQS does not let anybody reach."""

    def __init__(self) -> None:
        """Needs no client."""

    def send(self, message: FifoMessage) -> None:
        raise StorageUnavailable("SQS SendMessage: unreachable")

    def send_batch(self, messages: object) -> None:
        raise StorageUnavailable("SQS SendMessageBatch: unreachable")

    def hold(self, receipt_handle: str, seconds: int) -> None:
        raise StorageUnavailable("SQS ChangeMessageVisibility: unreachable")


class RecordingWakeUps(WakeUps):
    """Wake-ups that are written down in place of being sent. `stale` handles are those of another worker by now."""

    def __init__(self) -> None:
        super().__init__({})
        self.sent: list[Line] = []
        self.held: list[tuple[str, int]] = []
        self.stale: set[str] = set()

    def send(self, line: Line) -> None:
        self.sent.append(line)

    def hold(self, wake_up: WakeUp, duration: int) -> None:
        if wake_up.receipt_handle in self.stale:
            raise StaleReceipt("not ours")
        self.held.append((wake_up.receipt_handle, duration))


class RoundsInTurn(Rounds):
    """One shard after the other: threads would escape the clock, or the interleaving, of a test."""

    def _go_through(self, sweep: Sweep, deadline: Millis) -> list[_Part]:
        return [self._shard(shard, sweep, deadline) for shard in sweep.places]


def head_item(messages: Table, line: Line = LINE) -> Item:
    """The head as stored; empty when there is none."""
    return messages.get(line.head_key) or {}


def head_of(messages: Table, line: Line = LINE) -> Head:
    return Head.from_item(head_item(messages, line))


def due_lines(heads: Heads, now: int, line: Line = LINE) -> list[Line]:
    """What the due index says is due in the shard of `line`."""
    return [each.line for each in heads.due(int(line.due_shard.removeprefix("DUE#")), now).heads]


def queued(url: str) -> list[Line]:
    """The lines of the wake-ups that can be received; each group shows only its first."""
    found = []
    while received := boto.sqs().receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in received:
            found.append(decode(message["Body"]))
            boto.sqs().delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found
