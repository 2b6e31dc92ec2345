"""Drains an account's line: slices in order, each mail through the relay, each outcome recorded with its reason.

`Sender.work` lists the steps of a visit, `SliceRun.send_next` those of a mail; what is decided there is in `replies`,
`decisions`, `backoff` and `shared.limits`.
"""

import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from shared.accounts.counters import CounterTable, Tally
from shared.attachments.fetching import Fetcher
from shared.aws.dynamodb import Table
from shared.aws.threads import in_thread
from shared.clock import Clock, Millis
from shared.delivery.backoff import STANDSTILL, line_wait
from shared.delivery.decisions import event_from_state
from shared.delivery.health_watch import HealthWatch
from shared.delivery.jobs import Job, JobLoader
from shared.delivery.pool import Pool
from shared.delivery.recorder import Recorder
from shared.delivery.slice_run import LAST_START, RunContext, SliceRun, Stop, YieldedSeat
from shared.delivery.standing import Standing, StandingReader
from shared.delivery.standstill import StandingWatch, is_suspended, standstill
from shared.delivery.suppressing import recipients_to_check, without_suppressed
from shared.delivery.tokens import MailTokens
from shared.delivery.transmission import LineFault
from shared.errors import StorageError
from shared.limits.budget import Budget, BudgetSpent, LimitScope
from shared.limits.connections import Place
from shared.limits.seats import LOOK_AGAIN, Seats
from shared.limits.state import LimitTable, account_limits_key, tenant_limits_key
from shared.lines.attendance import CLOCK_SKEW, Drained, MustWait, OutOfTime, Rest, Visit, WaitBy
from shared.lines.line import LANES
from shared.lines.lines import Lines
from shared.messages.model import Priority
from shared.messages.set_aside import SuspendedSlices
from shared.messages.slices import ClaimedByOther, Slice, SliceTable
from shared.observability import logger
from shared.reports.outbox import Outbox
from shared.suppression.table import SuppressionTable


@dataclass(frozen=True, slots=True)
class SenderParts:
    """What a sender is made of."""

    messages: Table
    slices: SliceTable
    jobs: JobLoader
    standing: StandingReader
    limits: LimitTable
    suppressions: SuppressionTable
    aside: SuspendedSlices
    outbox: Outbox
    lines: Lines
    health: HealthWatch
    counters: CounterTable
    pool: Pool
    tokens: MailTokens
    attachments: Fetcher
    clock: Clock
    draw: Callable[[], float]  # uniform in [0, 1)
    pause: Callable[[Millis], Awaitable[None]]


class Sender:
    """Works account lines, one visit after the other."""

    def __init__(self, parts: SenderParts) -> None:
        self._parts = parts

    async def work(self, visit: Visit) -> Rest:
        """The work of one visit to an account's line. Raises StorageError when outcomes cannot be written."""
        await self._parts.pool.sweep()
        watch = StandingWatch(self._parts.standing, visit.line, self._parts.clock)
        standing = await watch.now()
        if standing.is_being_deleted:
            return Drained(next_due=None)
        if (stopped := standstill(standing)) is not None:
            return self._stand_still(stopped)
        budget, seats = self._budget(visit, standing), self._seats(visit, standing)
        if not await in_thread(seats.take):
            return self._wait_for_seat("all connections are in use")
        tally = Tally()
        try:
            async with self._recorder(visit) as recorder:
                context = await self._run_context(visit, standing, budget, seats, recorder, tally)
                return await self._drain(visit, watch, context)
        finally:
            await self._count(visit, tally)
            # In this order: the relay must not see a connection more than others are told.
            if seats.is_capped and standing.account is not None:
                await self._parts.pool.close_idle(standing.account)
            await in_thread(seats.give_back)
            await in_thread(budget.give_back)

    async def _drain(self, visit: Visit, watch: StandingWatch, context: RunContext) -> Rest:
        """Slice after slice, until nothing is due, the line must wait, or time is nearly up."""
        parts = self._parts
        progressed = False
        while parts.clock() < visit.deadline - LAST_START:
            found = await in_thread(parts.slices.first, visit.line)
            if found is None:
                return Drained(next_due=None)
            # Mail of a deleted account is refused at once: there is nothing to wait for.
            if context.account is not None and found.due_at > parts.clock() + CLOCK_SKEW:
                return Drained(next_due=found.due_at)
            standing = await watch.now()
            if standing.is_being_deleted:
                return Drained(next_due=None)
            if (stopped := standstill(standing)) is not None:
                return self._stand_still(stopped)
            if is_suspended(found, standing):
                await self._set_aside(found, watch)
                continue
            claimed = await self._claim(found, visit)
            if claimed is None:
                continue
            if isinstance(claimed, ClaimedByOther):
                return MustWait(claimed.until, "another worker's claim", by=WaitBy.VISIBILITY, backs_off=False)
            if claimed.crashes > 0:
                await self._tell_again(claimed, context.recorder)
            jobs = await self._without_suppressed(standing, claimed, await in_thread(parts.jobs.load, claimed))
            run = SliceRun(context, claimed, jobs)
            await run.send_all()
            await run.let_go()
            if run.answered > 0 and not progressed:
                await in_thread(parts.health.mail_got_through, visit)
                progressed = True
            if run.stop is not None:
                return await self._wait(visit, run.stop, progressed=progressed)
        return OutOfTime()

    async def _tell_again(self, claimed: Slice, recorder: Recorder) -> None:
        """What the last worker sent, and may not have told before it died. The event ids are the same."""
        already_sent = await in_thread(self._parts.jobs.already_sent, claimed)
        told = (event_from_state(mail, content) for mail, content in already_sent)
        await recorder.tell_again(event for event in told if event is not None)

    async def _set_aside(self, found: Slice, watch: StandingWatch) -> None:
        if not await in_thread(self._parts.aside.set_aside, found):
            await watch.anew()  # the batch may have been activated

    async def _without_suppressed(self, standing: Standing, claimed: Slice, jobs: Sequence[Job]) -> Sequence[Job]:
        """One read for the whole slice, and none for tenants that never had a suppressed address."""
        if not standing.has_suppressions:
            return jobs
        wanted = recipients_to_check(jobs)
        suppressed = await in_thread(self._parts.suppressions.among, claimed.line.tenant_id, wanted)
        return [without_suppressed(job, suppressed) for job in jobs]

    async def _claim(self, found: Slice, visit: Visit) -> Slice | ClaimedByOther | None:
        return await in_thread(
            self._parts.slices.claim,
            found,
            worker=uuid.uuid4().hex,
            until=visit.deadline,
            now=self._parts.clock(),
        )

    async def _wait(self, visit: Visit, stop: Stop, *, progressed: bool) -> MustWait:
        match stop:
            case YieldedSeat():
                return self._wait_for_seat("a more urgent lane waits for the connection")
            case BudgetSpent(until=until, reason=reason):
                return MustWait(until, reason, progressed=progressed, backs_off=False)
            case LineFault() as fault:
                waits = 0 if progressed else visit.head.waits
                delay = line_wait(visit.line.kind, waits, self._parts.draw())
                logger.debug("what the relay said", line=visit.line.partition, reason=fault.reason)
                await in_thread(self._parts.health.line_must_wait, visit, fault, progressed=progressed)
                return MustWait(self._parts.clock() + delay, fault.summary, progressed=progressed)

    async def _count(self, visit: Visit, tally: Tally) -> None:
        """Statistics: when they cannot be written they are lost, and nothing else is."""
        line = visit.line
        try:
            await in_thread(self._parts.counters.add, line.tenant_id, line.account_id, tally, self._parts.clock())
        except StorageError as error:
            logger.warning("counters not written", line=line.partition, reason=error.detail)

    def _stand_still(self, reason: str) -> MustWait:
        return MustWait(self._parts.clock() + STANDSTILL, reason, backs_off=False)

    def _wait_for_seat(self, reason: str) -> MustWait:
        return MustWait(self._parts.clock() + LOOK_AGAIN, reason, by=WaitBy.VISIBILITY, backs_off=False)

    def _budget(self, visit: Visit, standing: Standing) -> Budget:
        account, tenant = standing.account, standing.tenant
        limited = [
            (account_limits_key(visit.line.tenant_id, visit.line.account_id), account.limits if account else None),
            (tenant_limits_key(visit.line.tenant_id), tenant.limits if tenant else None),
        ]
        return Budget(
            [
                LimitScope(
                    self._parts.limits,
                    key,
                    limits,
                    priority=_priority(visit),
                    shares=standing.instance.priority_shares.by_priority,
                    clock=self._parts.clock,
                )
                for key, limits in limited
                if limits is not None and limits.windows
            ]
        )

    def _seats(self, visit: Visit, standing: Standing) -> Seats:
        account = standing.account
        return Seats(
            self._parts.limits,
            account_limits_key(visit.line.tenant_id, visit.line.account_id),
            account.max_connections if account else None,
            place=Place(
                _priority(visit),
                visit.line.part,
                parallelism=account.parallelism if account else 1,
                parts=account.parts if account else 1,
            ),
            until=visit.deadline,
            clock=self._parts.clock,
        )

    def _recorder(self, visit: Visit) -> Recorder:
        parts = self._parts
        return Recorder(
            visit.line,
            messages=parts.messages,
            slices=parts.slices,
            outbox=parts.outbox,
            suppressions=parts.suppressions,
            lines=parts.lines,
            clock=parts.clock,
            draw=parts.draw,
        )

    async def _run_context(
        self,
        visit: Visit,
        standing: Standing,
        budget: Budget,
        seats: Seats,
        recorder: Recorder,
        tally: Tally,
    ) -> RunContext:
        parts = self._parts
        own_policy = standing.tenant.retry if standing.tenant else None
        return RunContext(
            account=standing.account,
            credentials=await in_thread(parts.standing.credentials, standing.account),
            retry=own_policy or standing.instance.retry,
            retention=standing.instance.retention,
            tally=tally,
            budget=budget,
            seats=seats,
            recorder=recorder,
            slices=parts.slices,
            pool=parts.pool,
            tokens=parts.tokens,
            attachments=parts.attachments.for_visit(visit.line.tenant_id, standing.tenant, standing.instance),
            clock=parts.clock,
            pause=parts.pause,
            deadline=visit.deadline,
        )


def _priority(visit: Visit) -> Priority:
    return Priority(LANES.index(visit.line.kind))
