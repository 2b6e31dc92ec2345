"""How long a mail is kept after its last report."""

import pytest

from shared.aws.dynamodb import Table
from shared.clock import DAY, HOUR, MINUTE, ttl_seconds
from shared.messages.model import Mail, Status, mail_key
from shared.messages.table import RecipientResult, recipients_key, recipients_to_item
from shared.reports.events import PushedEvent, deferred, sent
from shared.reports.retention import LATE, Retention
from tests.unit.clock import NOON
from tests.unit.shared.delivery.samples import a_mail

WEEK = 7 * DAY


@pytest.fixture
def retention(messages: Table) -> Retention:
    return Retention(messages)


@pytest.fixture
def mail(messages: Table) -> Mail:
    """Sent at noon."""
    done = a_mail(status=Status.SENT, attempts=1, finished_at=NOON, expires_at=NOON + WEEK)
    messages.put(done.to_item())
    messages.put(recipients_to_item(done, [RecipientResult(address="a@x.org", status="sent")]))
    return done


def stored(messages: Table) -> Mail:
    return Mail.from_item(messages.get(mail_key("acme", "m1")) or {})


async def test_a_report_that_is_acknowledged_in_time_costs_no_write(
    retention: Retention, mail: Mail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Table, "update", None)
    await retention.run_from(NOON + LATE, [PushedEvent(event=sent(mail, NOON, []))], retention=WEEK)


@pytest.mark.parametrize(("now", "refusals"), [(NOON + LATE + MINUTE, 0), (NOON + MINUTE, 1)])
async def test_after_a_late_one_the_mail_is_kept_from_the_acknowledgement_on(
    retention: Retention, mail: Mail, messages: Table, now: int, refusals: int
) -> None:
    pushed = PushedEvent(event=sent(mail, NOON, []), refusals=refusals)
    await retention.run_from(now, [pushed], retention=WEEK)
    assert (stored(messages).reported_at, stored(messages).expires_at) == (now, now + WEEK)
    for key in (mail.key, recipients_key(mail)):
        assert (messages.get(key) or {})["ttl"] == ttl_seconds(now + WEEK)


async def test_what_is_gone_or_sent_again_or_not_done_with_is_left_alone(
    retention: Retention, mail: Mail, messages: Table
) -> None:
    again = mail.model_copy(update={"status": Status.PENDING, "finished_at": None, "expires_at": None})
    messages.put(again.to_item())
    gone = mail.model_copy(update={"id": "gone"})
    events = [sent(mail, NOON, []), sent(gone, NOON, []), deferred(mail, NOON, "later", [])]
    await retention.run_from(NOON + 2 * HOUR, [PushedEvent(event=each) for each in events], retention=WEEK)
    assert stored(messages) == again
    assert messages.get(mail_key("acme", "gone")) is None
