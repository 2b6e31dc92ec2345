"""Transactions: over two tables, and those that meet others."""

from typing import TYPE_CHECKING, cast

import pytest
from botocore.exceptions import ClientError

from shared.aws.dynamodb import Attr, ItemKey, Put, Table
from shared.errors import StorageError, StorageUnavailable, TransactionRefused

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

FLAG = ItemKey("TENANT#acme", "TENANT")
WRITE = Put({"pk": "a", "sk": "b"})


def test_a_condition_may_be_on_an_item_of_another_table(registry: Table, messages: Table) -> None:
    listed = Attr("batches").contains("x")
    for check, batches in ((listed, ["y"]), (~listed, ["x", "y"])):
        registry.put(FLAG.item | {"batches": list(batches)})
        with pytest.raises(TransactionRefused) as refused:
            messages.transact([registry.check(FLAG, check), WRITE])
        assert refused.value.failed == (0,)
        assert messages.get(ItemKey("a", "b")) is None
    messages.transact([registry.check(FLAG, listed), WRITE])
    assert messages.get(ItemKey("a", "b"))
    assert registry.get(ItemKey("a", "b")) is None


def test_what_is_absent_holds_nothing(registry: Table, messages: Table) -> None:
    messages.transact([registry.check(FLAG, ~Attr("batches").contains("x")), WRITE])
    with pytest.raises(TransactionRefused):
        messages.transact([registry.check(FLAG, Attr("batches").contains("x")), WRITE])


class Cancelling:
    """A client whose transactions are cancelled for these reasons, one call after the other, and then made."""

    def __init__(self, *reasons: list[str]) -> None:
        self._reasons = list(reasons)
        self.calls = 0

    def transact_write_items(self, **request: object) -> None:
        self.calls += 1
        if self._reasons:
            codes = [{"Code": code} for code in self._reasons.pop(0)]
            answer = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": codes}
            raise ClientError(cast("object", answer), "TransactWriteItems")  # type: ignore[arg-type]


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr("time.sleep", found.append)
    return found


def table(client: Cancelling) -> Table:
    return Table(cast("DynamoDBClient", client), "messages")


def test_one_that_meets_another_is_made_after_it(pauses: list[float]) -> None:
    client = Cancelling(["None", "TransactionConflict"], ["ThrottlingError", "None"])
    table(client).transact([WRITE])
    assert client.calls == 3
    assert len(pauses) == 2
    assert 0 < pauses[0] < pauses[1] + 0.05


def test_one_that_meets_others_for_too_long_may_be_tried_again_later(pauses: list[float]) -> None:
    with pytest.raises(StorageUnavailable):
        table(Cancelling(*[["TransactionConflict"]] * 6)).transact([WRITE])
    assert 1.5 <= sum(pauses) <= 3.2


def test_a_condition_that_is_not_met_is_final(pauses: list[float]) -> None:
    client = Cancelling(["TransactionConflict", "ConditionalCheckFailed"])
    with pytest.raises(TransactionRefused) as refused:
        table(client).transact([WRITE])
    assert (refused.value.failed, client.calls) == ((1,), 1)


def test_so_is_a_mistake_of_ours(pauses: list[float]) -> None:
    client = Cancelling(["ValidationError", "None"])
    with pytest.raises(StorageError):
        table(client).transact([WRITE])
    assert client.calls == 1
