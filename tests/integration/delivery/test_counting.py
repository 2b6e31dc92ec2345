"""What a sender counts of an account, and how long it keeps what it is done with."""

from collections.abc import Iterator

import pytest

from localstack.inbox import DEVELOPMENT_RULES, Inbox
from shared.accounts.counters import CounterTable, Counts
from shared.clock import DAY, HOUR
from shared.instance.model import Instance
from shared.limits.model import SendingLimits
from tests.integration.lane_driver import ACCOUNT, TENANT, Driver, System


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with Inbox(rules=DEVELOPMENT_RULES) as running:
        yield running


@pytest.fixture
def counters(system: System, inbox: Inbox) -> CounterTable:
    system.add_tenant()
    system.add_account(inbox)
    return CounterTable(system.messages)


def total(counters: CounterTable) -> Counts:
    return counters.totals([(TENANT, ACCOUNT)])[TENANT, ACCOUNT]


async def test_every_outcome_counts_once_in_all_and_within_its_hour(
    system: System, driver: Driver, counters: CounterTable
) -> None:
    system.submit({"id": "a"}, {"id": "b"}, {"id": "c", "to": ["refused@example.net"]})
    system.submit({"id": "d", "to": ["greylisted@example.net"]})
    await driver.run()
    assert total(counters) == Counts(sent=2, errors=1, deferred=1)

    await driver.pass_time(HOUR)

    assert total(counters) == Counts(sent=3, errors=1, deferred=1)
    assert counters.last_day(TENANT, ACCOUNT, system.clock()) == total(counters)
    assert counters.last_day(TENANT, ACCOUNT, system.clock() + 2 * DAY) == Counts()


async def test_a_visit_counts_in_two_writes_however_many_mails_it_sends(
    system: System, driver: Driver, counters: CounterTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    add = CounterTable.add

    def noted(*given: object) -> None:
        written.append(1)
        add(*given)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(CounterTable, "add", noted)
    system.submit(*({"id": f"m{number}"} for number in range(30)))
    await driver.run()
    assert (len(written), total(counters).sent) == (1, 30)


async def test_a_mail_that_a_sending_limit_holds_back_is_counted_as_rate_limited(
    system: System, driver: Driver, counters: CounterTable, inbox: Inbox
) -> None:
    system.add_account(inbox, limits=SendingLimits(per_hour=10).model_dump())
    system.submit(*({"id": f"m{number}"} for number in range(12)))
    await driver.run()
    counted = total(counters)
    assert 0 < counted.sent < 12
    assert counted.rate_limited >= 1


async def test_what_is_done_with_is_kept_for_the_retention_of_the_instance(
    system: System, driver: Driver, counters: CounterTable
) -> None:
    system.instances.put(Instance(retention_seconds=3_600))
    system.submit({"id": "a"}, {"id": "b", "to": ["greylisted@example.net"]})
    await driver.run()
    assert system.mail("a").expires_at == (system.mail("a").finished_at or 0) + HOUR
    assert system.mail("b").expires_at is None
