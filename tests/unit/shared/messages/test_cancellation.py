"""Taking a mail back."""

from collections.abc import Sequence

import pytest

from shared.aws.dynamodb import Key, Table, Update, Write
from shared.clock import MINUTE
from shared.errors import Conflict, InFlight, NotFound
from shared.instance.model import Instance
from shared.lines.line import reports_line
from shared.messages.cancellation import Cancellation
from shared.messages.intake import Intake
from shared.messages.model import Status, mail_key
from shared.messages.slices import SliceTable
from shared.messages.table import MailTable
from shared.reports.outbox import Outbox
from shared.tenants.model import Tenant
from tests.unit.clock import NOON, SettableClock


@pytest.fixture(autouse=True)
def submitted(intake: Intake, tenant: Tenant) -> None:
    """Mails `a` and `b`, in one slice."""
    entries = [{"id": each, "from": "a@example.com", "to": "b@example.com", "text": "x"} for each in ("a", "b")]
    intake.accept(tenant, Instance(), entries, None)


def test_the_mail_leaves_its_slice_and_an_event_waits_to_be_reported(
    cancellation: Cancellation, mails: MailTable, slices: SliceTable, messages: Table
) -> None:
    mail = cancellation.cancel("acme", "a")
    assert mails.get("acme", "a") == mail
    assert (mail.status, mail.finished_at) == (Status.CANCELLED, NOON)
    assert mail.expires_at is not None
    left = slices.first(mail.line)
    assert left is not None
    assert [each.mail_id for each in left.entries] == ["b"]
    [page] = Outbox(messages).first(reports_line("acme"), limit=10)
    assert [(each.event.id, each.event.cancelled_ts) for each in page.events] == [("a", NOON // 1000)]


def test_the_last_mail_takes_its_slice_with_it(cancellation: Cancellation, slices: SliceTable) -> None:
    line = cancellation.cancel("acme", "a").line
    cancellation.cancel("acme", "b")
    assert slices.first(line) is None


def test_cancelling_again_changes_and_reports_nothing(cancellation: Cancellation, messages: Table) -> None:
    assert cancellation.cancel("acme", "a") == cancellation.cancel("acme", "a")
    assert len(list(messages.query_all(Key("pk").eq("LINE#reports#acme") & Key("sk").lt("HEAD")))) == 1


def test_a_mail_in_a_claimed_slice_is_in_flight_even_after_the_claim_ran_out(
    cancellation: Cancellation, mails: MailTable, slices: SliceTable, clock: SettableClock
) -> None:
    found = slices.first(mails.get("acme", "a").line)
    assert found is not None
    slices.claim(found, worker="w", until=NOON + MINUTE, now=NOON)
    for _ in range(2):
        with pytest.raises(InFlight):
            cancellation.cancel("acme", "a")
        clock.advance(2 * MINUTE)
    assert mails.get("acme", "a").status is Status.PENDING


def test_a_claim_that_comes_between_reading_and_writing_wins(
    cancellation: Cancellation, mails: MailTable, slices: SliceTable, messages: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    transact = Table.transact

    def claimed_meanwhile(self: Table, writes: Sequence[Write]) -> None:
        found = slices.first(mails.get("acme", "a").line)
        if found is not None and found.claimed_by is None:
            slices.claim(found, worker="w", until=NOON + MINUTE, now=NOON)
        transact(self, writes)

    monkeypatch.setattr(Table, "transact", claimed_meanwhile)
    with pytest.raises(InFlight):
        cancellation.cancel("acme", "a")
    assert mails.get("acme", "a").status is Status.PENDING
    assert not Outbox(messages).first(reports_line("acme"), limit=10)


@pytest.mark.parametrize("status", ["sent", "error"])
def test_what_is_decided_stays(cancellation: Cancellation, messages: Table, status: str) -> None:
    messages.update(Update(mail_key("acme", "a"), set={"status": status}))
    with pytest.raises(Conflict, match=status):
        cancellation.cancel("acme", "a")


def test_an_unknown_mail_is_not_found(cancellation: Cancellation) -> None:
    for tenant_id, mail_id in (("acme", "c"), ("other", "a")):
        with pytest.raises(NotFound):
            cancellation.cancel(tenant_id, mail_id)
