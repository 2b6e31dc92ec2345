"""What those who add work to a line call, in this order: `announce`, write the work, `wake`.

A crash between any two of these leaves either no work, or work that the head wakes within a minute.
"""

from collections.abc import Iterable

from shared.clock import Clock, Millis
from shared.errors import StorageError
from shared.lines.head import Heads
from shared.lines.line import Line
from shared.lines.wakeups import WakeUps
from shared.observability import logger


class Lines:
    """Raises StorageError from `announce` and `unblock`; `wake` only warns."""

    def __init__(self, heads: Heads, wake_ups: WakeUps, clock: Clock) -> None:
        self._heads = heads
        self._wake_ups = wake_ups
        self._clock = clock

    def announce(self, line: Line, due_at: Millis) -> None:
        self._heads.announce(line, due_at, self._clock())

    def wake(self, line: Line) -> None:
        """Sends a wake-up unless one is queued or the line is blocked. Its failure is no failure of the caller:
        the head already says when to look."""
        try:
            if self._heads.record_wake_up(line, self._clock()):
                self._wake_ups.send(line)
        except StorageError as error:
            logger.warning(
                "wake-up not sent: the scheduler will wake the line", line=line.partition, reason=error.detail
            )

    def unblock(self, lines: Iterable[Line]) -> None:
        """Opens lines that waited for what has just been corrected, and wakes them whatever is queued."""
        for line in lines:
            if self._heads.unblock(line, self._clock()):
                self._wake_ups.send(line)
