"""Pushing events of the log again."""

import pytest

from shared.aws.dynamodb import Table
from shared.clock import DAY, HOUR, MINUTE, SECOND
from shared.errors import Conflict
from shared.identifiers import digest
from shared.lines.head import Heads
from shared.lines.line import replay_line, reports_line
from shared.lines.lines import Lines
from shared.reports.events import ReportEvent
from shared.reports.outbox import Outbox
from shared.reports.replay import MAX_WAITING, Begun, Replays, Wanted
from tests.unit.clock import NOON, SettableClock
from tests.unit.shared.lines.lane import RecordingWakeUps, head_of

LINE = reports_line("acme")
CHORE = replay_line("acme")
EVERYTHING = Wanted(since=None, until=NOON + DAY)


@pytest.fixture
def outbox(messages: Table) -> Outbox:
    return Outbox(messages)


@pytest.fixture
def wake_ups() -> RecordingWakeUps:
    return RecordingWakeUps()


@pytest.fixture
def replays(messages: Table, wake_ups: RecordingWakeUps, clock: SettableClock) -> Replays:
    return Replays(messages, Lines(Heads(messages), wake_ups, clock), clock)


@pytest.fixture
def logged(outbox: Outbox, clock: SettableClock) -> list[str]:
    """Five events, two minutes apart, that were acknowledged."""
    names = [f"m{number}" for number in range(5)]
    for number, name in enumerate(names):
        event = ReportEvent(event_id=digest(name), id=name, tenant_id="acme", account_id="main", pk="0", sent_ts=1)
        outbox.write("acme", [event], NOON + number * 2 * MINUTE)
    pages = outbox.first(LINE, limit=10)
    outbox.acknowledge(pages, [each for page in pages for each in page.events], NOON, kept=30 * DAY)
    clock.now = NOON + HOUR
    return names


def pushed_again(outbox: Outbox) -> list[str | None]:
    pages = outbox.first(LINE, limit=1_000)
    assert all(pushed.replayed for page in pages for pushed in page.events)
    return [pushed.event.id for page in pages for pushed in page.events]


def test_everything_logged_is_pushed_again_in_its_order_and_the_reporter_woken(
    replays: Replays, outbox: Outbox, logged: list[str], wake_ups: RecordingWakeUps, messages: Table
) -> None:
    begun = replays.begin("acme", EVERYTHING, within=SECOND)

    assert begun == Begun(5, complete=True)
    assert pushed_again(outbox) == logged
    assert wake_ups.sent == [LINE]
    assert head_of(messages, LINE).wake_at is not None
    assert replays.go_on(CHORE, deadline=NOON + DAY)


def test_a_range_holds_its_beginning_and_not_its_end(replays: Replays, outbox: Outbox, logged: list[str]) -> None:
    replays.begin("acme", Wanted(since=NOON + 2 * MINUTE, until=NOON + 6 * MINUTE), within=SECOND)

    assert pushed_again(outbox) == ["m1", "m2"]


def test_ids_of_messages_and_of_events_are_looked_for_in_the_whole_log(
    replays: Replays, outbox: Outbox, logged: list[str]
) -> None:
    wanted = Wanted(since=None, until=NOON + DAY, ids=frozenset({"m1", digest("m3"), "unknown"}))

    assert replays.begin("acme", wanted, within=SECOND) == Begun(2, complete=True)
    assert pushed_again(outbox) == ["m1", "m3"]


def test_what_a_call_does_not_reach_the_scheduler_goes_on_with(
    messages: Table, wake_ups: RecordingWakeUps, clock: SettableClock, outbox: Outbox, logged: list[str]
) -> None:
    replays = Replays(messages, Lines(Heads(messages), wake_ups, clock), clock, portion=2)

    assert replays.begin("acme", EVERYTHING, within=SECOND) == Begun(2, complete=False)
    assert head_of(messages, CHORE).wake_at is not None
    assert not replays.go_on(CHORE, deadline=NOON + DAY)
    assert replays.go_on(CHORE, deadline=NOON + DAY)
    assert pushed_again(outbox) == logged


def test_a_call_without_time_leaves_everything_to_the_scheduler(
    replays: Replays, outbox: Outbox, logged: list[str]
) -> None:
    assert replays.begin("acme", EVERYTHING, within=0) == Begun(0, complete=False)
    assert replays.go_on(CHORE, deadline=NOON + DAY)
    assert pushed_again(outbox) == logged


def test_a_replay_that_found_nothing_for_long_goes_on_where_it_was(
    replays: Replays, outbox: Outbox, logged: list[str], clock: SettableClock
) -> None:
    """The place is noted even where nothing was wanted."""
    wanted = Wanted(since=None, until=NOON + DAY, ids=frozenset({"m4"}))
    replays.begin("acme", wanted, within=0)
    looks = iter([clock.now, clock.now, NOON + DAY])
    stopping = Replays(replays._messages, replays._lines, lambda: next(looks))
    assert not stopping.go_on(CHORE, deadline=NOON + DAY)

    assert replays.go_on(CHORE, deadline=NOON + DAY)
    assert pushed_again(outbox) == ["m4"]


def test_nothing_is_added_while_older_events_wait_for_the_endpoint(
    replays: Replays, outbox: Outbox, logged: list[str], clock: SettableClock
) -> None:
    waiting = ReportEvent(event_id=digest("w"), id="w", tenant_id="acme", account_id="main", pk="0", sent_ts=1)
    outbox.write("acme", [waiting], clock.now - 3 * MINUTE)

    assert replays.begin("acme", EVERYTHING, within=SECOND) == Begun(0, complete=False)
    assert not replays.go_on(CHORE, deadline=NOON + DAY)

    (page,) = outbox.first(LINE, limit=10)
    outbox.acknowledge([page], page.events, clock.now, kept=30 * DAY)
    assert replays.go_on(CHORE, deadline=NOON + DAY)
    assert len(pushed_again(outbox)) == 6


def test_a_tenant_may_have_ten_unfinished_replays(replays: Replays, outbox: Outbox, logged: list[str]) -> None:
    for _ in range(MAX_WAITING):
        replays.begin("acme", EVERYTHING, within=0)

    with pytest.raises(Conflict, match="10 replays"):
        replays.begin("acme", EVERYTHING, within=0)
    assert replays.begin("other", EVERYTHING, within=SECOND) == Begun(0, complete=True)


def test_two_at_once_do_not_undo_each_other(
    replays: Replays, outbox: Outbox, logged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One comes to the end while the other is in the middle, which then stops."""
    replays.begin("acme", EVERYTHING, within=0)
    write = Outbox.write
    overtaken: list[bool] = []

    def overtaking(self: Outbox, *args: object, **options: object) -> None:
        if not overtaken:
            overtaken.append(True)
            assert replays.go_on(CHORE, deadline=NOON + DAY)
        write(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Outbox, "write", overtaking)
    replays.go_on(CHORE, deadline=NOON + DAY)

    assert sorted(pushed_again(outbox), key=str) == ["m0", *logged]
    assert replays.go_on(CHORE, deadline=NOON + DAY)
