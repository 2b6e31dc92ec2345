"""Names of lines, wake-ups, and what those call who add work."""

import json

import pytest

from shared.aws.dynamodb import Table
from shared.aws.sqs import FifoQueue
from shared.clock import HOUR, MINUTE
from shared.errors import InvalidInput, StaleReceipt
from shared.identifiers import due_key, new_ulid
from shared.lines.head import Heads
from shared.lines.line import (
    DUE_SHARDS,
    HEAD_SORT_KEY,
    LANES,
    MAX_GROUP_LENGTH,
    LineKind,
    account_line,
    account_lines,
    reports_line,
)
from shared.lines.lines import Lines
from shared.lines.wakeups import WakeUp, WakeUps, decode, encode
from tests import boto
from tests.unit.clock import NOON, SettableClock
from tests.unit.shared.lines.lane import LINE, FailingQueue, due_lines, head_item, head_of, queued

LONG = "x" * 64


@pytest.fixture
def heads(messages: Table) -> Heads:
    return Heads(messages)


@pytest.fixture
def lines(heads: Heads, queues: dict[LineKind, FifoQueue], clock: SettableClock) -> Lines:
    return Lines(heads, WakeUps(queues), clock)


@pytest.fixture
def lines_without_sqs(heads: Heads, clock: SettableClock) -> Lines:
    return Lines(heads, WakeUps({kind: FailingQueue() for kind in LineKind}), clock)


class TestNames:
    def test_an_account_has_a_line_in_each_lane_in_order_of_priority(self) -> None:
        assert [line.kind for line in account_lines("acme", "main")] == list(LANES)
        assert {line.owner for line in account_lines("acme", "main")} == {"acme#main"}

    def test_a_line_knows_its_tenant_and_account(self) -> None:
        assert (LINE.tenant_id, LINE.account_id) == ("acme", "main")
        assert (reports_line("acme").tenant_id, reports_line("acme").account_id) == ("acme", "")

    def test_the_head_sorts_after_all_work(self) -> None:
        assert due_key(NOON + 200 * 365 * 24 * HOUR, new_ulid(NOON)) < HEAD_SORT_KEY

    def test_a_message_group_fits_sqs_however_long_the_ids_are(self) -> None:
        groups = {account_line(LineKind.LOW, LONG, LONG[:-1] + end).message_group for end in "abc"}

        assert len(groups) == 3
        assert all(len(group) <= MAX_GROUP_LENGTH for group in groups)
        assert LINE.message_group == "acme#main"

    def test_lines_spread_over_all_shards(self) -> None:
        shards = {account_line(LineKind.LOW, "acme", f"a{number}").due_shard for number in range(300)}

        assert len(shards) == DUE_SHARDS

    def test_no_two_owners_share_a_partition(self) -> None:
        lines = [
            account_line(LineKind.LOW, "a", "b"),
            account_line(LineKind.LOW, "a-b", "c"),
            account_line(LineKind.LOW, "a", "b-c"),
            account_line(LineKind.HIGH, "a", "b"),
            reports_line("a"),
        ]

        assert len({line.partition for line in lines}) == len(lines)


class TestWakeUps:
    @pytest.mark.parametrize("line", [LINE, reports_line("acme"), account_line(LineKind.IMMEDIATE, LONG, LONG)])
    def test_a_wake_up_names_its_line(self, line: object) -> None:
        assert decode(json.dumps(encode(line))) == line  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        "body",
        [
            "",
            "x",
            "null",
            "[]",
            "{}",
            '"kind"',
            '{"kind": "medium"}',
            '{"owner": "a"}',
            '{"kind": "x", "owner": "a"}',
            "[" * 100_000,
        ],
    )
    def test_what_is_no_wake_up_is_refused(self, body: str) -> None:
        with pytest.raises(InvalidInput):
            decode(body)

    def test_no_wake_up_is_swallowed_as_a_duplicate(
        self, queues: dict[LineKind, FifoQueue], queue_urls: dict[LineKind, str]
    ) -> None:
        wake_ups = WakeUps(queues)
        for _ in range(3):
            wake_ups.send(LINE)
        wake_ups.send_all([LINE] * 12)

        assert queued(queue_urls[LineKind.MEDIUM]) == [LINE] * 15

    def test_while_one_is_in_hand_its_group_is_closed_and_no_other(
        self, queues: dict[LineKind, FifoQueue], queue_urls: dict[LineKind, str]
    ) -> None:
        other = account_line(LineKind.MEDIUM, "acme", "other")
        wake_ups, url = WakeUps(queues), queue_urls[LineKind.MEDIUM]
        for line in (LINE, LINE, other):
            wake_ups.send(line)

        in_hand = boto.sqs().receive_message(QueueUrl=url, MaxNumberOfMessages=1)["Messages"][0]
        assert decode(in_hand["Body"]) == LINE
        assert queued(url) == [other]
        wake_ups.hold(WakeUp(LINE, in_hand["ReceiptHandle"]), MINUTE)
        assert queued(url) == []
        boto.sqs().delete_message(QueueUrl=url, ReceiptHandle=in_hand["ReceiptHandle"])
        assert queued(url) == [LINE]

    def test_an_outlived_handle_is_told(
        self, queues: dict[LineKind, FifoQueue], queue_urls: dict[LineKind, str]
    ) -> None:
        wake_ups, url = WakeUps(queues), queue_urls[LineKind.MEDIUM]
        wake_ups.send(LINE)
        handle = boto.sqs().receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"]
        boto.sqs().delete_message(QueueUrl=url, ReceiptHandle=handle)

        with pytest.raises(StaleReceipt):
            wake_ups.hold(WakeUp(LINE, handle), MINUTE)


class TestAddingWork:
    def test_announced_and_woken_work_has_a_due_head_and_one_wake_up(
        self, lines: Lines, heads: Heads, queue_urls: dict[LineKind, str]
    ) -> None:
        for _ in range(3):
            lines.announce(LINE, NOON)
            lines.wake(LINE)

        assert queued(queue_urls[LineKind.MEDIUM]) == [LINE]
        assert due_lines(heads, NOON + MINUTE) == [LINE]

    def test_a_wake_up_that_could_not_be_sent_is_no_failure_and_the_head_wakes_the_line(
        self, lines_without_sqs: Lines, heads: Heads
    ) -> None:
        lines_without_sqs.announce(LINE, NOON)
        lines_without_sqs.wake(LINE)

        assert due_lines(heads, NOON + MINUTE) == [LINE]

    def test_a_blocked_line_is_not_woken(
        self, lines: Lines, heads: Heads, messages: Table, queue_urls: dict[LineKind, str]
    ) -> None:
        lines.announce(LINE, NOON)
        heads.block(LINE, head_of(messages), until=NOON + HOUR, waits=1)
        lines.wake(LINE)

        assert queued(queue_urls[LineKind.MEDIUM]) == []

    def test_unblocking_an_account_wakes_each_lane_that_ever_had_work_whatever_is_queued(
        self, lines: Lines, heads: Heads, messages: Table, queue_urls: dict[LineKind, str]
    ) -> None:
        high, medium = (account_line(lane, "acme", "main") for lane in (LineKind.HIGH, LineKind.MEDIUM))
        for line in (high, medium):
            lines.announce(line, NOON)
            lines.wake(line)
            heads.block(line, head_of(messages, line), until=NOON + HOUR, waits=3)

        lines.unblock(account_lines("acme", "main"))

        assert queued(queue_urls[LineKind.HIGH]) == [high, high]
        assert queued(queue_urls[LineKind.MEDIUM]) == [medium, medium]
        assert head_of(messages, high).blocked_until is None
        assert head_item(messages, account_line(LineKind.LOW, "acme", "main")) == {}

    def test_unblocking_lets_a_held_wake_up_come_back_at_once(
        self,
        lines: Lines,
        heads: Heads,
        messages: Table,
        queues: dict[LineKind, FifoQueue],
        queue_urls: dict[LineKind, str],
    ) -> None:
        lines.announce(LINE, NOON)
        lines.wake(LINE)
        url = queue_urls[LineKind.MEDIUM]
        (held,) = boto.sqs().receive_message(QueueUrl=url)["Messages"]
        queues[LineKind.MEDIUM].hold(held["ReceiptHandle"], 60)
        heads.record_wait(LINE, head_of(messages), until=NOON + MINUTE, waits=1, held=held["ReceiptHandle"])

        lines.unblock([LINE])

        assert queued(url) == [LINE]

    def test_unblocking_without_sqs_leaves_the_lines_due_at_once(
        self, lines_without_sqs: Lines, heads: Heads, messages: Table
    ) -> None:
        lines_without_sqs.announce(LINE, NOON)
        heads.block(LINE, head_of(messages), until=NOON + HOUR, waits=3)

        lines_without_sqs.unblock([LINE])

        assert due_lines(heads, NOON) == [LINE]
