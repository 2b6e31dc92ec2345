"""The recorder: outcomes in groups, in an order that a crash anywhere leaves harmless."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from shared.aws.attributes import Item
from shared.aws.dynamodb import Condition, ItemKey, Key, Table, Update
from shared.aws.sqs import FifoQueue
from shared.clock import MINUTE
from shared.delivery.classification import classify
from shared.delivery.decisions import Decision, after_try
from shared.delivery.recorder import Recorder
from shared.delivery.replies import Reply, Stage
from shared.delivery.transmission import Answered, RecipientReply
from shared.errors import StorageUnavailable
from shared.instance.model import RetryPolicy
from shared.lines.head import Heads
from shared.lines.line import HEAD_SORT_KEY, LineKind, account_line, reports_line
from shared.lines.lines import Lines
from shared.lines.wakeups import WakeUps
from shared.messages.model import Mail, Status
from shared.messages.slices import Entry, Slice, SliceTable
from shared.messages.table import MailTable
from shared.reports.outbox import Outbox, OutboxPage
from shared.suppression.table import SuppressionTable
from tests.unit.clock import NOON, SettableClock
from tests.unit.shared.delivery.samples import a_mail
from tests.unit.shared.lines.lane import queued

LINE = account_line(LineKind.MEDIUM, "acme", "main")
REPORTS = reports_line("acme")
TOOK, LATER = Reply(250, "ok"), Reply(451, "later", "4.7.1")


class DyingTable(Table):
    """A table whose process dies before its write number `dies_at`, counted from 1: from then on nothing is written."""

    def __init__(self, table: Table, dies_at: int) -> None:
        super().__init__(table._service, table.name)
        self.writes = 0
        self._dies_at = dies_at

    def _count(self) -> None:
        self.writes += 1
        if self.writes >= self._dies_at:
            raise StorageUnavailable("died")

    def put(self, item: Item, condition: Condition | None = None) -> None:
        self._count()
        super().put(item, condition)

    def update(self, change: Update) -> Item:
        self._count()
        return super().update(change)

    def batch_write(self, puts: Iterable[Item] = (), deletes: Iterable[ItemKey] = ()) -> None:
        self._count()
        super().batch_write(puts, deletes)


@pytest.fixture
def make(registry: Table, queues: dict[LineKind, FifoQueue], clock: SettableClock) -> Any:
    def recorder(messages: Table) -> Recorder:
        return Recorder(
            LINE,
            messages=messages,
            slices=SliceTable(messages),
            outbox=Outbox(messages),
            suppressions=SuppressionTable(registry, clock),
            lines=Lines(Heads(messages), WakeUps(queues), clock),
            clock=clock,
            draw=lambda: 0.5,
        )

    return recorder


def decided(mail_id: str, reply: Reply) -> Decision:
    verdict = None if reply is TOOK else classify(Stage.RCPT, reply)
    answer = Answered((RecipientReply("anna@example.net", reply, verdict),))
    tried = ["anna@example.net"]
    return after_try(a_mail(mail_id), answer, tried=tried, before=(), policy=RetryPolicy(), now=NOON)


def store(messages: Table, *mails: Mail) -> None:
    """The mails as they are while their slice is worked."""
    messages.batch_write(puts=[mail.to_item() for mail in mails])


def pages(messages: Table) -> list[OutboxPage]:
    condition = Key("pk").eq(REPORTS.partition) & Key("sk").lt(HEAD_SORT_KEY)
    return [OutboxPage.from_item(REPORTS, item) for item in messages.query_all(condition)]


def reported(messages: Table) -> set[str | None]:
    return {pushed.event.id for page in pages(messages) for pushed in page.events}


def slices(messages: Table) -> list[Slice]:
    condition = Key("pk").eq(LINE.partition) & Key("sk").lt(HEAD_SORT_KEY)
    return [Slice.from_item(LINE, item) for item in messages.query_all(condition)]


def statuses(messages: Table, names: Sequence[str]) -> list[Status]:
    found = MailTable(messages).get_many("acme", names)
    return [found[name].status for name in names]


@pytest.mark.parametrize("dies_at", range(1, 7))
async def test_a_crash_before_any_write_repeats_an_event_or_a_slice_and_loses_neither(
    make: Any, messages: Table, dies_at: int
) -> None:
    store(messages, a_mail("took"), a_mail("later"))
    dying = DyingTable(messages, dies_at)

    async with make(dying) as recorder:
        futures = [recorder.record(decided("took", TOOK)), recorder.record(decided("later", LATER))]
        results = await asyncio.gather(*futures, return_exceptions=True)

    assert all(isinstance(each, StorageUnavailable) for each in results) == (dies_at < 6)
    took, later = statuses(messages, ["took", "later"])
    if took is Status.SENT:
        assert "took" in reported(messages)
    if later is Status.DEFERRED:
        assert "later" in reported(messages)
        assert MailTable(messages).get("acme", "later").slice_key in {each.sort_key for each in slices(messages)}
    if reported(messages):
        assert messages.get(REPORTS.head_key) is not None
    if slices(messages):
        assert messages.get(LINE.head_key) is not None


async def test_everything_is_written_when_the_recorder_ends(make: Any, messages: Table) -> None:
    names = [f"m{number}" for number in range(250)]
    store(messages, *(a_mail(name) for name in names))

    async with make(messages) as recorder:
        for name in names:
            recorder.record(decided(name, TOOK))

    assert set(statuses(messages, names)) == {Status.SENT}
    assert reported(messages) == set(names)


async def test_mails_put_off_for_the_same_time_share_a_slice_of_their_batch(make: Any, messages: Table) -> None:
    async with make(messages) as recorder:
        for name, batch in (("m1", None), ("m2", None), ("m3", "spring"), ("m4", "spring")):
            recorder.record(decided(name, LATER), batch_code=batch)

    found = {each.batch_code: each for each in slices(messages)}
    assert found[None].entries == (Entry("m1", 1), Entry("m2", 1))
    assert found["spring"].entries == (Entry("m3", 1), Entry("m4", 1))
    assert {each.due_at for each in found.values()} == {NOON + 3 * MINUTE // 4}
    assert MailTable(messages).get("acme", "m1").slice_key == found[None].sort_key


async def test_the_line_of_a_mail_put_off_is_due_in_time(make: Any, messages: Table) -> None:
    async with make(messages) as recorder:
        recorder.record(decided("m1", LATER))

    head = messages.get(LINE.head_key) or {}
    assert head["wake_at"] == NOON + MINUTE


async def test_the_reporter_is_woken_for_what_was_written(
    make: Any, messages: Table, queue_urls: dict[LineKind, str]
) -> None:
    async with make(messages) as recorder:
        await recorder.record(decided("m1", TOOK))

    assert queued(queue_urls[LineKind.REPORTS]) == [REPORTS]


async def test_mails_taken_at_the_first_try_are_told_many_on_a_page(make: Any, messages: Table) -> None:
    async with make(messages) as recorder:
        for name in ("m1", "m2", "m3"):
            await recorder.record(decided(name, TOOK))  # a group of its own
        await recorder.tell()
        before_the_end = reported(messages)

    assert before_the_end == {"m1", "m2", "m3"}
    assert len(pages(messages)) < 3


async def test_what_was_taken_before_is_told_before_what_is_told_at_once(make: Any, messages: Table) -> None:
    async with make(messages) as recorder:
        await recorder.record(decided("m1", TOOK))  # wakes the reporter, and is told
        await recorder.record(decided("m2", TOOK))
        await recorder.record(decided("m3", LATER))

    assert [pushed.event.id for page in pages(messages) for pushed in page.events] == ["m1", "m2", "m3"]


async def test_what_cannot_be_told_is_an_error_of_the_slice(make: Any, messages: Table) -> None:
    class NeverTells(Table):
        def put(self, item: Item, condition: Condition | None = None) -> None:
            raise StorageUnavailable("throttled")

    recorder = make(NeverTells(messages._service, messages.name))
    await recorder.__aenter__()
    await recorder.record(decided("m1", TOOK))

    with pytest.raises(StorageUnavailable):
        await recorder.tell()
    with pytest.raises(StorageUnavailable):
        await recorder.__aexit__(None, None, None)


async def test_what_a_dead_worker_may_not_have_told_is_told_by_the_next(make: Any, messages: Table) -> None:
    async with make(messages) as recorder:
        await recorder.tell_again([decided("m1", TOOK).event])
        await recorder.tell()

        assert reported(messages) == {"m1"}


async def test_nobody_is_woken_for_nothing(make: Any, messages: Table, queue_urls: dict[LineKind, str]) -> None:
    async with make(messages):
        pass

    assert queued(queue_urls[LineKind.REPORTS]) == []
    assert messages.get(REPORTS.head_key) is None


async def test_after_a_failed_group_the_next_one_is_written(make: Any, messages: Table) -> None:
    class FailsOnce(Table):
        failed = False

        def batch_write(self, puts: Iterable[Item] = (), deletes: Iterable[ItemKey] = ()) -> None:
            if not FailsOnce.failed:
                FailsOnce.failed = True
                raise StorageUnavailable("throttled")
            super().batch_write(puts, deletes)

    async with make(FailsOnce(messages._service, messages.name)) as recorder:
        with pytest.raises(StorageUnavailable):
            await recorder.record(decided("m1", TOOK))
        await recorder.record(decided("m2", TOOK))

    assert reported(messages) == {"m2"}
    assert MailTable(messages).get("acme", "m2").status is Status.SENT


async def test_results_for_many_recipients_and_their_event_fit_into_their_items(make: Any, messages: Table) -> None:
    addresses = [f"{'l' * 60}{number:03}@{'d' * 60}.example.org" for number in range(500)]
    refused = Reply(550, "\N{SNOWMAN}" * 600, "5.7.1")
    answers = tuple(RecipientReply(each, refused, classify(Stage.RCPT, refused)) for each in addresses)
    decision = after_try(a_mail("m1"), Answered(answers), tried=addresses, before=(), policy=RetryPolicy(), now=NOON)

    async with make(messages) as recorder:
        await recorder.record(decision)

    assert len(MailTable(messages).recipients(a_mail("m1"))) == 500
    assert reported(messages) == {"m1"}
