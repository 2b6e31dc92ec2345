"""The scheduler's round: wakes every line that is due. Costs O(lines that are due), never O(mails)."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Self

from shared.aws.attributes import Item
from shared.clock import Clock, Millis
from shared.errors import StorageError
from shared.lines.head import WAKE_AFTER, DueHead, Heads
from shared.lines.line import DUE_SHARDS, WOKEN, Line
from shared.lines.wakeups import WakeUps
from shared.observability import logger

_PAGE = 100  # lines between two looks at the clock


@dataclass(frozen=True, slots=True)
class Sweep:
    """How far a round has come through the lines that were due at `as_of`.

    `places` are the shards that are not done, each with the key of the due index to go on after; None at its beginning.
    What a round moves on is due after `as_of`, so it comes by no line twice.
    """

    as_of: Millis
    places: Mapping[int, Item | None]

    @classmethod
    def of_all(cls, as_of: Millis) -> Self:
        return cls(as_of, dict.fromkeys(range(DUE_SHARDS)))

    @property
    def is_done(self) -> bool:
        return not self.places


@dataclass(frozen=True, slots=True)
class RoundResult:
    """How many lines were due: woken, still blocked, or not reached (the next round meets them again).

    `chores` are the lines for the scheduler itself, the longest due first; `left` is what time did not suffice for.
    """

    woken: int
    blocked: int
    failed: int
    left: Sweep
    chores: tuple[Line, ...] = ()


@dataclass(slots=True)
class _Part:
    """What came of one shard."""

    shard: int
    resume: Item | None
    is_done: bool = False
    woken: int = 0
    blocked: int = 0
    failed: int = 0
    chores: list[DueHead] = field(default_factory=list)


class Rounds:
    """Made by one scheduler at a time; two at once would only wake twice."""

    def __init__(self, heads: Heads, wake_ups: WakeUps, clock: Clock) -> None:
        self._heads = heads
        self._wake_ups = wake_ups
        self._clock = clock

    def make(self, sweep: Sweep, *, deadline: Millis) -> RoundResult:
        """Goes on with the round until it is done or time is up."""
        parts = self._go_through(sweep, deadline)
        chores = sorted((head for part in parts for head in part.chores), key=lambda head: head.wake_at)
        return RoundResult(
            woken=sum(part.woken for part in parts),
            blocked=sum(part.blocked for part in parts),
            failed=sum(part.failed for part in parts),
            left=Sweep(sweep.as_of, {part.shard: part.resume for part in parts if not part.is_done}),
            chores=tuple(head.line for head in chores),
        )

    def _go_through(self, sweep: Sweep, deadline: Millis) -> list[_Part]:
        """All shards side by side: each line costs a write, and there may be very many."""
        with ThreadPoolExecutor(max_workers=DUE_SHARDS) as threads:
            return list(threads.map(lambda shard: self._shard(shard, sweep, deadline), sweep.places))

    def _shard(self, shard: int, sweep: Sweep, deadline: Millis) -> _Part:
        part = _Part(shard, sweep.places[shard])
        try:
            while not part.is_done and self._clock() < deadline:
                page = self._heads.due(shard, sweep.as_of, resume=part.resume, limit=_PAGE)
                self._take(page.heads, part)
                part.resume, part.is_done = page.resume, page.resume is None
        except StorageError as error:
            logger.error("shard left to the next round", shard=shard, reason=error.detail)
            part.failed += 1
            part.is_done = True
        return part

    def _take(self, due: list[DueHead], part: _Part) -> None:
        now = self._clock()
        part.chores += [head for head in due if head.line.kind not in WOKEN]
        lines = [head for head in due if head.line.kind in WOKEN]
        blocked = [head for head in lines if head.blocked_until and head.blocked_until > now]
        for head in blocked:
            self._heads.postpone(head, to=head.blocked_until or now)
        ready = [head for head in lines if head not in blocked]
        woken = self._wake(ready, now)
        part.blocked += len(blocked)
        part.woken += woken
        part.failed += len(ready) - woken

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
