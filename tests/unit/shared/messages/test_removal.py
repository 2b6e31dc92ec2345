"""Deleting the records of mails."""

from collections.abc import Callable, Sequence

import pytest

from shared.aws.dynamodb import Key, Table, Update, Write
from shared.clock import MINUTE
from shared.errors import InFlight, NotFound
from shared.instance.model import Instance
from shared.lines.line import reports_line
from shared.messages.cancellation import Cancellation
from shared.messages.intake import Intake
from shared.messages.model import Mail, Status, mail_key
from shared.messages.removal import Removal, Removed
from shared.messages.slices import Slice, SliceTable
from shared.messages.table import MailTable, RecipientResult, recipients_to_item
from shared.reports.outbox import Outbox
from shared.tenants.model import Tenant
from tests.unit.clock import SettableClock

type Submit = Callable[..., None]


@pytest.fixture
def removal(messages: Table, mails: MailTable, slices: SliceTable) -> Removal:
    return Removal(messages=messages, mails=mails, slices=slices)


@pytest.fixture
def submit(intake: Intake, tenant: Tenant) -> Submit:
    """Mails of these ids, all in one slice (up to 90)."""

    def submit(*ids: str) -> None:
        entries = [{"id": each, "from": "a@example.com", "to": "b@example.com", "text": "x"} for each in ids]
        assert len(intake.accept(tenant, Instance(), entries, None).accepted) == len(ids)

    return submit


def end(messages: Table, mails: MailTable, *ids: str, status: Status = Status.SENT) -> None:
    """What a sender writes of a mail, before it lets go of the slice."""
    for each in ids:
        messages.update(Update(mail_key("acme", each), set={"status": status.value, "attempts": 1}))
        messages.put(
            recipients_to_item(mails.get("acme", each), [RecipientResult(address="b@example.com", status="sent")])
        )


def claimed(slices: SliceTable, mail: Mail, clock: SettableClock) -> Slice:
    found = slices.of_mail(mail)
    assert found is not None
    held = slices.claim(found, worker="w", until=clock.now + MINUTE, now=clock.now)
    assert isinstance(held, Slice)
    return held


def everything_of(messages: Table, mail_id: str) -> list[str]:
    return [str(item["sk"]) for item in messages.query_all(Key("pk").eq(f"MAIL#acme#{mail_id}"))]


def test_a_mail_that_waits_leaves_its_slice_and_nothing_of_it_is_left_or_reported(
    removal: Removal, submit: Submit, mails: MailTable, slices: SliceTable, messages: Table
) -> None:
    submit("a", "b")
    line = mails.get("acme", "a").line

    assert removal.remove("acme", ["a", "none", "a"]) == Removed(["a"], ["none"], [])

    assert everything_of(messages, "a") == []
    left = slices.first(line)
    assert left is not None
    assert [each.mail_id for each in left.entries] == ["b"]
    assert removal.remove("acme", ["b"]).removed == ["b"]
    assert slices.first(line) is None
    assert Outbox(messages).first(reports_line("acme"), limit=10) == []


def test_what_a_worker_holds_stays_even_when_its_claim_has_run_out(
    removal: Removal, submit: Submit, mails: MailTable, slices: SliceTable, messages: Table, clock: SettableClock
) -> None:
    submit("a", "b")
    claimed(slices, mails.get("acme", "a"), clock)
    clock.advance(2 * MINUTE)

    assert removal.remove("acme", ["a", "b"]) == Removed([], [], ["a", "b"])
    with pytest.raises(InFlight):
        removal.remove_one("acme", "a")
    assert everything_of(messages, "a") == ["PAYLOAD#1#" + mails.get("acme", "a").digest[:16], "STATE"]


@pytest.mark.parametrize("status", [Status.SENT, Status.ERROR])
def test_a_mail_that_has_ended_stays_until_its_slice_is_gone_since_its_report_may_be_on_the_way(
    removal: Removal,
    submit: Submit,
    mails: MailTable,
    slices: SliceTable,
    messages: Table,
    clock: SettableClock,
    status: Status,
) -> None:
    submit("a", "b")
    held = claimed(slices, mails.get("acme", "a"), clock)
    end(messages, mails, "a", status=status)
    assert removal.remove("acme", ["a"]).in_flight == ["a"]

    slices.let_go(held, [each for each in held.entries if each.mail_id == "b"])
    assert removal.remove("acme", ["a"]).in_flight == ["a"]  # the slice stands, with another mail

    held = claimed(slices, mails.get("acme", "b"), clock)
    end(messages, mails, "b", status=status)
    slices.finish(held)
    assert removal.remove("acme", ["a", "b"]) == Removed(["a", "b"], [], [])
    assert everything_of(messages, "a") == everything_of(messages, "b") == []


def test_a_slice_that_appears_between_the_look_and_the_deletion_keeps_the_mail(
    removal: Removal,
    submit: Submit,
    mails: MailTable,
    slices: SliceTable,
    messages: Table,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    submit("a")
    end(messages, mails, "a")
    monkeypatch.setattr(SliceTable, "of_mails", lambda *_: {})  # as an eventually wrong read would say

    assert removal.remove("acme", ["a"]).in_flight == ["a"]
    assert mails.get("acme", "a").status is Status.SENT


def test_a_cancelled_mail_was_reported_as_it_left_its_slice_which_may_stand(
    removal: Removal, submit: Submit, cancellation: Cancellation, messages: Table
) -> None:
    submit("a", "b")
    cancellation.cancel("acme", "a")
    assert removal.remove("acme", ["a"]).removed == ["a"]
    assert everything_of(messages, "a") == []


def test_a_mail_of_a_suspended_batch_can_be_removed(
    removal: Removal, intake: Intake, tenant: Tenant, mails: MailTable, slices: SliceTable, messages: Table
) -> None:
    entry = {"id": "a", "from": "a@example.com", "to": "b@example.com", "text": "x", "batch_code": "news"}
    intake.accept(tenant, Instance(), [entry], None)
    found = slices.of_mail(mails.get("acme", "a"))
    assert found is not None
    assert found.suspended_key is not None
    messages.put(found.to_item() | found.suspended_key.item)
    messages.delete(found.key)

    assert removal.remove("acme", ["a"]).removed == ["a"]
    assert messages.get(found.suspended_key) is None


def test_a_mail_that_changes_meanwhile_is_looked_at_again(
    removal: Removal, submit: Submit, mails: MailTable, messages: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit("a", "b")
    transact = messages.transact
    calls: list[int] = []

    def beaten(writes: Sequence[Write]) -> None:
        calls.append(len(writes))
        if len(calls) == 1:
            messages.update(Update(mail_key("acme", "a"), set={"attempts": 1, "status": "deferred"}))
        transact(writes)

    monkeypatch.setattr(messages, "transact", beaten)
    assert removal.remove("acme", ["a"]).removed == ["a"]
    assert len(calls) == 2
    assert mails.get("acme", "b").status is Status.PENDING


def test_many_are_removed_in_few_transactions_and_one_that_is_held_keeps_none_of_the_others(
    removal: Removal,
    submit: Submit,
    mails: MailTable,
    slices: SliceTable,
    messages: Table,
    clock: SettableClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ids = [f"m{number}" for number in range(40)]
    submit(*ids[:25])
    for each in ids[25:]:
        submit(each)
    claimed(slices, mails.get("acme", "m30"), clock)
    calls: list[int] = []
    transact = messages.transact

    def counted(writes: Sequence[Write]) -> None:
        calls.append(len(writes))
        transact(writes)

    monkeypatch.setattr(messages, "transact", counted)

    done = removal.remove("acme", ids)

    assert done.in_flight == ["m30"]
    assert done.removed == [each for each in ids if each != "m30"]
    assert len(calls) == 4
    assert all(count <= 100 for count in calls)


def test_who_asks_for_one_hears_of_it(removal: Removal) -> None:
    with pytest.raises(NotFound):
        removal.remove_one("acme", "none")
