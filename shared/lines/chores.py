"""Work of the scheduler itself: due lines without a queue, done between its rounds, gone on with by the next one.

A chore has a head like any line, so nothing of it is stranded when who began it dies.
"""

from collections.abc import Callable, Mapping, Sequence

from shared.clock import MINUTE, Clock, Millis
from shared.errors import StorageError
from shared.lines.head import DueHead, Heads
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

    def do(self, lines: Sequence[Line], *, deadline: Millis) -> tuple[Line, ...]:
        """Those of `lines` that are not done, in the order in which to go on with them: first what was not begun.

        They are due again by themselves, too.
        """
        begun = 0
        unfinished: list[Line] = []
        for line in lines:
            if self._clock() >= deadline:
                break
            begun += 1
            try:
                if not self._do(line, deadline):
                    unfinished.append(line)
            except StorageError as error:
                logger.error("chore left to the next round", line=line.partition, reason=error.detail)
                unfinished.append(line)
        return (*lines[begun:], *unfinished)

    def _do(self, line: Line, deadline: Millis) -> bool:
        covered = deadline + _COVER
        head = self._heads.visit(line, wake_at=covered)
        if head is None:
            return True  # its tenant is gone, and the head with it
        if not self._chores[line.kind](line, deadline):
            self._heads.postpone(DueHead(line, covered, None), to=self._clock())
            return False
        # Refused while whoever announced it may still be about to add to it; it is then due again in a minute.
        self._heads.settle(line, head, next_due=None, now=self._clock())
        return True
