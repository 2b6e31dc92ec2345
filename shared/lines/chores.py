"""Work of the scheduler itself: due lines without a queue, done in what is left of its round, gone on with in the next.

A chore has a head like any line, so nothing of it is stranded when who began it dies.
"""

from collections.abc import Callable, Iterable, Mapping

from shared.clock import MINUTE, Clock, Millis
from shared.errors import StorageError
from shared.lines.head import Heads
from shared.lines.line import Line, LineKind
from shared.observability import logger

_COVER: Millis = MINUTE  # after the deadline: when another round takes over from one that died

type Chore = Callable[[Line, Millis], bool]
"""Works on the chore until the deadline: whether it is done. May be called again, and beside itself."""


class Chores:
    """Done one after the other by one scheduler; two at once would only do the same twice."""

    def __init__(self, heads: Heads, chores: Mapping[LineKind, Chore], clock: Clock) -> None:
        self._heads = heads
        self._chores = chores
        self._clock = clock

    def do(self, lines: Iterable[Line], *, deadline: Millis) -> int:
        """How many of `lines` are done. What is left, or failed, is due again by the next round."""
        done = 0
        for line in lines:
            if self._clock() >= deadline:
                break
            try:
                done += self._do(line, deadline)
            except StorageError as error:
                logger.error("chore left to the next round", line=line.partition, reason=error.detail)
        return done

    def _do(self, line: Line, deadline: Millis) -> bool:
        head = self._heads.visit(line, wake_at=deadline + _COVER)
        if head is None or not self._chores[line.kind](line, deadline):
            return False
        # Refused while whoever announced it may still be about to add to it; it is then due again in a minute.
        self._heads.settle(line, head, next_due=None, now=self._clock())
        return True
