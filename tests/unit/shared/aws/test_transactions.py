"""Transactions: over two tables, and those that meet others."""

from typing import Any

import pytest

from shared.aws.dynamodb import Attr, ItemKey, Put, Table
from shared.aws.service import Refused, Service
from shared.errors import StorageError, StorageUnavailable, TransactionRefused

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


class Cancelling(Service):
    """DynamoDB whose transactions are cancelled for these reasons, one call after the other, and then made."""

    def __init__(self, *reasons: list[str]) -> None:
        self._reasons = list(reasons)
        self.calls = 0
        self.tokens: list[str] = []

    def call(self, operation: str, request: Any, shape: Any) -> Any:
        self.calls += 1
        self.tokens.append(request["ClientRequestToken"])
        if self._reasons:
            answer = {"CancellationReasons": [{"Code": code} for code in self._reasons.pop(0)]}
            raise Refused(operation, reason="TransactionCanceledException", answer=answer)
        return {}


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr("time.sleep", found.append)
    return found


def table(service: Cancelling) -> Table:
    return Table(service, "messages")


def test_one_whose_answer_is_lost_can_be_told_from_another_by_its_token() -> None:
    """The service repeats a call as it was; DynamoDB makes a transaction of the same token once
    (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html)."""
    service = Cancelling()
    for _ in range(2):
        table(service).transact([WRITE])
    assert len(set(service.tokens)) == 2
    assert all(1 <= len(token) <= 36 for token in service.tokens)


def test_one_that_meets_another_is_made_after_it(pauses: list[float]) -> None:
    service = Cancelling(["None", "TransactionConflict"], ["ThrottlingError", "None"])
    table(service).transact([WRITE])
    assert service.calls == 3
    assert len(pauses) == 2
    assert 0 < pauses[0] < pauses[1] + 0.05


def test_one_that_meets_others_for_too_long_may_be_tried_again_later(pauses: list[float]) -> None:
    with pytest.raises(StorageUnavailable):
        table(Cancelling(*[["TransactionConflict"]] * 6)).transact([WRITE])
    assert 1.5 <= sum(pauses) <= 3.2


def test_a_condition_that_is_not_met_is_final(pauses: list[float]) -> None:
    service = Cancelling(["TransactionConflict", "ConditionalCheckFailed"])
    with pytest.raises(TransactionRefused) as refused:
        table(service).transact([WRITE])
    assert (refused.value.failed, service.calls) == ((1,), 1)


def test_so_is_a_mistake_of_ours(pauses: list[float]) -> None:
    service = Cancelling(["ValidationError", "None"])
    with pytest.raises(StorageError):
        table(service).transact([WRITE])
    assert service.calls == 1
