"""Drains an account's line: slices in order, each mail through the relay, each outcome recorded with its reason.

`Sender.work` and `_SliceRun.send_next` list the steps; what is decided there is in `replies`, `decisions`, `backoff`.
"""

import asyncio
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shared.aws.dynamodb import Table
from shared.aws.threads import in_thread
from shared.clock import SECOND, Clock, Millis
from shared.delivery.backoff import STANDSTILL, line_wait
from shared.delivery.composer import compose
from shared.delivery.decisions import Decision, after_try, pending_recipients, without_try
from shared.delivery.jobs import Job, JobLoader
from shared.delivery.pool import Pool, PooledSession
from shared.delivery.recorder import Recorder
from shared.delivery.replies import Scope, Stage
from shared.delivery.session import Credentials, SessionDied, SessionFault
from shared.delivery.standing import Standing, StandingReader
from shared.delivery.tokens import MailTokens
from shared.delivery.transmission import Envelope, LineFault, Outcome
from shared.errors import InvalidInput, StorageError
from shared.lines.attendance import CLOCK_SKEW, Drained, MustWait, OutOfTime, Rest, Visit, WaitBy
from shared.lines.lines import Lines
from shared.messages.model import Status
from shared.messages.slices import ClaimedByOther, Entry, Slice, SliceTable
from shared.observability import MetricUnit, logger, metrics
from shared.reports.outbox import Outbox

MAX_CRASHES = 3  # in a row, over one marked mail
SESSIONS_A_LINE = 1  # strict order: with more, neighbours may pass each other

_LAST_START: Millis = 30 * SECOND  # before the deadline: no mail is begun later
_CUT_OFF: Millis = 8 * SECOND  # before the deadline: a mail under way is given up; what it came to must be written

_METRICS = {Status.SENT: "Sent", Status.DEFERRED: "Deferred", Status.ERROR: "Errors"}


@dataclass(frozen=True, slots=True)
class SenderParts:
    """What a sender is made of."""

    messages: Table
    slices: SliceTable
    jobs: JobLoader
    standing: StandingReader
    outbox: Outbox
    lines: Lines
    pool: Pool
    tokens: MailTokens
    clock: Clock
    draw: Callable[[], float]  # uniform in [0, 1)


class Sender:
    """Works account lines, one visit after the other."""

    def __init__(self, parts: SenderParts) -> None:
        self._parts = parts

    async def work(self, visit: Visit) -> Rest:
        """The work of one visit to an account's line. Raises StorageError when outcomes cannot be written."""
        parts = self._parts
        await parts.pool.sweep()
        standing = await in_thread(parts.standing.read, visit.line)
        if standing.tenant is not None and not standing.tenant.active:
            return MustWait(parts.clock() + STANDSTILL, "the tenant is not active")
        credentials = await in_thread(parts.standing.credentials, standing.account)
        progressed = False
        async with self._recorder(visit) as recorder:
            while parts.clock() < visit.deadline - _LAST_START:
                found = await in_thread(parts.slices.first, visit.line)
                if found is None:
                    return Drained(next_due=None)
                if found.due_at > parts.clock() + CLOCK_SKEW:
                    return Drained(next_due=found.due_at)
                claimed = await self._claim(found, visit)
                if claimed is None:
                    continue
                if isinstance(claimed, ClaimedByOther):
                    return MustWait(claimed.until, "another worker's claim", by=WaitBy.VISIBILITY)
                jobs = await in_thread(parts.jobs.load, claimed)
                run = _SliceRun(parts, visit, standing, credentials, recorder, claimed, jobs)
                await run.send_all()
                await run.let_go()
                progressed = progressed or run.recorded > 0
                if run.fault is not None:
                    return self._wait(visit, run.fault, progressed=progressed)
        return OutOfTime()

    def _recorder(self, visit: Visit) -> Recorder:
        parts = self._parts
        return Recorder(
            visit.line,
            messages=parts.messages,
            slices=parts.slices,
            outbox=parts.outbox,
            lines=parts.lines,
            clock=parts.clock,
            draw=parts.draw,
        )

    async def _claim(self, found: Slice, visit: Visit) -> Slice | ClaimedByOther | None:
        return await in_thread(
            self._parts.slices.claim,
            found,
            worker=uuid.uuid4().hex,
            until=visit.deadline,
            now=self._parts.clock(),
        )

    def _wait(self, visit: Visit, fault: LineFault, *, progressed: bool) -> MustWait:
        waits = 0 if progressed else visit.head.waits
        delay = line_wait(visit.line.kind, waits, self._parts.draw())
        logger.debug("what the relay said", line=visit.line.partition, reason=fault.reason)
        return MustWait(self._parts.clock() + delay, fault.summary, progressed=progressed)


class _SliceRun:
    """One claimed slice on its way through the relay."""

    def __init__(
        self,
        parts: SenderParts,
        visit: Visit,
        standing: Standing,
        credentials: Credentials | None,
        recorder: Recorder,
        claimed: Slice,
        jobs: Sequence[Job],
    ) -> None:
        self._parts = parts
        self._visit = visit
        self._standing = standing
        self._credentials = credentials
        self._recorder = recorder
        self._claimed = claimed
        self._jobs = deque(jobs)
        self._one_by_one = claimed.crashes > 0
        self.fault: LineFault | None = None
        self.recorded = 0

    async def send_all(self) -> None:
        """Until the slice is empty, the line must wait, or time is nearly up."""
        sessions = 1 if self._one_by_one else min(SESSIONS_A_LINE, len(self._jobs))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(sessions):
                    group.create_task(self._send_through_one_session())
        except* StorageError as failures:
            # The claim stays: what was sent but not written is for the next worker to find out.
            raise failures.exceptions[0] from None

    async def let_go(self) -> None:
        """Removes the slice, or gives it back with what is left."""
        remaining: list[Entry] = [job.entry for job in self._jobs]
        if remaining:
            await in_thread(self._parts.slices.let_go, self._claimed, remaining)
        else:
            await in_thread(self._parts.slices.finish, self._claimed)

    async def _send_through_one_session(self) -> None:
        """One mail after the other. The next is begun only while at most one outcome is unwritten."""
        unwritten: asyncio.Future[None] | None = None
        account = self._standing.account
        if account is None:
            while self._jobs:
                await self._record(self._jobs[0], self._refused(self._jobs[0], "the account was deleted"))
                self._jobs.popleft()
            return
        async with self._parts.pool.acquire(account, self._credentials) as session:
            while self._jobs and self.fault is None and self._has_time():
                job = self._jobs.popleft()
                decision = await self.send_next(job, session)
                if decision is None:
                    self._jobs.appendleft(job)
                    break
                if unwritten is not None:
                    await unwritten
                unwritten = self._record(job, decision)
                if self._one_by_one:
                    await unwritten
            if unwritten is not None:
                await unwritten

    async def send_next(self, job: Job, session: PooledSession) -> Decision | None:
        """The way of one mail. None when the line must wait; the mail then stays as it is."""
        if self._one_by_one and not await self._mark(job):
            return self._refused(job, f"the sender died {MAX_CRASHES} times in a row over this mail")
        if job.content is None:
            return self._refused(job, "the content of the mail is no longer kept")
        recipients = pending_recipients(job.content.envelope_recipients, job.before)
        try:
            token = self._parts.tokens.seal(job.mail.tenant_id, job.mail.id)
            message = compose(job.content, token=token, composed_at=job.mail.due_at)
        except InvalidInput as error:
            return self._refused(job, error.detail)
        envelope = Envelope(job.content.envelope_sender, tuple(recipients))
        outcome = await self._transmit(session, envelope, message)
        if isinstance(outcome, LineFault):
            self.fault = outcome
            return None
        return after_try(
            job.mail,
            outcome,
            tried=recipients,
            before=job.before,
            policy=self._standing.instance.retry,
            now=self._parts.clock(),
        )

    async def _mark(self, job: Job) -> bool:
        """False when this mail has cost too many workers their lives."""
        if self._claimed.marked == job.mail.id and self._claimed.marked_crashes >= MAX_CRASHES:
            return False
        self._claimed = await in_thread(self._parts.slices.mark, self._claimed, job.mail.id)
        return True

    async def _transmit(self, session: PooledSession, envelope: Envelope, message: bytes) -> Outcome:
        seconds = (self._visit.deadline - _CUT_OFF - self._parts.clock()) / SECOND
        try:
            return await session.transmit(envelope, message, seconds=seconds)
        except SessionFault as error:
            return error.fault
        except SessionDied as error:
            return LineFault(Scope.RELAY, Stage.MAIL, error.detail)

    def _refused(self, job: Job, reason: str) -> Decision:
        addresses = pending_recipients(job.content.envelope_recipients, job.before) if job.content else []
        return without_try(job.mail, reason, addresses, job.before, self._parts.clock())

    def _record(self, job: Job, decision: Decision) -> asyncio.Future[None]:
        self.recorded += 1
        mail = decision.mail
        metrics.add_metric(name=_METRICS[mail.status], unit=MetricUnit.Count, value=1)
        if mail.status is Status.SENT:
            latency = self._parts.clock() - mail.created_at
            metrics.add_metric(name="AcceptedToSent", unit=MetricUnit.Milliseconds, value=latency)
        logger.info(
            "mail tried",
            tenant_id=mail.tenant_id,
            message_id=mail.id,
            account_id=mail.account_id,
            status=mail.status.value,
            attempts=mail.attempts,
            codes=sorted({each.code for each in decision.recipients if each.code is not None}),
        )
        return self._recorder.record(decision, batch_code=job.mail.batch_code)

    def _has_time(self) -> bool:
        return self._parts.clock() < self._visit.deadline - _LAST_START
