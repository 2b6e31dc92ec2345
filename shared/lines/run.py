"""A run of the scheduler: one round, and the chores met on it, over as many invocations (generations) as that takes.

One run is under way at a time: it holds a lease, an item beside the lines. Each generation takes the lease over from
the one before, so an invocation that Lambda makes twice works once. Whoever dies leaves a lease that runs out, and the
schedule's next call begins a run of its own: what was woken has moved, so it goes on with what was not.
"""

from dataclasses import dataclass
from typing import Final

from shared.aws.attributes import Item
from shared.aws.dynamodb import Attr, ItemKey, Table, Update
from shared.clock import SECOND, Millis
from shared.errors import ConditionFailed
from shared.lines.line import Line
from shared.lines.rounds import Sweep

LEASE: Final = ItemKey("LINE#SCHEDULER", "LEASE")
_HANDOVER: Millis = 20 * SECOND  # after a generation's deadline, for the next one to begin


@dataclass(frozen=True, slots=True)
class Run:
    """What one generation hands to the next."""

    id: str
    generation: int  # the first is 1
    sweep: Sweep
    chores: tuple[Line, ...] = ()


class Lease:
    """Raises StorageError from each method, but never for being refused."""

    def __init__(self, messages: Table) -> None:
        self._table = messages

    def begin(self, run_id: str, *, now: Millis, deadline: Millis) -> bool:
        """Whether nobody else is at it. Holds until a while after `deadline`."""
        free = Attr("held_until").not_exists() | Attr("held_until").lte(now)
        return self._changed(
            Update(LEASE, set={"run": run_id, "generation": 1, "held_until": deadline + _HANDOVER}, condition=free)
        )

    def take_over(self, run: Run, *, deadline: Millis) -> bool:
        """Whether this is the generation that the run waits for: no repetition, and no other run began meanwhile."""
        expected = Attr("run").eq(run.id) & Attr("generation").eq(run.generation - 1)
        taken: Item = {"generation": run.generation, "held_until": deadline + _HANDOVER}
        return self._changed(Update(LEASE, set=taken, condition=expected))

    def end(self, run: Run) -> None:
        """Lets the next run begin at once."""
        own = Attr("run").eq(run.id) & Attr("generation").eq(run.generation)
        self._changed(Update(LEASE, set={"held_until": 0}, condition=own))

    def _changed(self, change: Update) -> bool:
        try:
            self._table.update(change)
        except ConditionFailed:
            return False
        return True
