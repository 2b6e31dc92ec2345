"""How many mails wait in lines, and how long the oldest has: read from the slices, within a bound."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace

from shared.aws.attributes import Item
from shared.aws.dynamodb import Key, Table
from shared.clock import SECOND, Clock, Millis
from shared.identifiers import due_at_of
from shared.lines.line import HEAD_SORT_KEY
from shared.messages.waiting import mails_in

MAX_READS = 200  # queries, each of at most 1 MB: some 25,000 mails
_WITHIN: Millis = 5 * SECOND


@dataclass(frozen=True, slots=True)
class Depth:
    """`oldest_due_at` is when the first of `mails` was due, None where there is none. Not `complete`: there may be
    more of them."""

    mails: int = 0
    oldest_due_at: Millis | None = None
    complete: bool = True

    def __add__(self, other: "Depth") -> "Depth":
        dues = [each.oldest_due_at for each in (self, other) if each.oldest_due_at is not None]
        return Depth(self.mails + other.mails, min(dues, default=None), self.complete and other.complete)


_NOT_READ = Depth(complete=False)


class Depths:
    """Raises StorageUnavailable when DynamoDB cannot be reached."""

    def __init__(self, messages: Table, clock: Clock) -> None:
        self._table = messages
        self._clock = clock

    def of(self, partitions: Iterable[str]) -> dict[str, Depth]:
        """By partition, of lines or of suspended batches. The first page of each is read before the second of any, so
        that a deep one hides no other."""
        deadline = self._clock() + _WITHIN
        waiting: deque[tuple[str, Item | None]] = deque((each, None) for each in dict.fromkeys(partitions))
        found = {partition: _NOT_READ for partition, _ in waiting}
        for _ in range(MAX_READS):
            if not waiting or self._clock() >= deadline:
                break
            partition, resume = waiting.popleft()
            condition = Key("pk").eq(partition) & Key("sk").lt(HEAD_SORT_KEY)
            page = self._table.query(condition, resume=resume)
            before = Depth() if resume is None else found[partition]
            found[partition] = replace(before + _depth(page.items), complete=page.resume is None)
            if page.resume is not None:
                waiting.append((partition, page.resume))
        return found


def _depth(slices: list[Item]) -> Depth:
    return Depth(
        mails=sum(mails_in(each) for each in slices),
        oldest_due_at=due_at_of(str(slices[0]["sk"])) if slices else None,
    )
