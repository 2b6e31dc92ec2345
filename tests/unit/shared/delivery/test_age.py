"""How old a mail is when it is given up: what it waited between tries does not count."""

import pytest

from shared.clock import HOUR, MINUTE
from shared.delivery.decisions import Decision, after_try
from shared.delivery.transmission import MailFailed
from shared.instance.model import RetryPolicy
from shared.messages.model import Mail, Status
from tests.unit.clock import NOON
from tests.unit.shared.delivery.samples import a_mail

POLICY = RetryPolicy(schedule_seconds=[60], max_age_seconds=3_600)


def tried(mail: Mail, at: int, waited: int) -> Decision:
    failed = MailFailed("450 4.2.0 later", permanent=False)
    return after_try(mail, failed, tried=["a@example.com"], before=(), policy=POLICY, now=at, waited=waited)


def test_the_wait_before_the_first_try_is_no_age_at_all() -> None:
    mail = tried(a_mail(), NOON, 5 * HOUR).mail
    assert (mail.status, mail.first_attempt_at, mail.waited) == (Status.DEFERRED, NOON, 0)


@pytest.mark.parametrize(("waited", "status"), [(0, Status.ERROR), (HOUR, Status.DEFERRED)])
def test_waits_between_tries_make_it_no_older(waited: int, status: Status) -> None:
    first = tried(a_mail(), NOON, 0).mail
    second = tried(first, NOON + HOUR, waited).mail
    assert (second.status, second.waited) == (status, waited)


def test_they_add_up() -> None:
    mail = tried(a_mail(), NOON, 0).mail
    for number in (1, 2, 3):
        mail = tried(mail, NOON + number * HOUR, HOUR - MINUTE).mail
    assert (mail.status, mail.waited) == (Status.DEFERRED, 3 * (HOUR - MINUTE))
