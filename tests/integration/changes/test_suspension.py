"""Batches, tenants and the instance held back and let go, with mail in flight and a real relay."""

import pytest

from localstack.inbox import Inbox, Reply, Stage, answer
from shared.aws.dynamodb import Key
from shared.clock import HOUR, MINUTE, SECOND
from shared.lines.line import LineKind, account_line, account_lines, activation_line, resumption_line
from shared.messages.set_aside import SuspendedSlices
from shared.messages.slices import Slice, SliceTable
from shared.messages.suspension import Pause, Suspensions
from tests.integration.lane_driver import ACCOUNT, TENANT, Driver, System

LINE = account_line(LineKind.MEDIUM, TENANT, ACCOUNT)


@pytest.fixture(autouse=True)
def tenant(system: System, inbox: Inbox) -> None:
    system.add_tenant()
    system.add_account(inbox)


@pytest.fixture
def suspensions(system: System, driver: Driver) -> Suspensions:
    return Suspensions(
        tenants=system.tenants,
        accounts=system.accounts,
        aside=driver.parts.aside,
        lines=system.lines,
        clock=system.clock,
    )


@pytest.fixture
def pause(system: System) -> Pause:
    return Pause(instance=system.instances, lines=system.lines, clock=system.clock)


def subjects(inbox: Inbox) -> list[str | None]:
    return [mail.header("Subject") for mail in inbox.mailbox.mails.all()]


def set_aside(system: System, batch_code: str) -> int:
    return len(list(system.messages.query_all(Key("pk").eq(f"SUSPENDED#{TENANT}#{batch_code}"))))


class TestABatch:
    async def test_leaves_the_line_to_others_and_comes_back_in_its_own_order(
        self, system: System, driver: Driver, inbox: Inbox, suspensions: Suspensions
    ) -> None:
        system.submit({"id": "x1", "batch_code": "x"})
        system.clock.advance(SECOND)
        system.submit({"id": "x2", "batch_code": "x"})
        system.submit({"id": "a"})
        suspensions.suspend(TENANT, "x")

        await driver.run()

        assert subjects(inbox) == ["a"]
        assert set_aside(system, "x") == 2
        assert system.slices_of(LINE) == []
        system.clock.advance(HOUR)
        system.submit({"id": "b"})

        assert suspensions.activate(TENANT, "x", within=MINUTE).complete
        await driver.run()

        assert subjects(inbox) == ["a", "x1", "x2", "b"]
        assert set(system.statuses().values()) == {"sent"}
        assert set_aside(system, "x") == 0

    async def test_waits_however_often_the_line_is_woken(
        self, system: System, driver: Driver, inbox: Inbox, suspensions: Suspensions
    ) -> None:
        suspensions.suspend(TENANT, "x")
        system.submit(
            {"id": "now", "batch_code": "x"}, {"id": "later", "batch_code": "x", "send_at": _in(system, HOUR)}
        )
        await driver.pass_time(2 * HOUR)
        assert subjects(inbox) == []
        assert set_aside(system, "x") == 2
        assert system.head_of(LINE).wake_at is None

    async def test_of_several_lanes_and_accounts_comes_back_to_each(
        self, system: System, driver: Driver, inbox: Inbox, suspensions: Suspensions
    ) -> None:
        system.add_account(inbox, "second")
        system.submit(
            {"id": "low", "batch_code": "x", "priority": "low"},
            {"id": "high", "batch_code": "x", "priority": "high"},
            {"id": "second", "batch_code": "x", "account_id": "second"},
        )
        suspensions.suspend(TENANT, "x")
        await driver.run()
        assert set_aside(system, "x") == 3

        suspensions.activate(TENANT, "x", within=MINUTE)
        await driver.run()

        assert subjects(inbox) == ["high", "second", "low"]

    async def test_a_slice_that_a_worker_died_over_is_finished(
        self, system: System, driver: Driver, inbox: Inbox, suspensions: Suspensions
    ) -> None:
        system.submit({"id": "claimed", "batch_code": "x"})
        found = system.slices.first(LINE)
        assert found is not None
        system.slices.claim(found, worker="dead", until=system.clock() + MINUTE, now=system.clock())
        system.submit({"id": "other", "batch_code": "x"})
        suspensions.suspend(TENANT, "x")
        await driver.pass_time(10 * MINUTE)
        assert subjects(inbox) == ["claimed"]
        assert set_aside(system, "x") == 1

    async def test_suspended_while_it_is_sent_stops_after_the_slice_in_hand(
        self,
        system: System,
        driver: Driver,
        inbox: Inbox,
        suspensions: Suspensions,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        for number in range(3):
            system.submit({"id": f"x{number}a", "batch_code": "x"}, {"id": f"x{number}b", "batch_code": "x"})
        claim = SliceTable.claim

        def suspended_meanwhile(self: SliceTable, found: Slice, **kwargs: object) -> object:
            claimed = claim(self, found, **kwargs)  # type: ignore[arg-type]
            suspensions.suspend(TENANT, "x")
            system.clock.advance(SECOND)
            return claimed

        monkeypatch.setattr(SliceTable, "claim", suspended_meanwhile)
        await driver.run()
        assert subjects(inbox) == ["x0a", "x0b"]
        assert set_aside(system, "x") == 2

    async def test_activated_just_before_it_is_set_aside_stays(
        self,
        system: System,
        driver: Driver,
        inbox: Inbox,
        suspensions: Suspensions,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        system.submit({"id": "a", "batch_code": "x"})
        suspensions.suspend(TENANT, "x")
        set_aside_slice = SuspendedSlices.set_aside

        def activated_meanwhile(self: SuspendedSlices, found: Slice) -> bool:
            suspensions.activate(TENANT, "x", within=MINUTE)
            return set_aside_slice(self, found)

        monkeypatch.setattr(SuspendedSlices, "set_aside", activated_meanwhile)
        await driver.run()
        assert subjects(inbox) == ["a"]
        assert set_aside(system, "x") == 0

    async def test_what_the_call_left_is_brought_back_by_the_scheduler(
        self, system: System, driver: Driver, inbox: Inbox, suspensions: Suspensions
    ) -> None:
        for number in range(25):
            system.submit({"id": f"x{number:02d}", "batch_code": "x"})
        suspensions.suspend(TENANT, "x")
        await driver.run()
        assert set_aside(system, "x") == 25

        assert not suspensions.activate(TENANT, "x", within=0).complete
        assert set_aside(system, "x") == 25
        await driver.pass_time(3 * MINUTE)

        assert subjects(inbox) == [f"x{number:02d}" for number in range(25)]
        assert system.head_of(activation_line(TENANT, "x")).wake_at is None

    async def test_suspended_again_meanwhile_stays_where_it_is(
        self, system: System, driver: Driver, inbox: Inbox, suspensions: Suspensions
    ) -> None:
        system.submit({"id": "a", "batch_code": "x"})
        suspensions.suspend(TENANT, "x")
        await driver.run()
        suspensions.activate(TENANT, "x", within=0)
        suspensions.suspend(TENANT, "x")
        await driver.pass_time(5 * MINUTE)
        assert subjects(inbox) == []
        assert set_aside(system, "x") == 1
        assert system.head_of(activation_line(TENANT, "x")).wake_at is None


class TestAMailPutOff:
    async def test_gets_no_older_while_it_is_suspended(
        self, system: System, driver: Driver, inbox: Inbox, suspensions: Suspensions
    ) -> None:
        system.change_instance(schedule_seconds=[60], max_age_seconds=600)
        greylist = answer(Stage.RCPT, Reply("450 4.7.1 greylisted"), recipient="anna@example.net", first=2)
        inbox.behaviour.script.add(greylist)
        system.submit({"id": "a", "batch_code": "x"})
        await driver.run()
        suspensions.suspend(TENANT, "x")
        await driver.pass_time(30 * MINUTE)
        assert (system.statuses(), set_aside(system, "x")) == ({"a": "deferred"}, 1)

        suspensions.activate(TENANT, "x", within=MINUTE)
        await driver.run()
        assert system.statuses() == {"a": "deferred"}
        await driver.pass_time(5 * MINUTE)

        mail = system.mail("a")
        assert (mail.status.value, mail.attempts) == ("sent", 3)
        assert mail.waited >= 25 * MINUTE


class TestATenant:
    async def test_waits_in_its_lines_and_goes_on_at_once(
        self, system: System, driver: Driver, inbox: Inbox, suspensions: Suspensions
    ) -> None:
        system.submit({"id": "a"}, {"id": "b", "priority": "high"})
        suspensions.suspend(TENANT, None)
        await driver.pass_time(HOUR)
        assert subjects(inbox) == []
        assert [each.entries[0].mail_id for each in system.slices_of(LINE)] == ["a"]
        assert system.mail("a").attempts == 0

        suspensions.activate(TENANT, None, within=MINUTE)
        await driver.run()

        assert subjects(inbox) == ["b", "a"]

    async def test_stops_within_a_second_while_its_mail_is_sent(
        self,
        system: System,
        driver: Driver,
        inbox: Inbox,
        suspensions: Suspensions,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        for number in range(3):
            system.submit({"id": f"m{number}"})
        claim = SliceTable.claim

        def suspended_meanwhile(self: SliceTable, found: Slice, **kwargs: object) -> object:
            claimed = claim(self, found, **kwargs)  # type: ignore[arg-type]
            suspensions.suspend(TENANT, None)
            system.clock.advance(SECOND)
            return claimed

        monkeypatch.setattr(SliceTable, "claim", suspended_meanwhile)
        await driver.run()
        assert subjects(inbox) == ["m0"]

    async def test_activated_brings_back_its_batches_as_well(
        self, system: System, driver: Driver, inbox: Inbox, suspensions: Suspensions
    ) -> None:
        system.submit({"id": "x", "batch_code": "x"}, {"id": "a"})
        suspensions.suspend(TENANT, "x")
        await driver.run()
        suspensions.suspend(TENANT, None)
        suspensions.activate(TENANT, None, within=MINUTE)
        await driver.run()
        assert subjects(inbox) == ["a", "x"]


class TestTheInstance:
    async def test_paused_sends_nothing_and_resumed_everything_within_two_minutes(
        self, system: System, driver: Driver, inbox: Inbox, pause: Pause
    ) -> None:
        system.submit({"id": "a"}, {"id": "b", "priority": "low"})
        pause.pause()
        await driver.pass_time(HOUR)
        assert subjects(inbox) == []
        assert all(system.head_of(line).is_blocked(system.clock()) for line in (LINE,))

        pause.resume()
        await driver.pass_time(2 * MINUTE)

        assert sorted(str(each) for each in subjects(inbox)) == ["a", "b"]

    async def test_a_line_blocked_by_a_worker_that_saw_the_pause_late_is_opened_too(
        self, system: System, driver: Driver, inbox: Inbox, pause: Pause
    ) -> None:
        pause.resume()
        await driver.pass_time(MINUTE)
        system.submit({"id": "a"})
        pause.pause()
        await driver.run()
        system.instances.pause(paused=False)  # as if the resumption had run before the line was blocked
        await driver.pass_time(2 * MINUTE)
        assert subjects(inbox) == ["a"]

    async def test_once_all_lines_are_open_the_chore_is_done(
        self, system: System, driver: Driver, inbox: Inbox, pause: Pause
    ) -> None:
        pause.pause()
        pause.resume()
        await driver.pass_time(5 * MINUTE)
        assert system.head_of(resumption_line()).wake_at is None

    async def test_lines_of_many_accounts_are_opened_in_as_many_rounds_as_it_takes(
        self, system: System, driver: Driver, inbox: Inbox, pause: Pause
    ) -> None:
        for number in range(5):
            system.add_account(inbox, f"account{number}")
            system.submit({"id": f"m{number}", "account_id": f"account{number}"})
        pause.pause()
        await driver.run()
        system.instances.pause(paused=False)
        system.lines.announce(resumption_line(), system.clock())
        await driver.pass_time(2 * MINUTE)
        assert len(subjects(inbox)) == 5
        lines = [line for number in range(5) for line in account_lines(TENANT, f"account{number}")]
        assert not any(system.head_of(line).blocked_until for line in lines)


def _in(system: System, duration: int) -> int:
    return (system.clock() + duration) // SECOND
