"""The scheduler's round, each minute: wakes every line that is due. Costs O(lines that are due), never O(mails)."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from shared.clock import Clock, Millis
from shared.errors import StorageError
from shared.lines.head import WAKE_AFTER, DueHead, Heads
from shared.lines.line import DUE_SHARDS, WOKEN, Line
from shared.lines.wakeups import WakeUps
from shared.observability import logger


@dataclass(frozen=True, slots=True)
class RoundResult:
    """How many lines were due: woken, still blocked, or not reached by SQS; and those for the scheduler itself."""

    woken: int
    blocked: int
    failed: int
    complete: bool  # False when time ran out with lines left: the next round goes on
    chores: tuple[Line, ...] = ()


class Rounds:
    """Made by one scheduler; two at once would only wake twice."""

    def __init__(self, heads: Heads, wake_ups: WakeUps, clock: Clock, *, shards_at_a_time: int = 8) -> None:
        self._shards_at_a_time = shards_at_a_time
        self._heads = heads
        self._wake_ups = wake_ups
        self._clock = clock

    def make(self, *, deadline: Millis) -> RoundResult:
        """One round over all shards, several at a time: each line costs a write, and there may be very many."""
        with ThreadPoolExecutor(max_workers=self._shards_at_a_time) as threads:
            parts = list(threads.map(lambda shard: self._round(shard, deadline), range(DUE_SHARDS)))
        return RoundResult(
            woken=sum(part.woken for part in parts),
            blocked=sum(part.blocked for part in parts),
            failed=sum(part.failed for part in parts),
            complete=all(part.complete for part in parts),
            chores=tuple(line for part in parts for line in part.chores),
        )

    def _round(self, shard: int, deadline: Millis) -> RoundResult:
        """One shard. Lines woken move a minute on, so a later page shows new ones."""
        woken = blocked = failed = 0
        seen: set[DueHead] = set()
        chores: list[Line] = []
        while due := [head for head in self._heads.due(shard, self._clock()) if head not in seen]:
            if self._clock() >= deadline:
                return RoundResult(woken, blocked, failed, complete=False, chores=tuple(chores))
            seen.update(due)
            chores += [head.line for head in due if head.line.kind not in WOKEN]
            now = self._clock()
            due = [head for head in due if head.line.kind in WOKEN]
            waiting = [head for head in due if head.blocked_until and head.blocked_until > now]
            for head in waiting:
                self._heads.postpone(head, to=head.blocked_until or now)
            blocked += len(waiting)
            ready = [head for head in due if head not in waiting]
            sent = self._wake(ready, now)
            woken += sent
            failed += len(ready) - sent
        return RoundResult(woken, blocked, failed, complete=True, chores=tuple(chores))

    def _wake(self, heads: list[DueHead], now: Millis) -> int:
        """Sends first, then moves `wake_at` if it is still what was seen: a crash between wakes twice, never not."""
        sent = 0
        for kind in WOKEN:
            of_kind = [head for head in heads if head.line.kind is kind]
            try:
                self._wake_ups.send_all([head.line for head in of_kind])
            except StorageError as error:
                logger.error("wake-ups not sent: tried again next minute", kind=kind.value, reason=error.detail)
                continue
            for head in of_kind:
                self._heads.postpone(head, to=now + WAKE_AFTER)
            sent += len(of_kind)
        return sent
