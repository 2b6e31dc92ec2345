"""Writes outcomes in groups: what has finished while the last write was under way goes into the next one.

The order within a group, which a crash anywhere leaves harmless: report line announced, outbox page, suppressions, new
slices of mails put off (their head first), states. So a crash repeats an event rather than loses it.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from shared.aws.attributes import Item
from shared.aws.dynamodb import Table
from shared.aws.threads import in_thread
from shared.clock import Clock, Millis
from shared.delivery.backoff import jittered
from shared.delivery.decisions import Decision
from shared.delivery.suppressing import suppression_after
from shared.errors import StorageError
from shared.identifiers import due_key, new_ulid
from shared.lines.line import ANNOUNCE_REPORTS_EVERY, Line, reports_line
from shared.lines.lines import Lines
from shared.messages.model import Status
from shared.messages.slices import Entry, Slice, SliceTable
from shared.messages.table import recipients_to_item
from shared.observability import logger
from shared.reports.outbox import Outbox
from shared.suppression.table import SuppressionTable

MAX_GROUP = 100
WAKE_REPORTER_EVERY: Millis = 250


class Recorder:
    """For one visit of one line; an async context that ends when everything handed in is written."""

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
        self._waiting: list[tuple[Decision, str | None, asyncio.Future[None]]] = []
        self._handed_in = asyncio.Event()
        self._closing = False
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
        self._waiting.append((decision, batch_code, written))
        self._handed_in.set()
        return written

    async def _run(self) -> None:
        while not (self._closing and not self._waiting):
            await self._wait_for_work()
            group, self._waiting = self._waiting[:MAX_GROUP], self._waiting[MAX_GROUP:]
            if not self._waiting and not self._closing:
                self._handed_in.clear()
            if group:
                await self._commit(group)
            if self._unwoken and self._reporter_is_to_be_woken():
                await self._wake_reporter()
        if self._unwoken:
            await self._wake_reporter()

    async def _wait_for_work(self) -> None:
        """Until something is handed in, or the reporter must be told of what was written last."""
        remaining = None
        if self._unwoken and self._woken_at is not None:
            remaining = max(0, self._woken_at + WAKE_REPORTER_EVERY - self._clock()) / 1000
        with suppress(TimeoutError):
            async with asyncio.timeout(remaining):
                await self._handed_in.wait()

    async def _commit(self, group: Sequence[tuple[Decision, str | None, asyncio.Future[None]]]) -> None:
        """The futures get the outcome; after a failure the mails stay as they were, for the next worker."""
        try:
            await in_thread(self._write, [(decision, batch) for decision, batch, _ in group])
        except Exception as error:
            for _, _, written in group:
                if not written.cancelled():
                    written.set_exception(error)
            return
        self._unwoken = True
        for _, _, written in group:
            if not written.cancelled():
                written.set_result(None)

    def _write(self, group: Sequence[tuple[Decision, str | None]]) -> None:
        now = self._clock()
        if self._announced_at is None or now - self._announced_at >= ANNOUNCE_REPORTS_EVERY:
            self._lines.announce(self._report_line, now)
            self._announced_at = now
        self._outbox.write(self._line.tenant_id, [decision.event for decision, _ in group], now)
        self._suppress(decision for decision, _ in group)
        items: list[Item] = []
        for decision, slice_key in self._with_new_slices(group, now):
            mail = decision.mail if slice_key is None else decision.mail.model_copy(update={"slice_key": slice_key})
            items.append(mail.to_item())
            if len(decision.recipients) > 1 or mail.status is not Status.SENT or mail.attempts > 1:
                items.append(recipients_to_item(mail, decision.recipients))
        self._messages.batch_write(puts=items)

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

    def _with_new_slices(
        self, group: Sequence[tuple[Decision, str | None]], now: Millis
    ) -> list[tuple[Decision, str | None]]:
        """Puts the slices of what is tried again; those of one batch and the same delay share one."""
        shared: dict[tuple[Millis, Millis, str | None], str] = {}
        entries: dict[str, list[Entry]] = {}
        placed: list[tuple[Decision, str | None]] = []
        for decision, batch_code in group:
            if decision.retry_after is None:
                placed.append((decision, None))
                continue
            kind = (decision.retry_after, decision.at_least, batch_code)
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

    def _reporter_is_to_be_woken(self) -> bool:
        return self._woken_at is None or self._clock() - self._woken_at >= WAKE_REPORTER_EVERY

    async def _wake_reporter(self) -> None:
        await in_thread(self._lines.wake, self._report_line)
        self._woken_at = self._clock()
        self._unwoken = False
