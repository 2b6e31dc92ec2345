"""What is left when a worker dies, or cannot write what came of its mails."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from localstack.inbox import Inbox
from shared.aws.attributes import Item
from shared.aws.dynamodb import Condition, ItemKey, Table
from shared.clock import MINUTE, SECOND
from shared.delivery import slice_run
from shared.delivery.composer import compose
from shared.errors import InFlight, StorageUnavailable
from shared.lines.line import LineKind, account_line
from shared.reports.events import event_id
from shared.reports.outbox import Outbox
from tests.integration.lane_driver import ACCOUNT, TENANT, WORKING_TIME, Driver, System

LINE = account_line(LineKind.MEDIUM, TENANT, ACCOUNT)
A_NEW_WORKER_LOOKS = WORKING_TIME + 40 * SECOND


@pytest.fixture(autouse=True)
def tenant(system: System, inbox: Inbox) -> None:
    system.add_tenant()
    system.add_account(inbox)


class Failing(Table):
    """A table whose batch writes fail as long as `fails` says so, before or after they are done."""

    def __init__(self, table: Table, fails: Callable[[], bool], *, done: bool = False) -> None:
        super().__init__(table._service, table.name)
        self._fails = fails
        self._done = done

    def batch_write(self, puts: Iterable[Item] = (), deletes: Iterable[ItemKey] = ()) -> None:
        fails = self._fails()
        if self._done or not fails:
            super().batch_write(puts, deletes)
        if fails:
            raise StorageUnavailable("DynamoDB BatchWriteItem: scripted")


def times(count: int, after: int = 0) -> Callable[[], bool]:
    """True so many times, after so many others."""
    seen = iter([False] * after + [True] * count)
    return lambda: next(seen, False)


def subjects(inbox: Inbox) -> list[str]:
    return [mail.header("Subject") or "" for mail in inbox.mailbox.mails.all()]


def without_errors(driver: Driver, *kinds: type[BaseException]) -> None:
    """The workers died of these, and of nothing else."""
    assert driver.crashes
    assert all(isinstance(error, kinds) for error in driver.crashes)
    driver.crashes.clear()


@pytest.mark.parametrize("done", [False, True], ids=["not written", "written, but not told so"])
async def test_a_mail_sent_but_not_recorded_is_sent_again_under_its_message_id_and_no_other_is(
    system: System, driver: Driver, inbox: Inbox, done: bool
) -> None:
    names = [f"m{number}" for number in range(6)]
    driver.parts = replace(driver.parts, messages=Failing(system.messages, times(1, after=2), done=done))
    system.submit(*({"id": name} for name in names))

    await driver.run()
    without_errors(driver, StorageUnavailable)
    assert len(inbox.mailbox.mails.all()) < 6
    await driver.pass_time(A_NEW_WORKER_LOOKS)

    assert set(system.statuses().values()) == {"sent"}
    assert list(dict.fromkeys(subjects(inbox))) == names
    duplicates = len(inbox.mailbox.mails.all()) - len(names)
    assert duplicates <= 2  # on the wire, and in the commit under way
    identities = {mail.header("Message-ID") for mail in inbox.mailbox.mails.all()}
    assert len(identities) == len(names)
    assert {event.id for event in system.events()} == set(names)
    flagged = {event.id for event in system.events() if event.possible_duplicate}
    assert {name for name in names if subjects(inbox).count(name) > 1} <= flagged
    assert len(flagged) == 2


class Untold(Table):
    """A table that takes no more pages of the outbox once `fails` says so."""

    def __init__(self, table: Table, fails: Callable[[], bool]) -> None:
        super().__init__(table._service, table.name)
        self._fails = fails

    def put(self, item: Item, condition: Condition | None = None) -> None:
        if str(item["pk"]).startswith("LINE#reports#") and self._fails():
            raise StorageUnavailable("DynamoDB PutItem: scripted")
        super().put(item, condition)


@pytest.mark.parametrize("pages", [0, 1])
async def test_what_a_dead_worker_sent_and_did_not_tell_is_told_by_the_next_with_the_same_words(
    system: System, driver: Driver, inbox: Inbox, pages: int
) -> None:
    names = [f"m{number}" for number in range(6)]
    driver.parts = replace(driver.parts, outbox=Outbox(Untold(system.messages, times(20, after=pages))))
    system.submit(*({"id": name} for name in names))
    await driver.run()
    without_errors(driver, StorageUnavailable)
    told = {event.id: event for event in system.events()}
    assert len(told) < len(names)

    driver.parts = replace(driver.parts, outbox=system.outbox)
    await driver.pass_time(A_NEW_WORKER_LOOKS)

    assert len(inbox.mailbox.mails.all()) == len(names)
    assert set(system.statuses().values()) == {"sent"}
    events = system.events()
    assert {event.id for event in events} == set(names)
    assert all(event == told.get(event.id, event) for event in events)
    assert {event.event_id for event in events} == {event_id(system.mail(name), "sent") for name in names}
    for event in events:
        assert event.recipients is not None
        assert [(each.address, each.status, each.code) for each in event.recipients] == [
            ("anna@example.net", "sent", 250)
        ]


async def test_a_mail_that_may_have_been_sent_before_a_crash_is_told_so_however_late_it_is_sent(
    system: System, driver: Driver, inbox: Inbox
) -> None:
    driver.parts = replace(driver.parts, messages=Failing(system.messages, times(1)))
    names = [f"m{number}" for number in range(4)]
    system.submit(*({"id": name} for name in names))
    await driver.run()
    without_errors(driver, StorageUnavailable)
    inbox.go_down()
    await driver.pass_time(A_NEW_WORKER_LOOKS + 30 * MINUTE)
    inbox.come_back()
    await driver.pass_time(30 * MINUTE)

    assert set(system.statuses().values()) == {"sent"}
    assert {event.id for event in system.events() if event.possible_duplicate} == {"m0", "m1"}


async def test_a_mail_doubted_and_told_after_a_second_crash_is_told_with_the_same_words(
    system: System, driver: Driver, inbox: Inbox
) -> None:
    driver.parts = replace(driver.parts, messages=Failing(system.messages, times(1)))
    names = [f"m{number}" for number in range(4)]
    system.submit(*({"id": name} for name in names))
    await driver.run()
    without_errors(driver, StorageUnavailable)
    usual = replace(driver.parts, messages=system.messages)
    driver.parts = replace(usual, outbox=Outbox(Untold(system.messages, times(20))))
    await driver.pass_time(A_NEW_WORKER_LOOKS)
    without_errors(driver, StorageUnavailable)
    driver.parts = usual
    await driver.pass_time(A_NEW_WORKER_LOOKS)

    assert set(system.statuses().values()) == {"sent"}
    flagged = {event.id: event.possible_duplicate for event in system.events()}
    assert flagged["m0"] is flagged["m1"] is True


async def test_after_a_crash_nobody_touches_the_mails_until_the_claim_has_run_out(
    system: System, driver: Driver, inbox: Inbox
) -> None:
    driver.parts = replace(driver.parts, messages=Failing(system.messages, times(1)))
    system.submit({"id": "m1"}, {"id": "m2"})
    await driver.run()
    without_errors(driver, StorageUnavailable)
    sent = len(inbox.mailbox.mails.all())

    with pytest.raises(InFlight):
        system.cancellation.cancel(TENANT, "m2")
    system.submit({"id": "m3"})
    await driver.pass_time(WORKING_TIME - SECOND)
    assert len(inbox.mailbox.mails.all()) == sent
    with pytest.raises(InFlight):
        system.cancellation.cancel(TENANT, "m2")

    await driver.pass_time(MINUTE)
    assert set(system.statuses().values()) == {"sent"}
    assert subjects(inbox)[-1] == "m3"


async def test_a_wake_up_delivered_twice_finds_the_claim_and_waits_for_its_end(
    system: System, driver: Driver, inbox: Inbox
) -> None:
    system.submit({"id": "m1"})
    (found,) = system.slices_of(LINE)
    until = system.clock() + MINUTE
    system.slices.claim(found, worker="another", until=until, now=system.clock())

    await driver.run()
    assert inbox.connections == 0
    assert list(system.wake_ups.held.values()) == [until]

    await driver.pass_time(2 * MINUTE)
    assert system.statuses() == {"m1": "sent"}


async def test_a_mail_that_costs_three_workers_their_lives_is_an_error_and_the_others_go_out(
    system: System, driver: Driver, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deadly(content: Any, **fields: Any) -> bytes:
        if content.subject == "m2":
            raise RuntimeError("out of memory")
        return compose(content, **fields)

    monkeypatch.setattr(slice_run, "compose", deadly)
    names = ["m1", "m2", "m3"]
    system.submit(*({"id": name} for name in names))

    for _ in range(5):
        await driver.pass_time(A_NEW_WORKER_LOOKS)

    assert system.statuses() == {"m1": "sent", "m2": "error", "m3": "sent"}
    assert subjects(inbox) == ["m1", "m3"]
    assert len(driver.crashes) == 4  # one over the slice, three over the mail marked in it
    driver.crashes.clear()
    (error,) = [event for event in system.events() if event.error_ts is not None]
    assert (error.id, error.error) == ("m2", "the sender died 3 times in a row over this mail")
    assert system.slices_of(LINE) == []


async def test_storage_that_fails_for_minutes_loses_nothing(system: System, driver: Driver, inbox: Inbox) -> None:
    """Nor does it make errors of mails, although workers die over them again and again."""
    driver.parts = replace(driver.parts, messages=Failing(system.messages, times(2)))
    names = [f"m{number}" for number in range(4)]
    system.submit(*({"id": name} for name in names))

    for _ in range(4):
        await driver.pass_time(A_NEW_WORKER_LOOKS)

    without_errors(driver, StorageUnavailable)
    assert set(system.statuses().values()) == {"sent"}
    assert list(dict.fromkeys(subjects(inbox))) == names
    assert {event.id for event in system.events()} == set(names)


async def test_after_a_crash_what_another_worker_recorded_is_not_sent_again(
    system: System, driver: Driver, inbox: Inbox
) -> None:
    """The slice still lists every mail: their states tell which are done."""
    driver.parts = replace(driver.parts, messages=Failing(system.messages, times(1, after=4)))
    names = [f"m{number:02}" for number in range(12)]
    system.submit(*({"id": name} for name in names))

    await driver.run()
    without_errors(driver, StorageUnavailable)
    recorded = [name for name in names if system.mail(name).status.value == "sent"]
    assert recorded
    await driver.pass_time(A_NEW_WORKER_LOOKS)

    assert all(subjects(inbox).count(name) == 1 for name in recorded)
    assert set(system.statuses().values()) == {"sent"}


async def test_a_worker_without_its_queue_leaves_the_line_to_the_head(
    system: System, driver: Driver, inbox: Inbox
) -> None:
    """The wake-up expires in the worker's hands: another one may come while it still works, and keeps off."""
    system.submit({"id": "m1"})
    driver.lose_wake_ups()
    await driver.pass_time(2 * MINUTE)

    assert system.statuses() == {"m1": "sent"}
    assert len(inbox.mailbox.mails.all()) == 1
