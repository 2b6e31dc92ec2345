"""Slices of suspended batches: out of their lines and back, one transaction each."""

from collections.abc import Sequence

import pytest

from shared.aws.dynamodb import Key, Table, Write
from shared.clock import MINUTE, SECOND
from shared.identifiers import due_key
from shared.lines.line import LineKind, account_line
from shared.lines.lines import Lines
from shared.messages.set_aside import SuspendedSlices
from shared.messages.slices import Entry, Slice, SliceTable
from shared.tenants.model import Tenant
from shared.tenants.table import tenant_key
from tests.unit.clock import NOON, SettableClock

LINE = account_line(LineKind.MEDIUM, "acme", "main")
ALWAYS = NOON + 1_000 * MINUTE


@pytest.fixture
def aside(registry: Table, messages: Table, lines: Lines, clock: SettableClock) -> SuspendedSlices:
    return SuspendedSlices(registry=registry, messages=messages, lines=lines, clock=clock)


def flag(registry: Table, *batches: str, tenant_id: str = "acme") -> None:
    item = {"id": tenant_id, "created_at": NOON, "updated_at": NOON, "suspended_batches": list(batches)}
    registry.put(tenant_key(tenant_id).item | item)  # type: ignore[arg-type]


def added(slices: SliceTable, number: int = 0) -> Slice:
    key = due_key(NOON + number, f"{number:026d}")
    new = Slice(LINE, key, (Entry(f"m{number}", 1),), batch_code="x")
    slices.put(new)
    return new


def keys(messages: Table, partition: str) -> list[str]:
    return [str(item["sk"]) for item in messages.query_all(Key("pk").eq(partition)) if item["sk"] != "HEAD"]


def test_a_slice_moves_under_its_own_key_and_back(
    aside: SuspendedSlices, registry: Table, messages: Table, slices: SliceTable
) -> None:
    flag(registry, "x")
    found = added(slices)
    assert aside.set_aside(found)
    assert keys(messages, LINE.partition) == []
    assert keys(messages, "SUSPENDED#acme#x") == [found.sort_key]
    flag(registry)
    assert aside.bring_back("acme", "x", deadline=ALWAYS)
    assert keys(messages, "SUSPENDED#acme#x") == []
    assert slices.first(LINE) == found
    head = messages.get(LINE.head_key)
    assert head is not None
    assert (head["wake_at"], head["woken_at"]) == (NOON + MINUTE, NOON)


def test_it_does_not_move_unless_its_batch_is_suspended(
    aside: SuspendedSlices, registry: Table, slices: SliceTable
) -> None:
    found = added(slices)
    for batches in ([], ["xx"], ["y"]):
        flag(registry, *batches)
        assert not aside.set_aside(found)
    flag(registry, "x", tenant_id="other")
    assert not aside.set_aside(found)
    assert slices.first(LINE) == found


def test_it_does_not_move_once_it_is_claimed_or_changed(
    aside: SuspendedSlices, registry: Table, messages: Table, slices: SliceTable
) -> None:
    flag(registry, "x")
    found = added(slices)
    slices.put(Slice(LINE, found.sort_key, (Entry("m0", 2),), batch_code="x"))
    assert not aside.set_aside(found)
    changed = slices.first(LINE)
    assert changed is not None
    slices.claim(changed, worker="w", until=NOON + MINUTE, now=NOON)
    assert not aside.set_aside(changed)
    assert keys(messages, "SUSPENDED#acme#x") == []


def test_many_come_back_in_several_transactions(
    aside: SuspendedSlices, registry: Table, messages: Table, slices: SliceTable
) -> None:
    flag(registry, "x")
    moved = [added(slices, number) for number in range(45)]
    assert all(aside.set_aside(each) for each in moved)
    flag(registry)
    assert aside.bring_back("acme", "x", deadline=ALWAYS)
    assert keys(messages, LINE.partition) == [each.sort_key for each in moved]


def test_time_that_is_up_leaves_the_rest(
    aside: SuspendedSlices,
    registry: Table,
    messages: Table,
    slices: SliceTable,
    clock: SettableClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flag(registry, "x")
    for number in range(25):
        aside.set_aside(added(slices, number))
    flag(registry)
    transact = Table.transact

    def slow(self: Table, writes: Sequence[Write]) -> None:
        clock.advance(SECOND)
        transact(self, writes)

    monkeypatch.setattr(Table, "transact", slow)
    assert not aside.bring_back("acme", "x", deadline=NOON + SECOND)
    assert (len(keys(messages, LINE.partition)), len(keys(messages, "SUSPENDED#acme#x"))) == (20, 5)
    assert aside.bring_back("acme", "x", deadline=clock.now + MINUTE)
    assert len(keys(messages, LINE.partition)) == 25


def test_a_batch_that_is_suspended_again_stays(
    aside: SuspendedSlices, registry: Table, messages: Table, slices: SliceTable
) -> None:
    flag(registry, "x")
    aside.set_aside(added(slices))
    assert aside.bring_back("acme", "x", deadline=ALWAYS)
    assert len(keys(messages, "SUSPENDED#acme#x")) == 1


def test_a_slice_that_the_api_changes_meanwhile_holds_up_no_other_and_comes_back_changed(
    aside: SuspendedSlices,
    registry: Table,
    messages: Table,
    slices: SliceTable,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flag(registry, "x")
    moved = [added(slices, number) for number in range(3)]
    assert all(aside.set_aside(each) for each in moved)
    flag(registry)
    transact, first = Table.transact, True

    def changed_meanwhile(self: Table, writes: Sequence[Write]) -> None:
        nonlocal first
        if first:
            first = False
            item = messages.query(Key("pk").eq("SUSPENDED#acme#x"), limit=1).items[0]
            messages.put(item | {"entries": ["2#m0"]})
        transact(self, writes)

    monkeypatch.setattr(Table, "transact", changed_meanwhile)
    assert aside.bring_back("acme", "x", deadline=ALWAYS)
    back = slices.first(LINE)
    assert back is not None
    assert back.entries == (Entry("m0", 2),)
    assert len(keys(messages, LINE.partition)) == 3


def test_an_account_whose_mail_is_set_aside_is_known(
    aside: SuspendedSlices, registry: Table, slices: SliceTable, tenant: Tenant
) -> None:
    flag(registry, "x")
    aside.set_aside(added(slices))
    suspended = tenant.model_copy(update={"suspended_batches": ["x", "y"]})
    assert aside.holds(suspended, "main")
    assert not aside.holds(suspended, "second")
    assert not aside.holds(tenant, "main")
