"""Pulling events: nothing is missed, whatever is written late or moves while it is read."""

import random
from collections.abc import Sequence

import pytest

from shared.aws.dynamodb import Table
from shared.clock import DAY, MINUTE, SECOND
from shared.identifiers import digest
from shared.lines.line import reports_line
from shared.reports.events import PushedEvent, ReportEvent
from shared.reports.outbox import Outbox, OutboxPage, new_page
from shared.reports.pulling import BEGINNING, EventReader, PulledPage, place_at
from tests.unit.clock import NOON, SettableClock

LINE = reports_line("acme")


@pytest.fixture
def outbox(messages: Table) -> Outbox:
    return Outbox(messages)


@pytest.fixture
def reader(messages: Table, clock: SettableClock) -> EventReader:
    clock.now = NOON + 2 * MINUTE
    return EventReader(messages, clock)


def an_event(name: str) -> ReportEvent:
    return ReportEvent(event_id=digest(name), id=name, tenant_id="acme", account_id="main", pk="0", sent_ts=1)


def write(outbox: Outbox, *names: str, at: int = NOON) -> None:
    outbox.write("acme", [an_event(name) for name in names], at)


def acknowledge(outbox: Outbox, pages: Sequence[OutboxPage], at: int = NOON) -> None:
    outbox.acknowledge(pages, [pushed for page in pages for pushed in page.events], at, kept=30 * DAY)


def names(page: PulledPage) -> list[str | None]:
    return [each.event.id for each in page.events]


def read(reader: EventReader, place: str = BEGINNING, *, limit: int = 100, until: int | None = None) -> PulledPage:
    return reader.read("acme", place, until=until, limit=limit)


def test_events_are_read_in_order_whether_they_were_acknowledged_or_not(reader: EventReader, outbox: Outbox) -> None:
    write(outbox, "m1", "m2")
    acknowledge(outbox, outbox.first(LINE, limit=10), NOON + SECOND)
    write(outbox, "m3", at=NOON + SECOND)

    page = read(reader)

    assert names(page) == ["m1", "m2", "m3"]
    assert [each.acknowledged_at for each in page.events] == [NOON + SECOND, NOON + SECOND, None]
    assert [each.recorded_at for each in page.events] == [NOON, NOON, NOON + SECOND]
    assert page.complete


@pytest.mark.parametrize("acknowledged", [True, False])
@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_a_page_ends_wherever_its_limit_says_and_the_next_goes_on_there(
    reader: EventReader, outbox: Outbox, limit: int, acknowledged: bool
) -> None:
    write(outbox, *"abcde")
    write(outbox, *"fgh", at=NOON + 1)
    write(outbox, "i", at=NOON + 2)
    if acknowledged:
        acknowledge(outbox, outbox.first(LINE, limit=2))

    place, found, complete = BEGINNING, [], False
    while not complete:
        page = read(reader, place, limit=limit)
        assert len(page.events) <= limit
        place, complete = page.place, page.complete
        found += names(page)
    assert "".join(str(name) for name in found) == "abcdefghi"
    assert read(reader, place) == PulledPage((), place, complete=True)


def test_what_may_still_be_overtaken_by_a_late_write_is_not_read_yet(
    reader: EventReader, outbox: Outbox, clock: SettableClock
) -> None:
    write(outbox, "early", at=NOON)
    write(outbox, "late", at=clock.now - LINE.grace)
    page = read(reader)
    assert names(page) == ["early"]

    # A sender took the time, and writes only now.
    write(outbox, "between", at=clock.now - LINE.grace)
    clock.advance(1)
    assert names(read(reader, page.place)) == ["late", "between"]


def test_what_is_acknowledged_between_two_reads_is_not_missed(reader: EventReader, outbox: Outbox) -> None:
    """All pages move into one item of the log, whose key is that of the last."""
    for number in range(5):
        write(outbox, f"m{number}", at=NOON + number)
    first = read(reader, limit=2)
    acknowledge(outbox, outbox.first(LINE, limit=10))

    second = read(reader, first.place)

    assert {*names(first), *names(second)} == {f"m{number}" for number in range(5)}


def test_a_full_page_is_not_moved_to_before_its_place(reader: EventReader, outbox: Outbox) -> None:
    write(outbox, "first", at=NOON)
    write(outbox, *(f"m{number}" for number in range(150)), at=NOON + 1)
    first = read(reader, limit=1)
    acknowledge(outbox, outbox.first(LINE, limit=10))

    assert len(names(read(reader, first.place, limit=1_000))) == 150


def test_what_is_acknowledged_while_it_is_read_is_not_missed(
    reader: EventReader, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(outbox, "m1")
    between = Outbox.between

    def acknowledged_behind_our_back(self: Outbox, *args: object, **limits: int) -> object:
        found = between(self, *args, **limits)  # type: ignore[arg-type]
        acknowledge(outbox, outbox.first(LINE, limit=10))
        return found

    monkeypatch.setattr(Outbox, "between", acknowledged_behind_our_back)

    assert names(read(reader)) == ["m1"]


def test_a_refused_event_is_met_again_where_it_waits(reader: EventReader, outbox: Outbox, clock: SettableClock) -> None:
    write(outbox, "m1")
    (page,) = outbox.first(LINE, limit=10)
    outbox.put(new_page("acme", [PushedEvent(event=an_event("m1"), refusals=1)], due_at=NOON + MINUTE, now=NOON))
    outbox.acknowledge([page], [], NOON, kept=30 * DAY)

    clock.advance(MINUTE)
    assert names(read(reader)) == ["m1"]


def test_what_is_replayed_is_not_read_a_second_time(reader: EventReader, outbox: Outbox) -> None:
    write(outbox, "m1")
    acknowledge(outbox, outbox.first(LINE, limit=10))
    outbox.put(new_page("acme", [PushedEvent(event=an_event("m1"), replayed=True)], due_at=NOON, now=NOON))

    assert names(read(reader)) == ["m1"]


def test_times_bound_what_is_read(reader: EventReader, outbox: Outbox) -> None:
    for second in range(4):
        write(outbox, f"m{second}", at=NOON + second * SECOND)

    page = read(reader, place_at(NOON + SECOND), until=NOON + 3 * SECOND)

    assert names(page) == ["m1", "m2"]
    assert page.complete


def test_a_tenant_without_events_gets_a_place_to_go_on_from(reader: EventReader, outbox: Outbox) -> None:
    page = read(reader)
    assert (page.events, page.complete) == ((), True)

    write(outbox, "m1")
    assert names(read(reader, page.place)) == ["m1"]


def test_a_puller_beside_writers_and_a_reporter_misses_nothing(
    reader: EventReader, outbox: Outbox, clock: SettableClock
) -> None:
    """At random: events written late, pages acknowledged, events refused, pages of any limit."""
    seed = random.randrange(2**32)
    print("seed", seed)  # noqa: T201 - pytest shows it with a failure
    chance = random.Random(seed)
    written: list[str] = []
    pulled: set[str | None] = set()
    place = BEGINNING
    for _ in range(150):
        clock.advance(chance.randrange(3 * SECOND))
        match chance.randrange(4):
            case 0 | 1:
                new = [f"m{len(written) + number}" for number in range(chance.choice([1, 3, 100]))]
                write(outbox, *new, at=clock.now - chance.randrange(LINE.grace))
                written += new
            case 2:
                pages = outbox.first(LINE, limit=chance.randrange(1, 8))
                if pages and (events := [pushed for page in pages for pushed in page.events]):
                    again = [each for each in events if chance.random() < 0.2]
                    if again:
                        due_at = clock.now + MINUTE
                        outbox.put(new_page("acme", again, due_at=due_at, now=clock.now))
                    taken = [each for each in events if each not in again]
                    outbox.acknowledge(pages, taken, clock.now, kept=30 * DAY)
            case _:
                page = read(reader, place, limit=chance.randrange(1, 200))
                place = page.place
                pulled.update(names(page))
    clock.advance(DAY)
    while not (page := read(reader, place, limit=1_000)).complete or page.events:
        place = page.place
        pulled.update(names(page))
    assert pulled == set(written)
