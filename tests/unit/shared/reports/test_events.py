"""The events of a mail, as the tenant is told them."""

from shared.messages.table import RecipientResult
from shared.reports.events import ReportEvent, cancelled, deferred, failed, sent
from tests.unit.clock import NOON
from tests.unit.shared.delivery.samples import a_mail

TOOK = [RecipientResult(address="a@x.org", status="sent", code=250, enhanced="2.0.0", reply="ok")]


def told(event: ReportEvent) -> set[str]:
    return set(event.model_dump(exclude_none=True)) - {"event_id", "id", "tenant_id", "account_id", "pk"}


def test_every_event_names_its_mail_tenant_account_and_public_key() -> None:
    mail = a_mail("MSG-1")
    for event in (
        sent(mail, NOON, TOOK),
        failed(mail, NOON, "550 no", TOOK),
        deferred(mail, NOON, "451 later", TOOK),
        cancelled(mail, NOON),
    ):
        assert (event.id, event.tenant_id, event.account_id, event.pk) == ("MSG-1", "acme", "main", mail.public_key)


def test_exactly_one_timestamp_in_whole_seconds_says_what_happened() -> None:
    mail = a_mail()

    assert told(sent(mail, NOON + 999, TOOK)) == {"sent_ts", "recipients"}
    assert told(failed(mail, NOON, "550 no", TOOK)) == {"error_ts", "error", "recipients"}
    assert told(deferred(mail, NOON, "451 later", TOOK)) == {"deferred_ts", "deferred_reason", "recipients"}
    assert told(cancelled(mail, NOON)) == {"cancelled_ts"}
    assert sent(mail, NOON + 999, TOOK).sent_ts == NOON // 1_000


def test_a_possible_duplicate_is_said_only_where_there_may_be_one() -> None:
    assert deferred(a_mail(), NOON, "lost", [], possible_duplicate=True).possible_duplicate is True
    assert deferred(a_mail(), NOON, "lost", []).possible_duplicate is None


def test_ids_of_events_differ_by_mail_generation_try_and_kind_and_by_nothing_else() -> None:
    mail = a_mail("1")
    ids = {
        sent(mail, NOON, TOOK).event_id,
        deferred(mail, NOON, "x", TOOK).event_id,
        sent(a_mail("2"), NOON, TOOK).event_id,
        sent(a_mail("1", generation=2), NOON, TOOK).event_id,
        sent(a_mail("1", attempts=1), NOON, TOOK).event_id,
        sent(a_mail("1", tenant_id="other"), NOON, TOOK).event_id,
    }

    assert len(ids) == 6
    assert sent(mail, NOON + 5_000, []).event_id in ids


def test_a_reason_is_cut_to_five_hundred_characters() -> None:
    assert len(failed(a_mail(), NOON, "x" * 2_000, []).error or "") == 500
