"""One claimed slice on its way through the relay: each mail's steps, in the order of the slice."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from shared.accounts.counters import Tally
from shared.accounts.model import Account
from shared.attachments.fetching import Files, VisitFetcher
from shared.attachments.origins import FetchFailed
from shared.aws.threads import in_thread
from shared.clock import SECOND, Clock, Millis
from shared.delivery.authentication import Credentials
from shared.delivery.composer import compose
from shared.delivery.decisions import Decision, after_try, doubted, pending_recipients, without_try
from shared.delivery.envelopes import envelope_for
from shared.delivery.jobs import Job
from shared.delivery.opening import SessionFault
from shared.delivery.outcome_log import OutcomeLog
from shared.delivery.pool import Pool, PooledSession
from shared.delivery.recorder import Recorder
from shared.delivery.replies import Scope, Stage
from shared.delivery.session import SessionDied
from shared.delivery.suppressing import hard_refusals
from shared.delivery.tokens import MailTokens
from shared.delivery.transmission import (
    Answered,
    Envelope,
    LineFault,
    MailFailed,
    Outcome,
    RecipientReply,
    closed,
    postponed,
)
from shared.errors import InvalidInput, StorageError
from shared.instance.model import RetryPolicy
from shared.limits.budget import Budget, BudgetSpent, Needs, NeverFits
from shared.limits.model import LimitBehavior
from shared.limits.seats import Seats
from shared.messages.model import Content
from shared.messages.slices import Entry, Slice, SliceTable, Stall

MAX_CRASHES = 3  # in a row, over one marked mail
MAX_STALLS = 5  # in a row, over one mail: then it is put off, and holds up no others

LAST_START: Millis = 30 * SECOND  # before the deadline: no mail is begun later
_CUT_OFF: Millis = 8 * SECOND  # before the deadline: a mail under way is given up; what it came to must be written
_FETCH_SECONDS = 20.0  # for all attachments of a mail; its session waits meanwhile
_SHORT_PAUSE: Millis = 3 * SECOND  # for a budget: waited for here, rather than by giving the line back


@dataclass(frozen=True, slots=True)
class YieldedSeat:
    """A more urgent lane waits for the connection."""


type Stop = LineFault | BudgetSpent | YieldedSeat


@dataclass(frozen=True, slots=True)
class RunContext:
    """What a run needs of its visit. `account` is None when it was deleted with mail waiting."""

    account: Account | None
    credentials: Credentials | None
    retry: RetryPolicy
    retention: Millis
    tally: Tally
    budget: Budget
    seats: Seats
    recorder: Recorder
    slices: SliceTable
    pool: Pool
    tokens: MailTokens
    attachments: VisitFetcher
    clock: Clock
    pause: Callable[[Millis], Awaitable[None]]
    deadline: Millis


class SliceRun:
    """`stop` tells why the line must wait, None while it need not; `answered` counts mails that the relay did not leave
    without an answer."""

    def __init__(self, context: RunContext, claimed: Slice, jobs: Sequence[Job]) -> None:
        self._context = context
        self._claimed = claimed
        self._jobs = deque(jobs)
        self._one_by_one = claimed.crashes > 0
        self._renewing = asyncio.Lock()
        self._log = OutcomeLog(claimed.line, context.clock)
        self._stalls = {stall.mail_id: stall.times for stall in claimed.stalls}
        self._doubtful = {*claimed.doubtful, *self._in_flight_at_the_crash()}
        self.stop: Stop | None = None
        self.answered = 0

    async def send_all(self) -> None:
        """Until the slice is empty, the line must wait, or time is nearly up. Raises StorageError."""
        try:
            if self._context.account is None:
                await self._refuse_all("the account was deleted")
            else:
                await self._send_all_through(self._context.account)
        finally:
            self._log.close()

    async def _send_all_through(self, account: Account) -> None:
        sessions = 1 if self._one_by_one else min(self._context.seats.count, len(self._jobs))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(sessions):
                    group.create_task(self._send_through_one_session(account))
        except* StorageError as failures:
            # The claim stays: what was sent but not written is for the next worker to find out.
            raise failures.exceptions[0] from None

    async def let_go(self) -> None:
        """Removes the slice, or gives it back with what is left. Raises StorageError."""
        await self._context.recorder.tell()
        remaining: list[Entry] = [job.entry for job in self._jobs]
        if remaining:
            stalls = [
                Stall(each.mail_id, self._stalls[each.mail_id]) for each in remaining if each.mail_id in self._stalls
            ]
            doubtful = [each.mail_id for each in remaining if each.mail_id in self._doubtful]
            await in_thread(self._context.slices.let_go, self._claimed, remaining, stalls=stalls, doubtful=doubtful)
        else:
            await in_thread(self._context.slices.finish, self._claimed)

    def _in_flight_at_the_crash(self) -> list[str]:
        """Of the mails without an outcome, the first: a session has at most one on the wire, and one unwritten."""
        sessions = self._context.seats.at_most if self._one_by_one else 0
        return [job.mail.id for job, _ in zip(self._jobs, range(2 * sessions), strict=False)]

    async def _refuse_all(self, reason: str) -> None:
        while self._jobs:
            job = self._jobs[0]
            await self._record(job, self._refused(job, reason))
            self._jobs.popleft()

    async def _send_through_one_session(self, account: Account) -> None:
        """One mail after the other. The next is begun only while at most one outcome is unwritten."""
        unwritten: asyncio.Future[None] | None = None
        async with self._context.pool.acquire(account, self._context.credentials) as session:
            while self._jobs and await self._may_go_on():
                job = self._jobs.popleft()
                decision = await self.send_next(job, account, session)
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

    async def send_next(self, job: Job, account: Account, session: PooledSession) -> Decision | None:
        """The way of one mail. None when the line must wait; the mail then stays as it is."""
        started_at = self._context.clock()
        if self._one_by_one and not await self._mark(job):
            return self._refused(job, f"the sender died {MAX_CRASHES} times in a row over this mail")
        if job.content is None:
            return self._refused(job, "the content of the mail is no longer kept")
        recipients = pending_recipients(job.content.envelope_recipients, job.before)
        if not recipients:  # all are suppressed, or decided by earlier tries
            return self._refused(job, "")
        try:
            async with self._context.attachments.fetched(job.content.attachments, self._seconds_to_fetch()) as files:
                try:
                    message = self._composed(job, job.content, files)
                    envelope = envelope_for(account, job.content, recipients, size=len(message))
                except InvalidInput as error:
                    return self._refused(job, error.detail)
                outcome = await self._transmit_to_all(session, envelope, message)
        except FetchFailed as error:
            return self._after_try(job, MailFailed(error.detail, permanent=error.permanent), recipients, started_at)
        if isinstance(outcome, BudgetSpent) and outcome.behavior is LimitBehavior.REJECT:
            return self._refused(job, outcome.reason)
        if isinstance(outcome, NeverFits):
            return self._refused(job, outcome.reason)
        if isinstance(outcome, LineFault) and outcome.broke_a_mail:
            outcome = self._stalled(job, outcome)
        elif isinstance(outcome, Answered | MailFailed):
            self.answered += 1
        if isinstance(outcome, LineFault | BudgetSpent):
            self.stop = outcome
            return None
        return self._after_try(job, outcome, recipients, started_at)

    def _after_try(
        self, job: Job, outcome: Answered | MailFailed, recipients: Sequence[str], started_at: Millis
    ) -> Decision:
        decision = after_try(
            job.mail,
            outcome,
            tried=recipients,
            before=job.before,
            policy=self._context.retry,
            now=self._context.clock(),
            waited=max(0, started_at - self._claimed.due_at),
        )
        return replace(decision, refused=hard_refusals(outcome))

    def _stalled(self, job: Job, fault: LineFault) -> LineFault | MailFailed:
        """The line waits for the relay; but not for ever if it is this mail that the relay breaks off at."""
        times = self._stalls[job.mail.id] = self._stalls.get(job.mail.id, 0) + 1
        if times < MAX_STALLS:
            return fault
        return MailFailed(f"the relay broke off {times} times in a row at this mail: {fault.reason}", permanent=False)

    async def _mark(self, job: Job) -> bool:
        """False when this mail has cost too many workers their lives."""
        if self._claimed.marked == job.mail.id and self._claimed.marked_crashes >= MAX_CRASHES:
            return False
        self._claimed = await in_thread(self._context.slices.mark, self._claimed, job.mail.id)
        return True

    def _composed(self, job: Job, content: Content, files: Files) -> bytes:
        token = self._context.tokens.seal(job.mail.tenant_id, job.mail.id)
        return compose(content, token=token, composed_at=job.mail.due_at, files=files)

    async def _transmit_to_all(
        self, session: PooledSession, envelope: Envelope, message: bytes
    ) -> Outcome | BudgetSpent | NeverFits:
        """In one transaction where the relay takes all recipients, else in as many as it wants."""
        answers: list[RecipientReply] = []
        while True:
            outcome = await self._transmit(session, envelope, message)
            match outcome:
                case Answered(recipients=recipients, rest=rest):
                    answers += recipients
                    if not rest:
                        return Answered(tuple(answers))
                    envelope = replace(envelope, recipients=rest)
                case _ if not answers:
                    return outcome
                case MailFailed():
                    return closed(answers, outcome, envelope.recipients)
                case LineFault() | BudgetSpent():
                    self.stop = outcome
                    return postponed(answers, outcome.reason, envelope.recipients)
                case NeverFits(reason=reason):
                    return closed(answers, MailFailed(reason, permanent=True), envelope.recipients)

    async def _transmit(
        self, session: PooledSession, envelope: Envelope, message: bytes
    ) -> Outcome | BudgetSpent | NeverFits:
        """A session first, then budget, then MAIL FROM at once: that is where relays count."""
        needs = self._needs(envelope)
        while True:
            try:
                async with asyncio.timeout(self._seconds_left()):
                    await session.make_ready()
                spent = await self._within_budget(needs)
                if spent is not None:
                    return spent
                return await session.transmit(envelope, message, seconds=self._seconds_left())
            except SessionFault as error:
                return error.fault
            except TimeoutError:
                return LineFault(Scope.RELAY, Stage.CONNECT, "the session was not ready in time")
            except SessionDied as error:
                if not session.was_kept:
                    return LineFault(Scope.RELAY, Stage.MAIL, error.detail)

    def _seconds_left(self) -> float:
        return (self._context.deadline - _CUT_OFF - self._context.clock()) / SECOND

    def _seconds_to_fetch(self) -> float:
        return min(_FETCH_SECONDS, self._seconds_left() / 2)

    def _needs(self, envelope: Envelope) -> Needs:
        if not self._context.budget.is_limited:
            return Needs(len(envelope.recipients))
        ahead = [len(job.content.envelope_recipients) if job.content else 0 for job in self._jobs]
        recipients = len(envelope.recipients)
        return Needs(recipients, mails_ahead=1 + len(ahead), recipients_ahead=recipients + sum(ahead))

    async def _within_budget(self, needs: Needs) -> BudgetSpent | NeverFits | None:
        """Counts the mail, after a pause if the budget frees soon."""
        budget = self._context.budget
        async with self._renewing:  # sessions share what is in hand
            while not budget.covers(needs):
                refused = await in_thread(budget.renew, needs)
                if isinstance(refused, BudgetSpent) and refused.behavior is LimitBehavior.DEFER:
                    wait = refused.until - self._context.clock()
                    if wait <= _SHORT_PAUSE and self._has_time():
                        await self._context.pause(wait)
                        continue
                if refused is not None:
                    self._context.tally.rate_limited += 1
                    return refused
            budget.use(needs)
        return None

    async def _may_go_on(self) -> bool:
        """Whether another mail may be begun: nothing stopped the line, nobody wants the seat, there is time."""
        seats = self._context.seats
        if self.stop is None and seats.should_look():
            await in_thread(seats.look)
            if seats.must_yield:
                self.stop = YieldedSeat()
        return self.stop is None and self._has_time()

    def _has_time(self) -> bool:
        return self._context.clock() < self._context.deadline - LAST_START

    def _refused(self, job: Job, reason: str) -> Decision:
        addresses = job.content.envelope_recipients if job.content else []
        return without_try(job.mail, reason, addresses, job.before, self._context.clock())

    def _record(self, job: Job, decision: Decision) -> asyncio.Future[None]:
        if job.mail.id in self._doubtful:
            decision = doubted(decision)
        self._log.note(decision)
        kept = decision.kept_for(self._context.retention)
        written = self._context.recorder.record(kept, batch_code=job.mail.batch_code)
        written.add_done_callback(partial(self._context.tally.note, decision.mail.status))
        return written
