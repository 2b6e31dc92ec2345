"""The scheduler's round, each minute: wakes every line that is due. Costs O(lines that are due), never O(mails)."""

from dataclasses import dataclass

from shared.clock import Clock, Millis
from shared.errors import StorageUnavailable
from shared.lines.head import WAKE_AFTER, DueHead, Heads
from shared.lines.line import DUE_SHARDS, LineKind
from shared.lines.wakeups import WakeUps
from shared.observability import logger


@dataclass(frozen=True, slots=True)
class RoundResult:
    """How many lines were due: woken, still blocked, or not reached by SQS."""

    woken: int
    blocked: int
    failed: int
    complete: bool  # False when time ran out with lines left: the next round goes on


class Rounds:
    """Made by one scheduler; two at once would only wake twice."""

    def __init__(self, heads: Heads, wake_ups: WakeUps, clock: Clock) -> None:
        self._heads = heads
        self._wake_ups = wake_ups
        self._clock = clock

    def make(self, *, deadline: Millis) -> RoundResult:
        """One round over all shards. Lines woken move a minute on, so a later page of a shard shows new ones."""
        woken = blocked = failed = 0
        for shard in range(DUE_SHARDS):
            seen: set[DueHead] = set()
            while due := [head for head in self._heads.due(shard, self._clock()) if head not in seen]:
                if self._clock() >= deadline:
                    return RoundResult(woken, blocked, failed, complete=False)
                seen.update(due)
                now = self._clock()
                waiting = [head for head in due if head.blocked_until and head.blocked_until > now]
                for head in waiting:
                    self._heads.postpone(head, to=head.blocked_until or now)
                blocked += len(waiting)
                ready = [head for head in due if head not in waiting]
                sent = self._wake(ready, now)
                woken += sent
                failed += len(ready) - sent
        return RoundResult(woken, blocked, failed, complete=True)

    def _wake(self, heads: list[DueHead], now: Millis) -> int:
        """Sends first, then moves `wake_at` if it is still what was seen: a crash between wakes twice, never not."""
        sent = 0
        for kind in LineKind:
            of_kind = [head for head in heads if head.line.kind is kind]
            try:
                self._wake_ups.send_all([head.line for head in of_kind])
            except StorageUnavailable as error:
                logger.error("wake-ups not sent: tried again next minute", kind=kind.value, reason=error.detail)
                continue
            for head in of_kind:
                self._heads.postpone(head, to=now + WAKE_AFTER)
            sent += len(of_kind)
        return sent
