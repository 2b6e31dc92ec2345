"""What a worker does with a wake-up, whatever the line's work is: hold it, visit the head, work, settle or wait.

The work itself is passed in. It says how it came to rest; this module turns that into what happens to wake-up and head.
Waits and crashes are never raised: an error would make Lambda shrink the whole mapping's concurrency.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto

from shared.aws.threads import in_thread
from shared.clock import SECOND, Clock, Millis
from shared.errors import StaleReceipt
from shared.lines.head import Head, Heads
from shared.lines.line import Line
from shared.lines.wakeups import WakeUp, WakeUps
from shared.observability import logger

CLOCK_SKEW: Millis = 2 * SECOND  # what is due within this counts as due: clocks differ
_COVER: Millis = 30 * SECOND  # how long after a worker's deadline the head wakes the line, should the worker die
_LONGEST_HOLD: Millis = 60 * SECOND


@dataclass(frozen=True, slots=True)
class Visit:
    """One worker's time at one line: nothing is sent or written after `deadline`."""

    line: Line
    head: Head
    deadline: Millis


@dataclass(frozen=True, slots=True)
class Drained:
    """Nothing more is due; `next_due` is the first work of the future."""

    next_due: Millis | None


@dataclass(frozen=True, slots=True)
class OutOfTime:
    """The deadline is near and work is left."""


class WaitBy(Enum):
    """What keeps the line closed: the visibility of the wake-up in hand, or `blocked_until` on the head."""

    DURATION = auto()  # visibility for a short wait, the head for a long one
    VISIBILITY = auto()
    HEAD = auto()


@dataclass(frozen=True, slots=True)
class MustWait:
    """The whole line waits, in order, until `until`. `progressed`: work got through before, so waits count anew."""

    until: Millis
    reason: str
    progressed: bool = False
    by: WaitBy = WaitBy.DURATION
    backs_off: bool = True  # False: nothing failed, so the next failure waits no longer for it


type Rest = Drained | OutOfTime | MustWait
type Work = Callable[[Visit], Awaitable[Rest]]


class Disposition(Enum):
    """What becomes of the wake-up: deleted, or given back to its queue (visible when its hold ends)."""

    ACKNOWLEDGE = auto()
    GIVE_BACK = auto()


class Attendant:
    """Attends to lines with one worker's wake-ups."""

    def __init__(self, heads: Heads, wake_ups: WakeUps, clock: Clock) -> None:
        self._heads = heads
        self._wake_ups = wake_ups
        self._clock = clock

    async def attend(self, wake_up: WakeUp, work: Work, *, deadline: Millis) -> Disposition:
        """Works the line until it rests. `deadline` is when this worker must have let go of it."""
        line = wake_up.line
        try:
            await in_thread(self._wake_ups.hold, wake_up, deadline - self._clock() + _COVER)
        except StaleReceipt:
            logger.info("stale wake-up: another worker has it", line=line.partition)
            return Disposition.GIVE_BACK
        head = await in_thread(self._heads.visit, line, wake_at=deadline + _COVER)
        if head is None:
            logger.warning("wake-up for a line that never had work", line=line.partition)
            return Disposition.ACKNOWLEDGE
        if head.blocked_until is not None and head.is_blocked(self._clock()):
            return await self._wait_out_block(wake_up, head.blocked_until)
        return await self._work(wake_up, work, Visit(line, head, deadline))

    async def _work(self, wake_up: WakeUp, work: Work, visit: Visit) -> Disposition:
        while True:
            match await work(visit):
                case Drained(next_due=next_due):
                    met = await in_thread(
                        self._heads.settle, visit.line, visit.head, next_due=next_due, now=self._clock()
                    )
                    if met is None:
                        return Disposition.ACKNOWLEDGE
                    visit = Visit(visit.line, met, visit.deadline)  # work was added meanwhile
                case OutOfTime():
                    await self._hand_over(visit)
                    return Disposition.ACKNOWLEDGE
                case MustWait() as wait:
                    disposition = await self._wait(wake_up, visit, wait)
                    if disposition is not None:
                        return disposition
                    visit = Visit(visit.line, await self._revisit(visit), visit.deadline)

    async def _hand_over(self, visit: Visit) -> None:
        # Not a second one beside that of whoever added work since the visit: they would grow by one a visit.
        if await in_thread(self._heads.hand_over, visit.line, visit.head, self._clock()):
            await in_thread(self._wake_ups.send, visit.line)

    async def _revisit(self, visit: Visit) -> Head:
        met = await in_thread(self._heads.visit, visit.line, wake_at=visit.deadline + _COVER)
        return met or visit.head

    async def _wait(self, wake_up: WakeUp, visit: Visit, wait: MustWait) -> Disposition | None:
        """None when the line was unblocked meanwhile: what made it wait may be mended, so it is tried again."""
        line, delay = visit.line, wait.until - self._clock()
        waits = (0 if wait.progressed else visit.head.waits) + (1 if wait.backs_off else 0)
        logger.info("line waits", line=line.partition, wait_ms=delay, waits=waits, reason=wait.reason)
        if wait.by is WaitBy.VISIBILITY or (wait.by is WaitBy.DURATION and delay <= _LONGEST_HOLD):
            # Held first: whoever opens the line after the wait is recorded lets go of the wake-up again.
            await self._hold(wake_up, delay)
            if await in_thread(
                self._heads.record_wait,
                line,
                visit.head,
                until=wait.until,
                waits=waits,
                held=wake_up.receipt_handle,
                reason=wait.reason,
            ):
                return Disposition.GIVE_BACK
            in_hand = await self._hold(wake_up, visit.deadline - self._clock() + _COVER)
            return None if in_hand else Disposition.GIVE_BACK
        blocked = await in_thread(
            self._heads.block, line, visit.head, until=wait.until, waits=waits, reason=wait.reason
        )
        if blocked:
            return Disposition.ACKNOWLEDGE
        return None

    async def _wait_out_block(self, wake_up: WakeUp, blocked_until: Millis) -> Disposition:
        """A line is not tried before its time, however it was woken."""
        delay = blocked_until - self._clock()
        if delay <= _LONGEST_HOLD:
            await self._hold(wake_up, delay)
            return Disposition.GIVE_BACK
        await in_thread(self._heads.cover_block, wake_up.line, blocked_until)
        return Disposition.ACKNOWLEDGE

    async def _hold(self, wake_up: WakeUp, duration: Millis) -> bool:
        """False when another worker may have it by now."""
        try:
            await in_thread(self._wake_ups.hold, wake_up, duration)
        except StaleReceipt:
            logger.warning("wake-up outlived its hold: the head wakes the line", line=wake_up.line.partition)
            return False
        return True
