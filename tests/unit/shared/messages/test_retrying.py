"""Sending a failed mail again."""

import pytest

from shared.aws.attributes import Item
from shared.aws.dynamodb import Key, Table, Update
from shared.clock import DAY, HOUR, ttl_seconds
from shared.delivery.jobs import JobLoader
from shared.errors import Conflict, NotFound
from shared.instance.model import Instance
from shared.lines.line import LineKind, account_line
from shared.messages.intake import Intake
from shared.messages.model import Mail, Status
from shared.messages.payloads import KEPT, PayloadStore
from shared.messages.retrying import Retrying
from shared.messages.slices import SliceTable
from shared.messages.table import MailTable, RecipientResult, recipients_to_item
from shared.tenants.model import Tenant
from tests.unit.clock import NOON, SettableClock

LINE = account_line(LineKind.MEDIUM, "acme", "main")


@pytest.fixture
def failed(intake: Intake, tenant: Tenant, mails: MailTable, messages: Table, clock: SettableClock) -> Mail:
    """A mail to two recipients that failed an hour after it was submitted."""
    entry = {"id": "a", "from": "a@example.com", "to": "b@example.com, c@example.com", "text": "x", "batch_code": "x"}
    intake.accept(tenant, Instance(), [entry], None)
    clock.advance(HOUR)
    mail = mails.get("acme", "a")
    messages.delete(mail.line.work_key(mail.slice_key))
    ended: Item = {"status": "error", "attempts": 3, "first_attempt_at": NOON, "finished_at": clock.now, "ttl": 1}
    messages.update(Update(mail.key, set=ended | {"expires_at": clock.now + 7 * DAY}))
    results = [RecipientResult(address=each, status="error", code=550) for each in ("b@example.com", "c@example.com")]
    messages.put(recipients_to_item(mail, results))
    return mails.get("acme", "a")


def test_it_is_due_now_as_if_it_had_never_been_tried(
    retrying: Retrying, failed: Mail, mails: MailTable, messages: Table, clock: SettableClock
) -> None:
    clock.advance(HOUR)
    mail = retrying.retry("acme", "a")
    assert mails.get("acme", "a") == mail
    assert (mail.status, mail.generation, mail.attempts, mail.due_at) == (Status.PENDING, 2, 0, clock.now)
    assert (mail.first_attempt_at, mail.finished_at, mail.expires_at) == (None, None, None)
    assert mail.events[-1].type == "retried"
    state = messages.get(mail.key)
    assert state is not None
    assert "ttl" not in state
    payload = messages.get(mail.payload_item_key)
    assert payload is not None
    assert payload["ttl"] == ttl_seconds(clock.now + KEPT)


def test_it_has_a_slice_that_is_announced_and_woken(
    retrying: Retrying, failed: Mail, slices: SliceTable, messages: Table, clock: SettableClock
) -> None:
    retrying.retry("acme", "a")
    found = slices.first(LINE)
    assert found is not None
    assert [(each.mail_id, each.generation) for each in found.entries] == [("a", 2)]
    assert (found.due_at, found.batch_code) == (clock.now, "x")
    head = messages.get(LINE.head_key)
    assert head is not None
    assert (head["seq"], head["woken_at"]) == (2, clock.now)


def test_every_recipient_is_open_again(
    retrying: Retrying, failed: Mail, mails: MailTable, slices: SliceTable, messages: Table, payloads: PayloadStore
) -> None:
    retrying.retry("acme", "a")
    [job] = jobs(messages, mails, slices, payloads)
    assert job == ()


def test_recipients_who_have_it_do_not_get_it_again(
    retrying: Retrying, failed: Mail, mails: MailTable, slices: SliceTable, messages: Table, payloads: PayloadStore
) -> None:
    took = RecipientResult(address="b@example.com", status="sent", code=250)
    messages.put(recipients_to_item(failed, [took, RecipientResult(address="c@example.com", status="error")]))
    retrying.retry("acme", "a")
    assert jobs(messages, mails, slices, payloads) == [(took,)]


def jobs(
    messages: Table, mails: MailTable, slices: SliceTable, payloads: PayloadStore
) -> list[tuple[RecipientResult, ...]]:
    """What the sender knows of the recipients of the mails that are due."""
    found = slices.first(LINE)
    assert found is not None
    loader = JobLoader(messages=messages, mails=mails, payloads=payloads)
    return [each.before for each in loader.load(found)]


@pytest.mark.parametrize("status", ["pending", "deferred", "sent", "cancelled"])
def test_only_what_has_failed_is_sent_again(retrying: Retrying, failed: Mail, messages: Table, status: str) -> None:
    messages.update(Update(failed.key, set={"status": status}))
    with pytest.raises(Conflict, match=status):
        retrying.retry("acme", "a")


def test_of_two_retries_one_is_made(retrying: Retrying, failed: Mail, messages: Table) -> None:
    retrying.retry("acme", "a")
    with pytest.raises(Conflict, match="pending"):
        retrying.retry("acme", "a")
    assert len(list(messages.query_all(Key("pk").eq(LINE.partition) & Key("sk").lt("HEAD")))) == 1


def test_without_its_content_it_stays_failed(
    retrying: Retrying, failed: Mail, mails: MailTable, slices: SliceTable, messages: Table
) -> None:
    messages.delete(failed.payload_item_key)
    with pytest.raises(Conflict, match="no longer kept") as caught:
        retrying.retry("acme", "a")
    assert caught.value.code == "content_gone"
    assert mails.get("acme", "a") == failed
    assert slices.first(LINE) is None


def test_an_unknown_mail_is_not_found(retrying: Retrying, failed: Mail) -> None:
    for tenant_id, mail_id in (("acme", "b"), ("other", "a")):
        with pytest.raises(NotFound):
            retrying.retry(tenant_id, mail_id)
