"""What those who add work to a line call, in this order: `announce`, write the work, `wake`.

A crash between any two of these leaves either no work, or work that the head wakes within a minute.
"""

from collections.abc import Iterable

from shared.clock import Clock, Millis
from shared.errors import StaleReceipt, StorageError
from shared.lines.head import Heads
from shared.lines.line import Line
from shared.lines.wakeups import WakeUp, WakeUps
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
            due = self._heads.record_wake_up(line, self._clock())
        except StorageError as error:
            logger.warning(
                "wake-up not recorded: the scheduler wakes the line", line=line.partition, reason=error.detail
            )
            return
        if due:
            self._send(line)

    def unblock(self, lines: Iterable[Line]) -> list[Line]:
        """Opens lines that waited for what has just been corrected, and wakes them whatever is queued. Those that were
        there to be opened: lines that never had work are not."""
        opened: list[Line] = []
        for line in lines:
            head = self._heads.unblock(line, self._clock())
            if head is None:
                continue
            opened.append(line)
            if head.held is not None:
                self._release(WakeUp(line, head.held))
            else:
                self._send(line)
        return opened

    def _release(self, wake_up: WakeUp) -> None:
        """Ends a wait by visibility: the wake-up itself comes back at once."""
        try:
            self._wake_ups.release(wake_up)
        except StaleReceipt:
            self._send(wake_up.line)  # it has come back by itself
        except StorageError as error:
            logger.warning("held wake-up not released", line=wake_up.line.partition, reason=error.detail)

    def _send(self, line: Line) -> None:
        try:
            self._wake_ups.send(line)
        except StorageError as error:
            logger.warning("wake-up not sent: the scheduler wakes the line", line=line.partition, reason=error.detail)
