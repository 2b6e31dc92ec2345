"""Writes outcomes in groups: what has finished while the last write was under way goes into the next one.

The order within a group, which a crash anywhere leaves harmless: report line announced, outbox page, suppressions, new
slices of mails put off (their head first), states. So a crash repeats an event rather than loses it. Mails whose state
alone tells their event (nearly all) are told later, many on a page, and before their slice goes: after a crash the
next worker of the slice tells them from their states (docs/adr/0035).
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from shared.aws.attributes import Item
from shared.aws.dynamodb import Table
from shared.aws.threads import in_thread
from shared.clock import Clock, Millis
from shared.delivery.backoff import jittered
from shared.delivery.decisions import Decision, tells_itself
from shared.delivery.suppressing import suppression_after
from shared.errors import StorageError
from shared.identifiers import due_key, new_ulid
from shared.lines.line import ANNOUNCE_REPORTS_EVERY, Line, reports_line
from shared.lines.lines import Lines
from shared.messages.slices import Entry, Slice, SliceTable
from shared.messages.table import recipients_to_item
from shared.observability import logger
from shared.reports.events import ReportEvent
from shared.reports.outbox import Outbox
from shared.suppression.table import SuppressionTable

MAX_GROUP = 100
TELL_EVERY: Millis = 250


@dataclass(frozen=True, slots=True)
class _Handed:
    """An outcome that waits to be written."""

    decision: Decision
    batch_code: str | None
    written: asyncio.Future[None]


class Recorder:
    """For one visit of one line; an async context that ends when everything handed in is written and told."""

    def __init__(
        self,
        line: Line,
        *,
        messages: Table,
        slices: SliceTable,
        outbox: Outbox,
        suppressions: SuppressionTable,
        lines: Lines,
        clock: Clock,
        draw: Callable[[], float],
    ) -> None:
        self._line = line
        self._report_line = reports_line(line.tenant_id)
        self._messages = messages
        self._slices = slices
        self._outbox = outbox
        self._suppressions = suppressions
        self._lines = lines
        self._clock = clock
        self._draw = draw
        self._waiting: list[_Handed] = []
        self._handed_in = asyncio.Event()
        self._closing = False
        self._untold: list[ReportEvent] = []  # of mails whose states are written
        self._telling = asyncio.Lock()
        self._announced_at: Millis | None = None
        self._woken_at: Millis | None = None
        self._unwoken = False

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        self._handed_in.set()
        await self._task

    def record(self, decision: Decision, *, batch_code: str | None = None) -> asyncio.Future[None]:
        """Done when the decision is written. Raises StorageError through the future."""
        written = asyncio.get_running_loop().create_future()
        self._waiting.append(_Handed(decision, batch_code, written))
        self._handed_in.set()
        return written

    async def tell_again(self, events: Iterable[ReportEvent]) -> None:
        """Events of mails that a worker which died had sent, and perhaps not told."""
        async with self._telling:
            self._untold += events

    async def tell(self) -> None:
        """Puts the events of all states written into the outbox, which must be done before the slice goes.

        Raises StorageError.
        """
        async with self._telling:
            if self._untold:
                await in_thread(self._write_page, [])

    async def _run(self) -> None:
        while not (self._closing and not self._waiting):
            await self._wait_for_work()
            group, self._waiting = self._waiting[:MAX_GROUP], self._waiting[MAX_GROUP:]
            if not self._waiting and not self._closing:
                self._handed_in.clear()
            if group:
                await self._commit(group)
            if self._has_news and self._reporter_is_to_be_woken():
                await self._wake_reporter()
        if self._has_news:
            await self._wake_reporter()
        await self.tell()

    async def _wait_for_work(self) -> None:
        """Until something is handed in, or the reporter must be told of what was written last."""
        remaining = None
        if self._has_news and self._woken_at is not None:
            remaining = max(0, self._woken_at + TELL_EVERY - self._clock()) / 1000
        with suppress(TimeoutError):
            async with asyncio.timeout(remaining):
                await self._handed_in.wait()

    async def _commit(self, group: Sequence[_Handed]) -> None:
        """The futures get the outcome; after a failure the mails stay as they were, for the next worker."""
        try:
            async with self._telling:
                await in_thread(self._write, group)
        except Exception as error:
            for each in group:
                if not each.written.cancelled():
                    each.written.set_exception(error)
            return
        for each in group:
            if not each.written.cancelled():
                each.written.set_result(None)

    def _write(self, group: Sequence[_Handed]) -> None:
        now = self._clock()
        events = [each.decision.event for each in group]
        all_later = all(tells_itself(each.decision) for each in group)
        if not all_later:
            self._write_page(events)
        self._suppress(each.decision for each in group)
        items: list[Item] = []
        for decision, slice_key in self._with_new_slices(group, now):
            mail = decision.mail if slice_key is None else decision.mail.model_copy(update={"slice_key": slice_key})
            items.append(mail.to_item())
            if not tells_itself(decision):
                items.append(recipients_to_item(mail, decision.recipients))
        self._messages.batch_write(puts=items)
        if all_later:
            self._untold += events

    def _write_page(self, events: Sequence[ReportEvent]) -> None:
        """What is untold, then `events`, in the order in which it came to pass."""
        now = self._clock()
        if self._announced_at is None or now - self._announced_at >= ANNOUNCE_REPORTS_EVERY:
            self._lines.announce(self._report_line, now)
            self._announced_at = now
        self._outbox.write(self._line.tenant_id, [*self._untold, *events], now)
        self._untold.clear()
        self._unwoken = True

    def _suppress(self, decisions: Iterable[Decision]) -> None:
        """Its failure fails nothing else: the next mail to such an address is refused again."""
        found = [
            suppression_after(refusal, decision.event, self._clock())
            for decision in decisions
            for refusal in decision.refused
        ]
        try:
            self._suppressions.add(found)
        except StorageError as error:
            logger.warning("addresses not suppressed", tenant_id=self._line.tenant_id, reason=error.detail)

    def _with_new_slices(self, group: Sequence[_Handed], now: Millis) -> list[tuple[Decision, str | None]]:
        """Puts the slices of what is tried again; those of one batch and the same delay share one."""
        shared: dict[tuple[Millis, Millis, str | None], str] = {}
        entries: dict[str, list[Entry]] = {}
        placed: list[tuple[Decision, str | None]] = []
        for each in group:
            decision = each.decision
            if decision.retry_after is None:
                placed.append((decision, None))
                continue
            kind = (decision.retry_after, decision.at_least, each.batch_code)
            if kind not in shared:
                delay = max(decision.at_least, jittered(decision.retry_after, self._draw()))
                shared[kind] = due_key(now + delay, new_ulid(now))
            entries.setdefault(shared[kind], []).append(Entry(decision.mail.id, decision.mail.generation))
            placed.append((decision, shared[kind]))
        for (_, _, batch_code), key in shared.items():
            new = Slice(self._line, key, tuple(entries[key]), batch_code=batch_code)
            self._lines.announce(self._line, new.due_at)
            self._slices.put(new)
        return placed

    @property
    def _has_news(self) -> bool:
        return self._unwoken or bool(self._untold)

    def _reporter_is_to_be_woken(self) -> bool:
        return self._woken_at is None or self._clock() - self._woken_at >= TELL_EVERY

    async def _wake_reporter(self) -> None:
        """A failure to tell is one of the slice, which asks by `tell`; a failure to wake, one for the scheduler."""
        self._woken_at = self._clock()
        with suppress(StorageError):
            await self.tell()
            await in_thread(self._lines.wake, self._report_line)
            self._unwoken = False
