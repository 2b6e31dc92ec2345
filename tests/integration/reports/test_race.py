"""The race between a reporter that finds nothing more and a sender that writes just then: no event is stranded."""

from collections.abc import Callable

import pytest

from localstack.receiver import Receiver
from shared.clock import MINUTE, SECOND
from shared.identifiers import digest
from shared.lines.line import Line
from shared.reports.events import ReportEvent
from shared.reports.outbox import Outbox, OutboxPage
from tests.integration.lane_driver import ACCOUNT, TENANT, Driver, System
from tests.integration.reports.test_reporting import LINE, report, told


@pytest.fixture(autouse=True)
def tenant(system: System, receiver: Receiver) -> None:
    system.add_tenant(client_base_url=receiver.url)


@pytest.fixture
def after_an_empty_read(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
    """Does something once, right after the reporter has found the line empty and before it lays it to rest."""

    def arrange(happening: Callable[[], None]) -> None:
        read, left = Outbox.first, [happening]

        def first(self: Outbox, line: Line, *, limit: int) -> list[OutboxPage]:
            found = read(self, line, limit=limit)
            if not found and left:
                left.pop()()
            return found

        monkeypatch.setattr(Outbox, "first", first)

    return arrange


def write(system: System, name: str) -> None:
    """The page alone."""
    event = ReportEvent(event_id=digest(name), id=name, tenant_id=TENANT, account_id=ACCOUNT, pk="0", sent_ts=1)
    system.outbox.write(TENANT, [event], system.clock())


async def test_a_sender_that_comes_in_between_is_heard_at_once(
    system: System, driver: Driver, receiver: Receiver, after_an_empty_read: Callable[[Callable[[], None]], None]
) -> None:
    after_an_empty_read(lambda: report(system, "late"))
    report(system, "early")

    await driver.run()

    assert told(receiver) == ["early", "late"]


async def test_one_that_dies_before_it_wakes_the_reporter_is_heard_as_well(
    system: System, driver: Driver, receiver: Receiver, after_an_empty_read: Callable[[Callable[[], None]], None]
) -> None:
    def announced_and_written() -> None:
        system.lines.announce(LINE, system.clock())
        write(system, "late")

    after_an_empty_read(announced_and_written)
    report(system, "early")

    await driver.run()

    assert told(receiver) == ["early", "late"]


@pytest.mark.parametrize("delay", [0, SECOND, 30 * SECOND, 59 * SECOND])
async def test_one_that_announced_and_writes_only_later_without_a_wake_up_is_found_by_the_scheduler(
    system: System, driver: Driver, receiver: Receiver, delay: int
) -> None:
    """The reporter has come and gone in between, and the sender is dead by then."""
    report(system, "early")
    system.lines.announce(LINE, system.clock())
    await driver.run()
    assert told(receiver) == ["early"]

    system.clock.advance(delay)
    write(system, "late")
    await driver.pass_time(2 * MINUTE)

    assert told(receiver) == ["early", "late"]


async def test_a_wake_up_that_is_sent_while_the_reporter_is_at_the_line_is_not_swallowed(
    system: System, driver: Driver, receiver: Receiver, after_an_empty_read: Callable[[Callable[[], None]], None]
) -> None:
    """Its id is fresh: SQS's deduplication must not take it for the one under way."""

    def twice() -> None:
        report(system, "late 1")
        report(system, "late 2")

    after_an_empty_read(twice)
    report(system, "early")

    await driver.run()
    assert told(receiver) == ["early", "late 1", "late 2"]

    report(system, "after")
    await driver.run()
    assert told(receiver)[-1] == "after"
