"""Whether a line may be worked at all, looked at again while it is: a stop takes hold within a second."""

from shared.aws.threads import in_thread
from shared.clock import SECOND, Clock, Millis
from shared.delivery.standing import Standing, StandingReader
from shared.lines.line import Line
from shared.messages.slices import Slice

_READ_EVERY: Millis = SECOND


class StandingWatch:
    """The standing of one visit's line, as read no longer than a second ago."""

    def __init__(self, reader: StandingReader, line: Line, clock: Clock) -> None:
        self._reader = reader
        self._line = line
        self._clock = clock
        self._read_at: Millis | None = None
        self._known: Standing | None = None

    async def now(self) -> Standing:
        if self._known is None or self._read_at is None or self._clock() >= self._read_at + _READ_EVERY:
            return await self.anew()
        return self._known

    async def anew(self) -> Standing:
        """Read again, whatever is known."""
        self._read_at = self._clock()
        self._known = await in_thread(self._reader.read, self._line)
        return self._known


def standstill(standing: Standing) -> str | None:
    """Why nothing of the line is sent at present, until somebody switches it on again; None when there is no reason."""
    if standing.paused:
        return "the instance is paused"
    if standing.tenant is None:
        return None  # its mail goes the way of mail whose account was deleted
    if not standing.tenant.active:
        return "the tenant is not active"
    return "the tenant is suspended" if standing.tenant.suspended else None


def is_suspended(found: Slice, standing: Standing) -> bool:
    """Whether the slice is to be set aside. One that carries a claim is finished: what its worker sent is known only
    then."""
    if found.batch_code is None or found.claimed_by is not None or standing.tenant is None:
        return False
    return found.batch_code in standing.tenant.suspended_batches
