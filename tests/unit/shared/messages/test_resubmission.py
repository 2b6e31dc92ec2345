"""An id that is submitted again: what is kept, replaced, repaired or refused."""

from collections.abc import Callable, Sequence

import pytest

from shared.aws.dynamodb import ItemKey, Key, Put, Table, Update, Write
from shared.clock import HOUR, MINUTE, SECOND
from shared.errors import NotFound
from shared.instance.model import Instance
from shared.lines.line import LineKind, account_line
from shared.messages.intake import Intake, IntakeResult
from shared.messages.model import Mail, Status, mail_key
from shared.messages.payloads import PayloadStore
from shared.messages.slices import Slice, SliceTable
from shared.messages.table import MailTable, RecipientResult, recipients_to_item
from shared.tenants.model import Tenant
from tests.unit.clock import NOON, SettableClock

LINE = account_line(LineKind.MEDIUM, "acme", "main")

type Submit = Callable[..., IntakeResult]


def entry(mail_id: str, **fields: object) -> dict[str, object]:
    base = {"id": mail_id, "from": "a@example.com", "to": "b@example.com", "text": f"Text of {mail_id}"}
    return base | fields


@pytest.fixture
def submit(intake: Intake, tenant: Tenant) -> Submit:
    return lambda *entries: intake.accept(tenant, Instance(), entries, None)


def ids(found: Slice | None) -> list[tuple[str, int]]:
    return [(each.mail_id, each.generation) for each in found.entries] if found else []


def slices_in(messages: Table, kind: LineKind = LineKind.MEDIUM) -> list[list[tuple[str, int]]]:
    line = account_line(kind, "acme", "main")
    items = messages.query_all(Key("pk").eq(line.partition) & Key("sk").lt("HEAD"))
    return [ids(Slice.from_item(line, item)) for item in items]


def test_other_content_replaces_an_unsent_mail_which_keeps_its_place(
    submit: Submit, mails: MailTable, payloads: PayloadStore, messages: Table, clock: SettableClock
) -> None:
    submit(entry("a"), entry("b"), entry("c"))
    before = mails.get("acme", "b")
    clock.advance(MINUTE)
    result = submit(entry("b", text="Better"))
    assert [(each.id, each.pk, each.status) for each in result.accepted] == [("b", before.public_key, Status.PENDING)]
    after = mails.get("acme", "b")
    assert (after.generation, after.slice_key) == (2, before.slice_key)
    assert (after.created_at, after.due_at) == (before.created_at, before.due_at)
    assert [each.type for each in after.events] == ["accepted", "replaced"]
    assert payloads.get(after).text == "Better"
    assert slices_in(messages) == [[("a", 1), ("b", 2), ("c", 1)]]


def test_the_content_that_was_replaced_is_not_kept(submit: Submit, mails: MailTable, payloads: PayloadStore) -> None:
    submit(entry("a"))
    before = mails.get("acme", "a")
    submit(entry("a", text="Better"))
    with pytest.raises(NotFound):
        payloads.get(before)


def test_going_back_and_forth_leaves_the_last_content(submit: Submit, mails: MailTable, payloads: PayloadStore) -> None:
    for text in ("one", "two", "one", "two"):
        submit(entry("a", text=text))
    mail = mails.get("acme", "a")
    assert (mail.generation, payloads.get(mail).text) == (4, "two")


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"priority": "high"}, LineKind.HIGH),
        ({"batch_code": "x"}, LineKind.MEDIUM),
        ({"send_at": (NOON + HOUR) // SECOND}, LineKind.MEDIUM),
    ],
)
def test_other_priority_batch_or_time_takes_it_to_another_slice(
    submit: Submit, mails: MailTable, messages: Table, changed: dict[str, object], kind: LineKind
) -> None:
    submit(entry("a"), entry("b"))
    submit(entry("a", **changed))
    assert slices_in(messages)[0] == [("b", 1)]
    assert slices_in(messages, kind)[-1] == [("a", 2)]
    mail = mails.get("acme", "a")
    head = messages.get(mail.line.head_key)
    assert head is not None
    assert head["wake_at"] == NOON + MINUTE
    if "send_at" in changed:
        assert mail.due_at == NOON + HOUR


def test_the_same_time_in_other_words_keeps_the_place(submit: Submit, messages: Table) -> None:
    submit(entry("a", send_at="2026-01-01T13:00:00Z"), entry("b", send_at="2026-01-01T13:00:00Z"))
    submit(entry("a", send_at="2026-01-01T14:00:00+01:00"))
    assert slices_in(messages) == [[("a", 2), ("b", 1)]]


def test_the_last_mail_that_leaves_takes_its_slice_with_it(submit: Submit, messages: Table) -> None:
    submit(entry("a"))
    submit(entry("a", priority="low"))
    assert slices_in(messages) == []
    assert slices_in(messages, LineKind.LOW) == [[("a", 2)]]


def test_a_call_replaces_more_mails_of_a_slice_than_one_transaction_takes(
    submit: Submit, messages: Table, mails: MailTable
) -> None:
    names = [f"m{number:02d}" for number in range(30)]
    submit(*(entry(each) for each in names))
    result = submit(*(entry(each, text="Better") for each in names))
    assert [each.id for each in result.accepted] == names
    assert slices_in(messages) == [[(each, 2) for each in names]]
    assert {mails.get("acme", each).generation for each in names} == {2}


def test_a_mail_put_off_starts_anew_with_its_new_content(submit: Submit, mails: MailTable, messages: Table) -> None:
    submit(entry("a", to="b@example.com, c@example.com"))
    deferred(messages, mails.get("acme", "a"), "deferred", "error")
    submit(entry("a", text="Better"))
    mail = mails.get("acme", "a")
    assert (mail.status, mail.attempts, mail.first_attempt_at) == (Status.PENDING, 0, None)
    assert mails.recipients(mail) == []


def test_what_some_recipients_have_already_cannot_be_replaced(
    submit: Submit, mails: MailTable, messages: Table
) -> None:
    submit(entry("a", to="b@example.com, c@example.com"))
    deferred(messages, mails.get("acme", "a"), "sent", "deferred")
    before = mails.get("acme", "a")
    [rejected] = submit(entry("a", text="Better")).rejected
    assert rejected.code == "id_conflict"
    assert "some of its recipients" in rejected.detail
    assert mails.get("acme", "a") == before


def deferred(messages: Table, mail: Mail, *statuses: str) -> None:
    """As a sender leaves a mail of two recipients that it tried once."""
    results = [
        RecipientResult(address=f"{name}@example.com", status=each) for name, each in zip("bc", statuses, strict=True)
    ]
    messages.put(recipients_to_item(mail, results))
    messages.update(Update(mail.key, set={"status": "deferred", "attempts": 1, "first_attempt_at": NOON}))


def test_a_claim_even_one_that_ran_out_keeps_the_old_content(
    submit: Submit, mails: MailTable, slices: SliceTable, payloads: PayloadStore, clock: SettableClock
) -> None:
    submit(entry("a"), entry("b"))
    found = slices.first(LINE)
    assert found is not None
    slices.claim(found, worker="w", until=NOON + MINUTE, now=NOON)
    for _ in range(2):
        [rejected] = submit(entry("a", text="Better")).rejected
        assert rejected.code == "in_flight"
        clock.advance(2 * MINUTE)
    assert payloads.get(mails.get("acme", "a")).text == "Text of a"


def test_a_claim_that_comes_between_reading_and_writing_wins(
    submit: Submit, mails: MailTable, slices: SliceTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(entry("a"))
    transact = Table.transact

    def claimed_meanwhile(self: Table, writes: Sequence[Write]) -> None:
        found = slices.first(LINE)
        if found is not None and found.claimed_by is None:
            slices.claim(found, worker="w", until=NOON + MINUTE, now=NOON)
        transact(self, writes)

    monkeypatch.setattr(Table, "transact", claimed_meanwhile)
    assert [each.code for each in submit(entry("a", text="Better")).rejected] == ["in_flight"]
    assert mails.get("acme", "a").generation == 1


def test_of_two_calls_at_once_the_later_one_stays(
    submit: Submit, mails: MailTable, payloads: PayloadStore, messages: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(entry("a"))
    transact, first = Table.transact, True

    def another_call_first(self: Table, writes: Sequence[Write]) -> None:
        nonlocal first
        is_replacement = any(isinstance(each, Put) and each.item.get("generation") == 2 for each in writes)
        if is_replacement and first:
            first = False
            submit(entry("a", text="Theirs"))
        transact(self, writes)

    monkeypatch.setattr(Table, "transact", another_call_first)
    assert [each.id for each in submit(entry("a", text="Ours")).accepted] == ["a"]
    mail = mails.get("acme", "a")
    assert (mail.generation, payloads.get(mail).text) == (3, "Ours")
    assert slices_in(messages) == [[("a", 3)]]


@pytest.mark.parametrize(("status", "says"), [("sent", "sent already"), ("error", "retry"), ("cancelled", "cancelled")])
def test_what_is_decided_is_refused_with_the_reason(
    submit: Submit, mails: MailTable, messages: Table, status: str, says: str
) -> None:
    submit(entry("a"))
    messages.update(Update(mail_key("acme", "a"), set={"status": status}))
    before = mails.get("acme", "a")
    [rejected] = submit(entry("a", text="Better")).rejected
    assert rejected.code == "id_conflict"
    assert says in rejected.detail
    assert mails.get("acme", "a") == before


def test_the_same_again_writes_a_slice_that_is_missing(
    submit: Submit, mails: MailTable, slices: SliceTable, messages: Table, clock: SettableClock
) -> None:
    submit(entry("a"), entry("b"), entry("c"))
    mail = mails.get("acme", "a")
    messages.delete(mail.line.work_key(mail.slice_key))
    clock.advance(2 * MINUTE)
    result = submit(entry("a"), entry("b"), entry("other"))
    assert [each.id for each in result.accepted] == ["a", "b", "other"]
    assert slices_in(messages) == [[("a", 1), ("b", 1)], [("other", 1)]]
    submit(entry("c"))
    assert slices_in(messages)[0] == [("a", 1), ("b", 1), ("c", 1)]
    head = messages.get(LINE.head_key)
    assert head is not None
    assert head["woken_at"] == clock.now


def test_the_same_again_repairs_nothing_that_is_suspended_claimed_or_decided(
    submit: Submit, mails: MailTable, slices: SliceTable, messages: Table
) -> None:
    submit(entry("held"), entry("done", priority="low"), entry("aside", batch_code="x", priority="high"))
    held = slices.first(LINE)
    assert held is not None
    slices.claim(held, worker="w", until=NOON + MINUTE, now=NOON)
    done, aside = mails.get("acme", "done"), mails.get("acme", "aside")
    messages.update(Update(done.key, set={"status": "sent"}))
    messages.delete(done.line.work_key(done.slice_key))
    item = messages.get(aside.line.work_key(aside.slice_key))
    assert item is not None
    messages.put(item | {"pk": "SUSPENDED#acme#x"})
    messages.delete(aside.line.work_key(aside.slice_key))
    before = everything(messages)
    result = submit(entry("held"), entry("done", priority="low"), entry("aside", batch_code="x", priority="high"))
    assert len(result.accepted) == 3
    assert everything(messages) == before


def test_a_suspended_mail_is_replaced_where_it_lies(submit: Submit, mails: MailTable, messages: Table) -> None:
    submit(entry("a", batch_code="x"), entry("b", batch_code="x"))
    mail = mails.get("acme", "a")
    item = messages.get(mail.line.work_key(mail.slice_key))
    assert item is not None
    messages.put(item | {"pk": "SUSPENDED#acme#x"})
    messages.delete(mail.line.work_key(mail.slice_key))
    assert submit(entry("a", batch_code="x", text="Better")).accepted
    moved = messages.get(ItemKey("SUSPENDED#acme#x", mail.slice_key))
    assert moved is not None
    assert moved["entries"] == ["2#a", "1#b"]
    assert slices_in(messages) == []


def test_a_mail_whose_slice_is_missing_gets_a_new_one_with_its_new_content(
    submit: Submit, mails: MailTable, messages: Table
) -> None:
    submit(entry("a"))
    mail = mails.get("acme", "a")
    messages.delete(mail.line.work_key(mail.slice_key))
    submit(entry("a", text="Better"))
    assert slices_in(messages) == [[("a", 2)]]
    assert mails.get("acme", "a").slice_key != mail.slice_key


def test_a_slice_that_only_seemed_to_be_missing_is_not_written_twice(
    submit: Submit, mails: MailTable, messages: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker suspends the slice between the read and the repair."""
    submit(entry("a", batch_code="x"))
    mail = mails.get("acme", "a")
    item = messages.get(mail.line.work_key(mail.slice_key))
    assert item is not None
    messages.delete(mail.line.work_key(mail.slice_key))
    transact = Table.transact

    def suspended_meanwhile(self: Table, writes: Sequence[Write]) -> None:
        messages.put(item | {"pk": "SUSPENDED#acme#x"})
        transact(self, writes)

    monkeypatch.setattr(Table, "transact", suspended_meanwhile)
    submit(entry("a", batch_code="x"))
    assert slices_in(messages) == []


def everything(messages: Table) -> dict[str, list[dict[str, object]]]:
    partitions = ["LINE#medium#acme#main", "LINE#low#acme#main", "LINE#high#acme#main", "SUSPENDED#acme#x"]
    return {
        each: [dict(item) for item in messages.query_all(Key("pk").eq(each)) if item["sk"] != "HEAD"]
        for each in partitions
    }
