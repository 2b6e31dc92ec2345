"""Deleting what is final and reported, by the event log."""

from collections.abc import Callable

import pytest

from shared.aws.dynamodb import Table, Update
from shared.clock import DAY, HOUR, MINUTE, Millis
from shared.messages.cleanup import Cleanup
from shared.messages.model import Mail, Status
from shared.messages.removal import Removal
from shared.messages.slices import SliceTable
from shared.messages.table import MailTable
from shared.reports.events import PushedEvent, ReportEvent, deferred, failed, sent
from shared.reports.log import EventLog
from shared.reports.outbox import Outbox, new_page
from tests.unit.clock import NOON, SettableClock
from tests.unit.shared.delivery.samples import a_mail

type Ended = Callable[..., Mail]


@pytest.fixture
def log(messages: Table) -> EventLog:
    return EventLog(messages)


@pytest.fixture
def cleanup(messages: Table, mails: MailTable, slices: SliceTable, log: EventLog, clock: SettableClock) -> Cleanup:
    removal = Removal(messages=messages, mails=mails, slices=slices)
    return Cleanup(mails=mails, removal=removal, log=log, clock=clock)


@pytest.fixture
def ended(messages: Table, clock: SettableClock) -> Ended:
    """Mails that a sender is done with, reported in one page, which was acknowledged `after` so long."""

    def make(*ids: str, status: Status = Status.SENT, after: Millis = 0) -> Mail:
        done = [a_mail(each, status=status, attempts=1, finished_at=clock.now) for each in ids]
        for mail in done:
            messages.put(mail.to_item())
        pushed = [PushedEvent(event=_report(mail, clock.now)) for mail in done]
        page = new_page("acme", pushed, due_at=clock.now, now=clock.now)
        Outbox(messages).acknowledge([page], pushed, clock.now + after, kept=30 * DAY)
        clock.advance(1_000)
        return done[0]

    return make


def _report(mail: Mail, at: Millis) -> ReportEvent:
    match mail.status:
        case Status.SENT:
            return sent(mail, at, [])
        case Status.DEFERRED:
            return deferred(mail, at, "later", [])
        case _:
            return failed(mail, at, "no", [])


def left(mails: MailTable, *ids: str) -> set[str]:
    return set(mails.get_many("acme", ids))


def clean(cleanup: Cleanup, *, older_than: Millis, after: str = "", within: Millis = MINUTE) -> tuple[int, str | None]:
    done = cleanup.clean_up("acme", older_than=older_than, after=after, within=within)
    return done.removed, done.next


def test_what_was_reported_long_enough_ago_is_removed(
    cleanup: Cleanup, ended: Ended, mails: MailTable, clock: SettableClock
) -> None:
    ended("sent", "also")
    ended("error", status=Status.ERROR)
    ended("late", after=2 * HOUR)  # done with early, and reported late
    clock.advance(2 * HOUR)
    ended("young")

    assert clean(cleanup, older_than=HOUR) == (3, None)
    assert left(mails, "sent", "also", "error", "late", "young") == {"late", "young"}
    clock.advance(DAY)
    assert clean(cleanup, older_than=0) == (2, None)


def test_what_is_tried_again_or_was_sent_anew_is_not_done_with(
    cleanup: Cleanup, ended: Ended, mails: MailTable, messages: Table, clock: SettableClock
) -> None:
    ended("put off", status=Status.DEFERRED)
    again = ended("again", status=Status.ERROR)
    messages.update(Update(again.key, set={"generation": 2, "status": "error", "attempts": 1}))
    clock.advance(DAY)
    assert clean(cleanup, older_than=0) == (0, None)
    assert left(mails, "put off", "again") == {"put off", "again"}


def test_a_call_that_runs_out_of_time_says_where_to_go_on(
    cleanup: Cleanup, ended: Ended, mails: MailTable, clock: SettableClock
) -> None:
    names = [f"m{number}" for number in range(12)]
    for each in names:
        ended(each)
    clock.advance(DAY)
    removed, calls, place = 0, 0, ""
    while True:
        count, following = clean(cleanup, older_than=0, after=place, within=0)
        removed, calls = removed + count, calls + 1
        if following is None:
            break
        assert following > place
        place = following
    assert (removed, calls) == (12, 13)
    assert left(mails, *names) == set()


def test_when_a_report_was_acknowledged_is_read_off_the_log(log: EventLog, ended: Ended, messages: Table) -> None:
    mail = ended("a", "b", "c", after=MINUTE)
    assert log.reported_at(mail) == NOON + MINUTE
    assert log.reported_at(mail.model_copy(update={"generation": 2})) is None
    assert log.reported_at(mail.model_copy(update={"reported_at": NOON + DAY})) == NOON + DAY
    assert log.reported_at(a_mail("unsent")) is None
