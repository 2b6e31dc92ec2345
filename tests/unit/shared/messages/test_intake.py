"""Taking in a call: what is stored, in which order, and what repeats or crashes leave behind."""

from collections.abc import Sequence

import pytest

from shared.aws.dynamodb import Key, Table, Write
from shared.clock import DAY, MINUTE, SECOND
from shared.errors import StorageUnavailable, TransactionRefused
from shared.instance.model import Instance
from shared.lines.line import LineKind, account_line
from shared.messages.intake import MAX_AHEAD, Intake, IntakeResult
from shared.messages.model import Priority, Status
from shared.messages.payloads import PayloadStore
from shared.messages.slices import SliceTable
from shared.messages.table import MailTable
from shared.tenants.model import Tenant
from tests.unit.clock import NOON, SettableClock


def entry(mail_id: str, **fields: object) -> dict[str, object]:
    base = {"id": mail_id, "from": "a@example.com", "to": "b@example.com", "text": f"Text of {mail_id}"}
    return base | fields


def accept(intake: Intake, tenant: Tenant, *entries: object) -> IntakeResult:
    return intake.accept(tenant, Instance(), entries, None)


def entries_of(slices: SliceTable, messages: Table, lane: LineKind) -> list[list[str]]:
    line = account_line(lane, "acme", "main")
    items = messages.query_all(Key("pk").eq(line.partition) & Key("sk").lt("HEAD"))
    found = [slices.get(line, str(item["sk"])) for item in items]
    return [[each.mail_id for each in slice_.entries] for slice_ in found if slice_ is not None]


def test_two_hundred_mails_of_one_account_are_three_slices_in_order_of_submission(
    intake: Intake, tenant: Tenant, slices: SliceTable, messages: Table
) -> None:
    ids = [f"m{number:03d}" for number in range(200)]
    result = accept(intake, tenant, *(entry(each) for each in ids))
    assert [each.id for each in result.accepted] == ids
    assert entries_of(slices, messages, LineKind.MEDIUM) == [ids[:90], ids[90:180], ids[180:]]
    assert entries_of(slices, messages, LineKind.HIGH) == []


def test_mails_of_other_priority_time_or_batch_get_slices_of_their_own(
    intake: Intake, tenant: Tenant, slices: SliceTable, messages: Table, mails: MailTable
) -> None:
    later = "2026-01-01T12:01:00Z"
    accept(
        intake,
        tenant,
        entry("a"),
        entry("b", priority="immediate"),
        entry("c", send_at=later),
        entry("d", batch_code="x"),
        entry("e"),
        entry("past", send_at="2020-01-01T00:00:00Z"),
    )
    assert entries_of(slices, messages, LineKind.MEDIUM) == [["a", "e", "past"], ["d"], ["c"]]
    assert entries_of(slices, messages, LineKind.IMMEDIATE) == [["b"]]
    assert mails.get("acme", "c").due_at == NOON + MINUTE


def test_the_head_and_one_wake_up_tell_of_the_work(intake: Intake, tenant: Tenant, messages: Table) -> None:
    accept(intake, tenant, entry("a"))
    accept(intake, tenant, entry("b"))
    head = messages.get(account_line(LineKind.MEDIUM, "acme", "main").head_key)
    assert head is not None
    assert (head["seq"], head["wake_at"], head["woken_at"]) == (2, NOON + MINUTE, NOON)


def test_a_mail_is_kept_as_submitted(intake: Intake, tenant: Tenant, mails: MailTable, payloads: PayloadStore) -> None:
    accept(intake, tenant, entry("a", subject="Hällo", priority=3, batch_code="x"))
    mail = mails.get("acme", "a")
    assert (mail.status, mail.priority, mail.generation, mail.batch_code) == (Status.PENDING, Priority.LOW, 1, "x")
    assert payloads.get(mail).subject == "Hällo"
    assert payloads.get(mail).text == "Text of a"


def test_an_identical_call_again_is_accepted_and_adds_no_work(
    intake: Intake, tenant: Tenant, slices: SliceTable, messages: Table, clock: SettableClock
) -> None:
    calls = [accept(intake, tenant, entry("a"), entry("b"))]
    clock.advance(SECOND)
    calls.append(accept(intake, tenant, entry("b"), entry("a"), entry("c")))
    assert [each.id for each in calls[1].accepted] == ["b", "a", "c"]
    assert {each.pk for each in calls[0].accepted} < {each.pk for each in calls[1].accepted}
    assert entries_of(slices, messages, LineKind.MEDIUM) == [["a", "b"], ["c"]]


def test_times_too_far_ahead_are_refused(intake: Intake, tenant: Tenant) -> None:
    far = (NOON + MAX_AHEAD) // SECOND
    result = accept(intake, tenant, entry("just", send_at=far), entry("beyond", send_at=far + DAY // SECOND))
    assert [each.id for each in result.accepted] == ["just"]
    assert [(each.id, each.code) for each in result.rejected] == [("beyond", "send_at_too_far")]


def test_a_call_cut_off_by_storage_is_completed_by_the_same_call_again(
    intake: Intake, tenant: Tenant, slices: SliceTable, messages: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [f"m{number:03d}" for number in range(100)]
    transact, calls = Table.transact, 0

    def failing(self: Table, writes: Sequence[Write]) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise StorageUnavailable("throttled")
        transact(self, writes)

    monkeypatch.setattr(Table, "transact", failing)
    with pytest.raises(StorageUnavailable):
        accept(intake, tenant, *(entry(each) for each in ids))
    result = accept(intake, tenant, *(entry(each) for each in ids))
    assert [each.id for each in result.accepted] == ids
    assert entries_of(slices, messages, LineKind.MEDIUM) == [ids[:90], ids[90:]]


def test_a_transaction_whose_answer_was_lost_is_not_done_twice(
    intake: Intake, tenant: Tenant, slices: SliceTable, messages: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    transact = Table.transact

    def answered_to_nobody(self: Table, writes: Sequence[Write]) -> None:
        """As when botocore repeats a call that had succeeded."""
        transact(self, writes)
        raise TransactionRefused("states and slice exist", failed=range(len(writes)))

    monkeypatch.setattr(Table, "transact", answered_to_nobody)
    result = accept(intake, tenant, entry("a"), entry("b"))
    assert [each.id for each in result.accepted] == ["a", "b"]
    assert entries_of(slices, messages, LineKind.MEDIUM) == [["a", "b"]]
