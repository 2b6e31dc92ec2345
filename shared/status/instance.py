"""How the whole instance fares: which lines have work, how much, which must wait, what the queues hold."""

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from shared.aws.polled_queue import PolledQueue, QueueDepth
from shared.clock import Clock, Millis
from shared.lines.head import DueHead, Heads
from shared.lines.line import DUE_SHARDS, LANES, WOKEN, Line, LineKind
from shared.messages.depths import MAX_READS, Depth, Depths

LINES_A_SHARD = 1_000
MAX_BLOCKED = 100
_AT_A_TIME = 8


@dataclass(frozen=True, slots=True)
class KindStatus:
    """One lane, or the reports. `lines` have work, now or later, `blocked_lines` of them must wait; `depth` is that of
    lanes; `wake_ups` wait in the queue for a worker, or are in one's hands."""

    kind: LineKind
    lines: int
    blocked_lines: int
    depth: Depth
    wake_ups: QueueDepth
    dead_letters: int


@dataclass(frozen=True, slots=True)
class BlockedLine:
    """A line that nobody works before `until`."""

    line: Line
    until: Millis
    reason: str | None


@dataclass(frozen=True, slots=True)
class Survey:
    """`complete` is False when there are more lines with work than were looked at; counts are then too low."""

    kinds: tuple[KindStatus, ...]
    blocked: tuple[BlockedLine, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class LinesWithWork:
    """The longest due first."""

    lines: list[DueHead]
    complete: bool


class InstanceReader:
    """A survey costs 16 queries of the due index, one batch of reads, `MAX_READS` queries of lines at most, and two
    calls of SQS a queue. It reads an index, so what was written a moment ago may be missing."""

    def __init__(
        self,
        *,
        heads: Heads,
        depths: Depths,
        queues: Mapping[LineKind, PolledQueue],
        dead_letters: Mapping[LineKind, PolledQueue],
        clock: Clock,
    ) -> None:
        self._heads = heads
        self._depths = depths
        self._queues = queues
        self._dead_letters = dead_letters
        self._clock = clock

    def survey(self) -> Survey:
        found, now = self.lines_with_work(), self._clock()
        blocked = [each for each in found.lines if each.blocked_until is not None and each.blocked_until > now]
        lines, waiting = (Counter(each.line.kind for each in some) for some in (found.lines, blocked))
        depths = self.lane_depths(found)
        kinds = tuple(
            KindStatus(
                kind,
                lines[kind],
                waiting[kind],
                depths.get(kind, Depth()),
                self._queues[kind].depth(),
                _held(self._dead_letters[kind].depth()),
            )
            for kind in WOKEN
            if kind in self._queues and kind in self._dead_letters  # those of this deployment
        )
        return Survey(kinds, self._reasons(blocked), found.complete)

    def lines_with_work(self) -> LinesWithWork:
        """Of all kinds, at most `LINES_A_SHARD` of each shard of the due index."""
        with ThreadPoolExecutor(max_workers=_AT_A_TIME) as threads:
            shards = list(
                threads.map(lambda shard: self._heads.with_work(shard, limit=LINES_A_SHARD), range(DUE_SHARDS))
            )
        lines = sorted((each for some, _ in shards for each in some), key=lambda each: each.wake_at)
        return LinesWithWork(lines, all(complete for _, complete in shards))

    def lane_depths(self, found: LinesWithWork) -> dict[LineKind, Depth]:
        """How many mails wait in each lane; those of suspended batches lie aside and do not count."""
        lines = [each.line for each in found.lines if each.line.kind in LANES]
        depths = self._depths.of(line.partition for line in lines[:MAX_READS])
        unread = Depth(complete=False)
        beyond = Depth() if found.complete else unread
        return {
            lane: sum((depths.get(line.partition, unread) for line in lines if line.kind is lane), beyond)
            for lane in LANES
        }

    def _reasons(self, blocked: list[DueHead]) -> tuple[BlockedLine, ...]:
        shown = blocked[:MAX_BLOCKED]
        heads = self._heads.read(each.line for each in shown)
        return tuple(
            BlockedLine(each.line, each.blocked_until or 0, heads[each.line].reason if each.line in heads else None)
            for each in shown
        )


def _held(depth: QueueDepth) -> int:
    return depth.waiting + depth.in_flight
