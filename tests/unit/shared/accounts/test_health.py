"""An account's health: noted when its mail begins to wait, reported once, cleared when mail flows again."""

import pytest

from shared.accounts.health import Fault, HealthTable
from shared.aws.dynamodb import Table
from shared.clock import MINUTE
from shared.delivery.health_watch import RELAY_WAITS, HealthWatch
from shared.delivery.replies import Scope, Stage
from shared.delivery.transmission import LineFault
from shared.lines.attendance import Visit
from shared.lines.head import Head, Heads
from shared.lines.line import LineKind, account_line, reports_line
from shared.lines.lines import Lines
from shared.lines.wakeups import WakeUps
from shared.reports.events import AccountEvent
from shared.reports.outbox import Outbox
from tests.unit.clock import NOON, SettableClock

REFUSED = LineFault(Scope.ACCOUNT, Stage.AUTH, "535 5.7.8 authentication failed", 535)
DOWN = LineFault(Scope.RELAY, Stage.CONNECT, "Connection refused")


@pytest.fixture
def health(messages: Table) -> HealthTable:
    return HealthTable(messages)


@pytest.fixture
def watch(health: HealthTable, messages: Table, clock: SettableClock, wake_ups: WakeUps) -> HealthWatch:
    return HealthWatch(health, Lines(Heads(messages), wake_ups, clock), clock)


@pytest.fixture
def wake_ups(queues: dict[LineKind, object]) -> WakeUps:
    return WakeUps(queues)  # type: ignore[arg-type]


def visit(waits: int = 0) -> Visit:
    head = Head(seq=1, announced_at=NOON, wake_at=None, blocked_until=None, unblocks=0, waits=waits)
    return Visit(account_line(LineKind.MEDIUM, "acme", "main"), head, NOON + MINUTE)


def reported(messages: Table) -> list[AccountEvent | None]:
    pages = Outbox(messages).first(reports_line("acme"), limit=10)
    return [pushed.event.account_event for page in pages for pushed in page.events]


def test_refused_credentials_are_noted_and_reported_at_once(
    watch: HealthWatch, health: HealthTable, messages: Table
) -> None:
    watch.line_must_wait(visit(), REFUSED, progressed=False)

    assert health.fault("acme", "main") == Fault(
        scope="account", stage="auth", code=535, reason="535 5.7.8 authentication failed", since=NOON
    )
    assert reported(messages) == [AccountEvent.WAITING]


def test_the_same_fault_is_reported_once_however_often_the_line_waits(watch: HealthWatch, messages: Table) -> None:
    for waits in range(5):
        watch.line_must_wait(visit(waits), REFUSED, progressed=False)

    assert reported(messages) == [AccountEvent.WAITING]


def test_a_relay_is_reported_the_third_time_in_a_row_that_it_fails(watch: HealthWatch, messages: Table) -> None:
    for waits in range(RELAY_WAITS - 1):
        watch.line_must_wait(visit(waits), DOWN, progressed=False)
    assert reported(messages) == []

    watch.line_must_wait(visit(RELAY_WAITS - 1), DOWN, progressed=False)

    assert reported(messages) == [AccountEvent.WAITING]


def test_mail_that_gets_through_after_a_wait_clears_the_fault_and_reports_it(
    watch: HealthWatch, health: HealthTable, messages: Table
) -> None:
    watch.line_must_wait(visit(), REFUSED, progressed=False)

    watch.mail_got_through(visit(waits=1))
    watch.mail_got_through(visit(waits=1))

    assert health.fault("acme", "main") is None
    assert reported(messages) == [AccountEvent.WAITING, AccountEvent.RECOVERED]


def test_while_all_is_well_nothing_is_written(watch: HealthWatch, messages: Table) -> None:
    watch.mail_got_through(visit())

    assert messages.get(reports_line("acme").head_key) is None
