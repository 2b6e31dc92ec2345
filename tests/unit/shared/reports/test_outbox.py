"""The outbox: pages of a tenant's report line."""

import pytest

from shared.aws.dynamodb import Key, Table
from shared.clock import DAY, MINUTE
from shared.lines.line import reports_line
from shared.messages.table import RecipientResult
from shared.reports.events import PushedEvent, ReportEvent, sent
from shared.reports.outbox import Outbox, OutboxPage, new_page, put_page
from tests.unit.clock import NOON
from tests.unit.shared.delivery.samples import a_mail

LINE = reports_line("acme")


@pytest.fixture
def outbox(messages: Table) -> Outbox:
    return Outbox(messages)


def an_event(mail_id: str, recipients: int = 1) -> ReportEvent:
    results = [
        RecipientResult(address=f"{number}@{'d' * 60}.example.org", status="error", code=550, reply="x" * 500)
        for number in range(recipients)
    ]
    return sent(a_mail(mail_id), NOON, results)


def ids(pages: list[OutboxPage]) -> list[str | None]:
    return [pushed.event.id for page in pages for pushed in page.events]


def log_of(messages: Table) -> list[OutboxPage]:
    return [OutboxPage.from_item(LINE, item) for item in messages.query_all(Key("pk").eq("EVENTS#acme"))]


def test_events_come_back_as_they_were_written_in_their_order(outbox: Outbox) -> None:
    events = [an_event(str(number)) for number in range(5)]
    outbox.write("acme", events[:3], NOON)
    outbox.write("acme", events[3:], NOON)

    pages = outbox.first(LINE, limit=10)

    assert [pushed.event for page in pages for pushed in page.events] == events
    assert [len(page.events) for page in pages] == [3, 2]
    assert all(page.due_at == NOON for page in pages)


def test_the_events_of_one_commit_are_split_over_pages_that_fit_into_an_item(outbox: Outbox) -> None:
    """DynamoDB takes 400 KB an item: 1,000 small events, or a few of mails to hundreds of recipients."""
    outbox.write("acme", [an_event(f"small-{number}") for number in range(1_000)], NOON)
    outbox.write("acme", [an_event(f"large-{number}", recipients=300) for number in range(5)], NOON)

    written: list[str | None] = []
    while pages := outbox.first(LINE, limit=100):
        written += ids(pages)
        for page in pages:
            outbox.acknowledge([page], page.events, NOON, kept=30 * DAY)
    assert written == [f"small-{number}" for number in range(1_000)] + [f"large-{number}" for number in range(5)]


def test_nothing_to_write_writes_no_page(outbox: Outbox) -> None:
    outbox.write("acme", [], NOON)

    assert outbox.first(LINE, limit=10) == []


def test_later_pages_come_after_earlier_ones_whenever_they_were_written(outbox: Outbox) -> None:
    outbox.put(new_page("acme", [PushedEvent(event=an_event("later"), refusals=2)], due_at=NOON + MINUTE, now=NOON))
    outbox.write("acme", [an_event("first")], NOON)

    pages = outbox.first(LINE, limit=10)

    assert ids(pages) == ["first", "later"]
    assert pages[1].events[0].refusals == 2
    assert ids(outbox.first(LINE, limit=1)) == ["first"]


def test_the_head_of_the_line_is_no_page(outbox: Outbox, messages: Table) -> None:
    messages.put(LINE.head_key.item | {"kind": "reports", "owner": "acme"})

    assert outbox.first(LINE, limit=10) == []


def test_tenants_have_nothing_in_common(outbox: Outbox) -> None:
    outbox.write("acme2", [an_event("x")], NOON)

    assert outbox.first(LINE, limit=10) == []


def test_what_nobody_takes_leaves_after_ninety_days(outbox: Outbox, messages: Table) -> None:
    outbox.write("acme", [an_event("1")], NOON)

    (item,) = messages.query_all(Key("pk").eq(LINE.partition))
    assert item["ttl"] == (NOON + 90 * DAY) // 1_000


def test_what_was_acknowledged_moves_to_the_log_for_as_long_as_is_said(outbox: Outbox, messages: Table) -> None:
    outbox.write("acme", [an_event("1"), an_event("2")], NOON)
    (page,) = outbox.first(LINE, limit=10)

    outbox.acknowledge([page], page.events[:1], NOON, kept=30 * DAY)

    assert outbox.first(LINE, limit=10) == []
    assert ids(log_of(messages)) == ["1"]
    (item,) = messages.query_all(Key("pk").eq("EVENTS#acme"))
    assert item["ttl"] == (NOON + 30 * DAY) // 1_000
    assert item["acknowledged_at"] == NOON


def test_the_pages_of_one_call_are_logged_in_as_few_items_as_hold_them(outbox: Outbox, messages: Table) -> None:
    for number in range(160):
        outbox.write("acme", [an_event(str(number))], NOON)
    pages = outbox.first(LINE, limit=500)

    outbox.acknowledge(pages, [pushed for page in pages for pushed in page.events], NOON, kept=30 * DAY)

    logged = log_of(messages)
    assert [len(page.events) for page in logged] == [150, 10]
    assert ids(logged) == [str(number) for number in range(160)]
    assert outbox.first(LINE, limit=500) == []


def test_pages_that_are_far_apart_are_logged_each_near_its_time(outbox: Outbox, messages: Table) -> None:
    for minutes in (0, 1, 3):
        outbox.write("acme", [an_event(str(minutes))], NOON + minutes * MINUTE)
    pages = outbox.first(LINE, limit=10)

    outbox.acknowledge(pages, [pushed for page in pages for pushed in page.events], NOON + DAY, kept=30 * DAY)

    assert [(page.due_at, ids([page])) for page in log_of(messages)] == [
        (NOON + MINUTE, ["0", "1"]),
        (NOON + 3 * MINUTE, ["3"]),
    ]


def test_what_was_replayed_is_not_logged_again(outbox: Outbox, messages: Table) -> None:
    outbox.put(new_page("acme", [PushedEvent(event=an_event("1"), replayed=True)], due_at=NOON, now=NOON))
    (page,) = outbox.first(LINE, limit=10)

    outbox.acknowledge([page], page.events, NOON, kept=30 * DAY)

    assert outbox.first(LINE, limit=10) == []
    assert log_of(messages) == []


def test_a_page_of_which_nothing_was_taken_leaves_no_trace_in_the_log(outbox: Outbox, messages: Table) -> None:
    outbox.write("acme", [an_event("1")], NOON)
    (page,) = outbox.first(LINE, limit=10)

    outbox.acknowledge([page], [], NOON, kept=30 * DAY)

    assert outbox.first(LINE, limit=10) == []
    assert log_of(messages) == []


def test_acknowledging_twice_is_acknowledging_once(outbox: Outbox, messages: Table) -> None:
    outbox.write("acme", [an_event("1")], NOON)
    (page,) = outbox.first(LINE, limit=10)

    outbox.acknowledge([page], page.events, NOON, kept=30 * DAY)
    outbox.acknowledge([page], page.events, NOON + 1, kept=30 * DAY)

    assert ids(log_of(messages)) == ["1"]


def test_an_event_of_the_api_is_written_within_its_transaction(outbox: Outbox, messages: Table) -> None:
    messages.transact([put_page("acme", an_event("1"), NOON)])

    assert ids(outbox.first(LINE, limit=10)) == ["1"]
