"""How the demo counts."""

from dataclasses import replace

import pytest

from localstack.demo.mails import Priority
from localstack.demo.tally import Refused, count, exceptional
from localstack.receiver import ReceivedEvent
from tests.unit.localstack.observations import (
    ACCEPTED_AT,
    arrived,
    deferred,
    demo_mail,
    event,
    failed,
    observed,
    sent,
)

GOOD, BAD, UNKNOWN = demo_mail("good"), demo_mail("bad"), demo_mail("unknown", Priority.LOW)


def test_all_is_well_when_each_mail_arrived_once_or_failed_with_a_report() -> None:
    tally = count(
        observed(
            GOOD,
            BAD,
            refused=[Refused(UNKNOWN, "unknown_account", "no account")],
            inbox=[arrived(GOOD)],
            events=[sent(GOOD), failed(BAD)],
        )
    )

    assert tally.summary() == "demo: submitted=2 delivered=1 reported=2 lost=0 duplicated=0 rejected=2"
    assert tally.adds_up


def test_a_mail_that_is_nowhere_is_lost() -> None:
    tally = count(observed(GOOD))

    assert tally.summary() == "demo: submitted=1 delivered=0 reported=0 lost=1 duplicated=0 rejected=0"
    assert not tally.adds_up


def test_a_mail_that_is_in_the_inbox_but_not_reported_is_lost() -> None:
    tally = count(observed(GOOD, inbox=[arrived(GOOD)]))

    assert (tally.delivered, tally.reported, tally.lost) == (1, 0, 1)
    assert not tally.adds_up


def test_the_proxys_word_alone_does_not_deliver_a_mail() -> None:
    tally = count(observed(GOOD, events=[sent(GOOD)]))

    assert (tally.delivered, tally.reported, tally.lost) == (0, 1, 1)
    assert not tally.adds_up


@pytest.mark.parametrize("not_final", [deferred(GOOD), event(GOOD, bounce_ts=1)])
def test_only_a_final_event_reports_a_mail(not_final: ReceivedEvent) -> None:
    assert count(observed(GOOD, inbox=[arrived(GOOD)], events=[not_final])).reported == 0


def test_copies_beyond_the_first_are_duplicates_and_deliver_nothing_more() -> None:
    inbox = [arrived(GOOD, order=order) for order in (1, 2, 3)]

    tally = count(observed(GOOD, inbox=inbox, events=[sent(GOOD)]))

    assert (tally.delivered, tally.duplicated) == (1, 2)
    assert not tally.adds_up


def test_a_repeated_event_reports_a_mail_once() -> None:
    tally = count(observed(GOOD, inbox=[arrived(GOOD)], events=[sent(GOOD), sent(GOOD)]))

    assert tally.reported == 1
    assert tally.adds_up


def test_a_mail_that_arrived_and_is_reported_as_an_error_does_not_add_up() -> None:
    assert not count(observed(GOOD, inbox=[arrived(GOOD)], events=[failed(GOOD)])).adds_up


def test_median_and_p95_are_taken_over_the_mails_of_a_priority() -> None:
    mails = [demo_mail(f"m{number}") for number in range(20)]
    inbox = [arrived(mail, order=number + 1, after_ms=1000 * (number + 1)) for number, mail in enumerate(mails)]

    rows = count(observed(*mails, inbox=inbox)).rows

    assert (rows[Priority.HIGH].median, rows[Priority.HIGH].p95) == (10.5, 19.0)
    assert (rows[Priority.LOW].median, rows[Priority.LOW].p95) == (None, None)


def test_a_deferred_mail_is_not_timed() -> None:
    row = count(observed(GOOD, inbox=[arrived(GOOD)], events=[deferred(GOOD), sent(GOOD)])).rows[Priority.HIGH]

    assert (row.delivered, row.median) == (1, None)


def test_a_scheduled_mail_is_timed_from_its_time() -> None:
    scheduled = replace(GOOD, send_at=ACCEPTED_AT // 1000 + 8)

    row = count(observed(scheduled, inbox=[arrived(scheduled, after_ms=9_500)])).rows[Priority.HIGH]

    assert row.median == 1.5


def test_a_mail_that_came_before_the_apis_answer_took_no_time() -> None:
    row = count(observed(GOOD, inbox=[arrived(GOOD, after_ms=-20)])).rows[Priority.HIGH]

    assert row.median == 0


def test_what_did_not_simply_arrive_is_told_with_its_reason() -> None:
    late, scheduled = demo_mail("late"), replace(demo_mail("scheduled"), send_at=ACCEPTED_AT // 1000 + 8)

    stories = exceptional(
        observed(
            GOOD,
            BAD,
            late,
            scheduled,
            refused=[Refused(UNKNOWN, "unknown_account", "no account")],
            inbox=[arrived(GOOD), arrived(late, after_ms=3_000), arrived(scheduled, after_ms=9_000)],
            events=[sent(GOOD), failed(BAD), deferred(late), sent(late), sent(scheduled)],
        )
    )

    assert [(story.mail.id, story.outcome, story.reason) for story in stories] == [
        ("unknown", "refused at submission", "unknown_account: no account"),
        ("bad", "refused by the relay", "550 5.1.1 user unknown"),
        ("late", "deferred, delivered 3.0 s later", "451 4.7.1 greylisted"),
        ("scheduled", "delivered 9.0 s later", "scheduled 8.0 s ahead"),
    ]
