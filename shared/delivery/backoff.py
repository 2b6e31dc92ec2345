"""How long to wait. Jitter draws from between half the step and the step: greylisting would defeat less."""

from shared.clock import MINUTE, SECOND, Millis
from shared.lines.line import LineKind

_FIRST_WAIT: Millis = 2 * SECOND
_LONGEST_WAIT: Millis = 15 * MINUTE
_LONGEST_WAIT_IMMEDIATE: Millis = 60 * SECOND

# While the tenant is switched off nothing is tried; switching on unblocks the line at once.
STANDSTILL: Millis = 15 * MINUTE


def jittered(step: Millis, draw: float) -> Millis:
    """`draw` is uniform in [0, 1)."""
    return step // 2 + int(step / 2 * draw)


def line_wait(kind: LineKind, waits: int, draw: float) -> Millis:
    """How long a line waits whose relay or account refuses, after `waits` waits in a row: doubling, to 15 minutes;
    in lane-immediate to one minute, since what is in it cannot wait longer for a relay that came back."""
    longest = _LONGEST_WAIT_IMMEDIATE if kind is LineKind.IMMEDIATE else _LONGEST_WAIT
    step = min(_FIRST_WAIT * 2 ** min(waits, 20), longest)
    return max(SECOND, jittered(step, draw))
