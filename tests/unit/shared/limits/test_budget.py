"""Limits as workers hold them: permits over a shared item, with injected time."""

import random
from collections import Counter, deque

import pytest

from shared.aws.dynamodb import Table
from shared.clock import MINUTE, SECOND, Millis
from shared.limits.budget import Budget, BudgetSpent, LimitScope, Needs, NeverFits
from shared.limits.model import CountBy, LimitBehavior, PriorityShares, SendingLimits
from shared.limits.state import LimitTable, account_limits_key, tenant_limits_key
from shared.messages.model import Priority
from tests.model.in_memory_table import MESSAGES_INDEXES, InMemoryTable
from tests.unit.clock import SettableClock

SHARES = PriorityShares().by_priority
ACCOUNT = account_limits_key("acme", "main")
ONE = Needs(recipients=1)


@pytest.fixture
def limits(messages: Table) -> LimitTable:
    return LimitTable(messages)


def scope(
    table: LimitTable, limits: SendingLimits, clock: SettableClock, priority: Priority = Priority.IMMEDIATE
) -> LimitScope:
    return LimitScope(table, ACCOUNT, limits, priority=priority, shares=SHARES, clock=clock)


def send(budget: LimitScope | Budget, needs: Needs = ONE) -> BudgetSpent | NeverFits | None:
    """One mail, as the sender does it."""
    if not budget.covers(needs):
        refused = budget.renew(needs)
        if refused is not None:
            return refused
    budget.use(needs)
    return None


def test_mails_are_sent_until_the_window_is_used_up(limits: LimitTable, clock: SettableClock) -> None:
    budget = scope(limits, SendingLimits(per_minute=3), clock)

    assert [send(budget) for _ in range(3)] == [None, None, None]
    spent = send(budget)

    assert isinstance(spent, BudgetSpent)
    assert spent.until == clock.now + MINUTE
    assert spent.reason == "limit of 3 messages a minute is used up"
    assert spent.behavior is LimitBehavior.DEFER


def test_a_worker_finds_what_others_used(messages: Table, clock: SettableClock) -> None:
    limits = SendingLimits(per_minute=5)
    first = scope(LimitTable(messages), limits, clock)
    second = scope(LimitTable(messages), limits, clock)
    for _ in range(4):
        send(first)
    first.give_back()

    assert send(second) is None
    assert isinstance(send(second), BudgetSpent)


def test_what_a_worker_reserved_is_not_there_for_others_until_it_reports(messages: Table, clock: SettableClock) -> None:
    limits = SendingLimits(per_minute=10)
    first = scope(LimitTable(messages), limits, clock)
    second = scope(LimitTable(messages), limits, clock)
    send(first, Needs(recipients=1, mails_ahead=10))

    assert isinstance(send(second), BudgetSpent)
    first.give_back()
    assert send(second) is None


def test_a_permit_is_not_used_after_it_expired(limits: LimitTable, clock: SettableClock) -> None:
    budget = scope(limits, SendingLimits(per_minute=10), clock)
    send(budget, Needs(recipients=1, mails_ahead=5))

    clock.advance(5 * SECOND)

    assert not budget.covers(ONE)


def test_one_write_serves_a_whole_slice(limits: LimitTable, messages: Table, clock: SettableClock) -> None:
    budget = scope(limits, SendingLimits(per_minute=100), clock)
    for left in range(90, 0, -1):
        send(budget, Needs(recipients=1, mails_ahead=left))

    item = messages.get(ACCOUNT)
    assert item is not None
    assert item["revision"] == 1


def test_recipients_are_counted_where_the_limit_says_so(limits: LimitTable, clock: SettableClock) -> None:
    budget = scope(limits, SendingLimits(per_minute=10, count=CountBy.RECIPIENTS), clock)

    assert send(budget, Needs(recipients=6)) is None
    assert isinstance(send(budget, Needs(recipients=6)), BudgetSpent)
    assert send(budget, Needs(recipients=4)) is None


def test_a_mail_that_counts_more_than_the_limit_never_fits(limits: LimitTable, clock: SettableClock) -> None:
    budget = scope(limits, SendingLimits(per_minute=10, count=CountBy.RECIPIENTS), clock, Priority.LOW)

    refused = send(budget, Needs(recipients=8))

    assert refused == NeverFits("counts 8 recipients, the limit allows 7 a minute")


def test_low_leaves_room_for_immediate(messages: Table, clock: SettableClock) -> None:
    limits = SendingLimits(per_minute=10)
    newsletter = scope(LimitTable(messages), limits, clock, Priority.LOW)
    reset = scope(LimitTable(messages), limits, clock, Priority.IMMEDIATE)

    sent_low = sum(send(newsletter, Needs(recipients=1, mails_ahead=50)) is None for _ in range(50))
    sent_immediate = sum(send(reset) is None for _ in range(50))

    assert (sent_low, sent_immediate) == (7, 3)


def test_the_limits_of_the_tenant_hold_besides_those_of_the_account(messages: Table, clock: SettableClock) -> None:
    table = LimitTable(messages)
    tenant = LimitScope(
        table,
        tenant_limits_key("acme"),
        SendingLimits(per_minute=2),
        priority=Priority.IMMEDIATE,
        shares=SHARES,
        clock=clock,
    )
    budget = Budget([scope(table, SendingLimits(per_minute=5), clock), tenant])

    assert [send(budget), send(budget)] == [None, None]
    assert isinstance(send(budget), BudgetSpent)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_eight_workers_never_exceed_a_window_and_use_nine_tenths_of_it(seed: int, clock: SettableClock) -> None:
    draws = random.Random(seed)
    messages = InMemoryTable("messages", MESSAGES_INDEXES)
    limits = SendingLimits(per_second=40, per_minute=600)
    workers = [scope(LimitTable(messages), limits, clock) for _ in range(8)]
    busy_until = [clock.now] * 8
    begin, sends, attempts = clock.now, list[Millis](), 0

    while attempts < 10_000:
        number = min(range(8), key=lambda each: busy_until[each])
        clock.now = max(clock.now, busy_until[number])
        attempts += 1
        refused = send(workers[number], Needs(recipients=1, mails_ahead=draws.randint(1, 10)))
        if refused is None:
            sends.append(clock.now)
            busy_until[number] = clock.now + draws.randint(5, 120)
        else:
            assert isinstance(refused, BudgetSpent)
            busy_until[number] = max(clock.now + 20, min(refused.until, clock.now + 3 * SECOND))

    assert_never_exceeded(sends, SECOND, 40)
    assert_never_exceeded(sends, MINUTE, 600)
    by_minute = Counter((at - begin) // MINUTE for at in sends)
    whole_minutes = [by_minute[minute] for minute in range((clock.now - begin) // MINUTE)]
    assert len(whole_minutes) >= 2
    assert min(whole_minutes) >= 540


def assert_never_exceeded(times: list[Millis], length: Millis, limit: int) -> None:
    inside: deque[Millis] = deque()
    for at in sorted(times):
        inside.append(at)
        while inside[0] <= at - length:
            inside.popleft()
        assert len(inside) <= limit
