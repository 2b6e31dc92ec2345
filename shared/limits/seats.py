"""How many connections a worker may have while it works a line, where the account caps them."""

import uuid
from dataclasses import dataclass, replace

from shared.aws.dynamodb import ItemKey
from shared.clock import SECOND, Clock, Millis
from shared.limits.connections import (
    Lease,
    Place,
    fixed_part,
    free_connections,
    leased_part,
    must_yield,
    waiting_before,
    with_lease,
    with_word,
    without_word,
)
from shared.limits.state import LimitState, LimitTable

LOOK_EVERY: Millis = 2 * SECOND  # the holder of a leased connection looks whether somebody more urgent waits
LOOK_AGAIN: Millis = SECOND  # a worker that found none asks again


@dataclass(frozen=True, slots=True)
class _Answer:
    count: int
    yield_to_others: bool


class Seats:
    """`count` connections are this worker's, from `take` to `give_back`. Without a cap: one, for strict order.

    `until` is when this worker must have closed them: should it die, others have them from then on.
    """

    def __init__(
        self,
        table: LimitTable,
        key: ItemKey,
        max_connections: int | None,
        *,
        place: Place,
        until: Millis,
        clock: Clock,
    ) -> None:
        self._until = until
        self._table = table
        self._key = key
        self._max = max_connections
        self._place = place
        self._clock = clock
        self._holder = uuid.uuid4().hex[:12]
        self._looked_at: Millis = 0
        self.count = 0
        self.must_yield = False

    @property
    def is_capped(self) -> bool:
        """Then no connection outlives the work: a frozen environment could not close it when another needs it."""
        return self._max is not None

    @property
    def is_leased(self) -> bool:
        """Whether the account's lines share fewer connections than there are lines."""
        return self._max is not None and fixed_part(self._max, self._place) is None

    @property
    def at_most(self) -> int:
        """How many connections a worker of this line can have had."""
        if self._max is None:
            return 1
        return fixed_part(self._max, self._place) or leased_part(self._max, self._place)

    def take(self) -> bool:
        """False when all are in use by other lines, or wanted before; they hear of it if they are less urgent."""
        if self._max is None:
            self.count = 1
        elif (part := fixed_part(self._max, self._place)) is not None:
            self.count = part
        else:
            self._lease(self._max)
        return self.count > 0

    def should_look(self) -> bool:
        """Whether `look` is due."""
        return self.is_leased and self._clock() - self._looked_at >= LOOK_EVERY

    def look(self) -> None:
        """Sets `must_yield` if somebody more urgent waits for a connection."""
        if self._max is not None and self.is_leased:
            self._lease(self._max)

    def give_back(self) -> None:
        """After the connections are closed."""
        if self.is_leased and self.count > 0:
            now = self._clock()
            nothing = Lease(self._holder, self._place.priority, 0, now)
            self._table.change(
                self._key,
                lambda state: (replace(state, leases=tuple(with_lease(state.leases, nothing, now))), None),
                now,
            )
        self.count = 0

    def _lease(self, max_connections: int) -> None:
        now = self._clock()
        answer = self._table.change(self._key, lambda state: self._leased(state, max_connections, now), now)
        self.count, self.must_yield, self._looked_at = answer.count, answer.yield_to_others, now

    def _leased(self, state: LimitState, max_connections: int, now: Millis) -> tuple[LimitState, _Answer]:
        place = self._place
        free = free_connections(state.leases, holder=self._holder, max_connections=max_connections, now=now)
        # One who has a connection has had its turn already.
        before = 0 if self.count else waiting_before(state.waiting, place, now)
        count = min(self.count or leased_part(max_connections, place), free - before)
        if count <= 0:
            word = with_word(state.waiting, place, now)
            return replace(state, waiting=tuple(word)), _Answer(0, yield_to_others=False)
        lease = Lease(self._holder, place.priority, count, self._until)
        leased = replace(
            state,
            leases=tuple(with_lease(state.leases, lease, now)),
            waiting=tuple(without_word(state.waiting, place, now)),
        )
        # With a free connection beside ours, nobody has to wait for us.
        is_wanted = free == count and must_yield(leased.waiting, place.priority, now)
        return leased, _Answer(count, yield_to_others=is_wanted)
