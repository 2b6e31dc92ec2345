"""The scheduler: wakes what is due, does its own chores, and calls itself again until it is through with both.

The schedule begins a run each minute, unless one is under way. So a million due lines are woken without a pause, and
whatever breaks a run off costs a minute or two.
"""

from collections.abc import Callable
from dataclasses import dataclass

from shared.clock import Clock, Millis
from shared.errors import StorageError
from shared.lines.chores import Chores
from shared.lines.line import Line
from shared.lines.rounds import Rounds, Sweep
from shared.lines.run import Lease, Run
from shared.observability import logger

MAX_GENERATIONS = 60  # of a run: an hour at most
MAX_CHORES = 100  # that a run takes along; more are met again by the next


@dataclass(frozen=True, slots=True)
class RunResult:
    """What one generation did. `is_over`: no other follows; what is left then, the next run meets."""

    generation: int
    woken: int
    blocked: int
    failed: int
    chores_done: int
    chores_left: int
    is_over: bool


class Scheduler:
    """`go_on` starts another invocation with what is left of the run. It may start two: one of them will work."""

    def __init__(
        self,
        *,
        rounds: Rounds,
        chores: Chores,
        lease: Lease,
        go_on: Callable[[Run], None],
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._rounds = rounds
        self._chores = chores
        self._lease = lease
        self._go_on = go_on
        self._clock = clock
        self._new_id = new_id

    def run(self, continued: Run | None = None, *, deadline: Millis) -> RunResult | None:
        """One generation, of a new run or of one `continued`. None where another run, or generation, is at it."""
        run = self._begun(deadline) if continued is None else self._taken_over(continued, deadline)
        if run is None:
            return None
        try:
            return self._work(run, deadline)
        except Exception:
            self._lease.end(run)
            raise

    def _begun(self, deadline: Millis) -> Run | None:
        now = self._clock()
        run = Run(self._new_id(), generation=1, sweep=Sweep.of_all(now))
        return run if self._lease.begin(run.id, now=now, deadline=deadline) else None

    def _taken_over(self, run: Run, deadline: Millis) -> Run | None:
        return run if self._lease.take_over(run, deadline=deadline) else None

    def _work(self, run: Run, deadline: Millis) -> RunResult:
        """Lines first, but a third of the time is the chores', and what they leave of it the lines' again."""
        begun = self._clock()
        first = self._rounds.make(run.sweep, deadline=begun + (deadline - begun) * 2 // 3)
        known = tuple(dict.fromkeys((*run.chores, *first.chores)))
        left = self._chores.do(known, deadline=deadline)
        second = self._rounds.make(first.left, deadline=deadline)
        is_over = second.left.is_done or not self._continues(run, second.left, (*left, *second.chores))
        if is_over:
            self._lease.end(run)
        return RunResult(
            generation=run.generation,
            woken=first.woken + second.woken,
            blocked=first.blocked + second.blocked,
            failed=first.failed + second.failed,
            chores_done=len(known) - len(left),
            chores_left=len(left) + len(second.chores),
            is_over=is_over,
        )

    def _continues(self, run: Run, left: Sweep, chores: tuple[Line, ...]) -> bool:
        """Starts the next generation. False where there is to be none: the schedule then begins another run."""
        if run.generation >= MAX_GENERATIONS:
            logger.warning("run ended with lines left", generations=run.generation)
            return False
        try:
            self._go_on(Run(run.id, run.generation + 1, left, chores[:MAX_CHORES]))
        except StorageError as error:
            logger.error("run could not go on: the next one will", generation=run.generation, reason=error.detail)
            return False
        return True
