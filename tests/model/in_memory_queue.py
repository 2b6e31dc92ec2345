"""An SQS FIFO queue in memory, with the interface of `shared.aws.sqs.FifoQueue` and the receiving side that Lambda's
polling uses. `test_fakes.py` holds it to moto's."""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from shared.aws.sqs import MAX_BATCH, FifoMessage, FifoQueue
from shared.clock import SECOND, Clock, Millis
from shared.errors import StaleReceipt, StorageError
from tests.model.in_memory_table import Calls, at_once

_LONGEST_HOLD_SECONDS = 43_200


@dataclass(slots=True)
class QueuedMessage:
    """`receipt` is that of its latest receive."""

    message: FifoMessage
    visible_at: Millis
    receipt: str | None = None
    receives: int = 0


class InMemoryQueue(FifoQueue):
    """Deduplication is left out: wake-ups never use an id twice, but for a call repeated, which changes nothing."""

    _receipts = itertools.count(1)

    def __init__(self, name: str, clock: Clock, calls: Calls = at_once) -> None:
        self.url = f"memory://{name}"
        self._clock = clock
        self._calls = calls
        self.messages: list[QueuedMessage] = []
        self.sent = Counter[str]()  # by message group

    def send(self, message: FifoMessage) -> None:
        self._calls("SendMessage", lambda: self._add([message]), repeats_safely=True)

    def send_batch(self, messages: Sequence[FifoMessage]) -> None:
        if len(messages) > MAX_BATCH:
            raise StorageError(f"SendMessageBatch: {len(messages)} messages")
        if messages:
            self._calls("SendMessageBatch", lambda: self._add(messages), repeats_safely=True)

    def hold(self, receipt_handle: str, seconds: int) -> None:
        def change() -> None:
            if not 0 <= seconds <= _LONGEST_HOLD_SECONDS:
                raise StorageError(f"ChangeMessageVisibility: {seconds} s")
            self._in_hand(receipt_handle).visible_at = self._clock() + seconds * SECOND

        self._calls("ChangeMessageVisibility", change)

    # -- Lambda's side ----------------------------------------------------------------------------------------------

    def receive(self, visibility: Millis) -> QueuedMessage | None:
        """The first message of the first group of which none is in anybody's hands."""
        first = self._receivable()
        if first is not None:
            first.visible_at = self._clock() + visibility
            first.receipt = f"receipt-{next(self._receipts)}"
            first.receives += 1
        return first

    def has_receivable(self) -> bool:
        return self._receivable() is not None

    def _receivable(self) -> QueuedMessage | None:
        now = self._clock()
        closed = {each.message.group for each in self.messages if each.visible_at > now}
        return next((each for each in self.messages if each.message.group not in closed), None)

    def delete(self, receipt_handle: str) -> None:
        """One no longer in hand stays."""
        self.messages = [
            each for each in self.messages if each.receipt != receipt_handle or each.visible_at <= self._clock()
        ]

    def _add(self, messages: Sequence[FifoMessage]) -> None:
        self.sent.update(each.group for each in messages)
        self.messages += [QueuedMessage(message, visible_at=0) for message in messages]

    def _in_hand(self, receipt_handle: str) -> QueuedMessage:
        for each in self.messages:
            if each.receipt == receipt_handle and each.visible_at > self._clock():
                return each
        raise StaleReceipt("ChangeMessageVisibility: the message is in other hands")
