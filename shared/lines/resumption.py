"""Opens the lines that wait for a time to come, once what they wait for is over for all: the instance is resumed."""

from shared.clock import MINUTE, Clock, Millis
from shared.lines.head import Heads
from shared.lines.line import DUE_SHARDS, LANES, Line
from shared.lines.lines import Lines

_LONGEST_BLOCK: Millis = 20 * MINUTE  # that a pause causes is 15


class Resumption:
    """Finds blocked lines in the due index. Those blocked for another reason, such as a relay that is down, are tried
    once more than they would be."""

    def __init__(self, heads: Heads, lines: Lines, clock: Clock) -> None:
        self._heads = heads
        self._lines = lines
        self._clock = clock

    def open_lines(self, _line: Line, deadline: Millis) -> bool:
        """Whether none was left at the deadline. One that was opened is found no more, so a next call goes on."""
        for shard in range(DUE_SHARDS):
            for due in self._heads.blocked(shard, self._clock(), within=_LONGEST_BLOCK):
                if self._clock() >= deadline:
                    return False
                if due.line.kind in LANES:
                    self._lines.unblock([due.line])
        return True
