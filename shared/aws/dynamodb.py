"""One DynamoDB table as the project uses it: single items, queries, batches and transactions over keys `pk` and `sk`.

Reads are strongly consistent unless they go to an index, which DynamoDB only offers eventually consistent.
Handled here: 25 writes and 100 reads a batch call, unprocessed remainders. Left to callers: 100 actions a transaction.
"""

import random
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict

from shared.aws.attributes import Attributes, Item, from_attributes, to_attributes
from shared.aws.conditions import Attr, Condition, Key
from shared.aws.expressions import Expression
from shared.aws.service import Refused, Service
from shared.aws.writes import Check, Delete, ItemKey, Put, Update, Write
from shared.errors import ConditionFailed, StorageUnavailable, TransactionRefused

__all__ = ["Attr", "Check", "Condition", "Delete", "ItemKey", "Key", "Page", "Put", "Table", "Update", "Write"]

_READS_A_BATCH = 100
_WRITES_A_BATCH = 25
_TRIES = 6
_FIRST_PAUSE_SECONDS = 0.05
_PASSING = ("TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded")


class _OneRead(TypedDict):
    Item: NotRequired[Attributes]


class _OneWritten(TypedDict):
    Attributes: NotRequired[Attributes]


class _Queried(TypedDict):
    Items: list[Attributes]
    LastEvaluatedKey: NotRequired[Attributes]


class _ManyRead(TypedDict):
    Responses: dict[str, list[Attributes]]
    UnprocessedKeys: NotRequired[dict[str, object]]


class _ManyWritten(TypedDict):
    UnprocessedItems: NotRequired[dict[str, object]]


class _Done(TypedDict):
    """Nothing that is of use."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a query; `resume` is the key to go on after, None on the last page."""

    items: list[Item]
    resume: Item | None


class Table:
    """Raises StorageUnavailable from every method when DynamoDB throttles or cannot be reached."""

    def __init__(self, service: Service, name: str) -> None:
        self._service = service
        self.name = name

    # -- one item ---------------------------------------------------------------------------------------------------

    def get(self, key: ItemKey) -> Item | None:
        request = {"TableName": self.name, "Key": to_attributes(key.item), "ConsistentRead": True}
        answer = self._service.call("GetItem", request, _OneRead)
        return from_attributes(answer["Item"]) if "Item" in answer else None

    def put(self, item: Item, condition: Condition | None = None) -> None:
        """Raises ConditionFailed with the item that stands there instead."""
        self._conditionally("PutItem", {"Item": to_attributes(item)}, Expression(), condition)

    def update(self, change: Update) -> Item:
        """The item as it is afterwards. Raises ConditionFailed with the item as it stands."""
        expression = Expression()
        request: dict[str, object] = {
            "Key": to_attributes(change.key.item),
            "UpdateExpression": expression.update(change),
            "ReturnValues": "ALL_NEW",
        }
        return self._conditionally("UpdateItem", request, expression, change.condition)

    def delete(self, key: ItemKey, condition: Condition | None = None) -> None:
        self._conditionally("DeleteItem", {"Key": to_attributes(key.item)}, Expression(), condition)

    def _conditionally(
        self, operation: str, request: dict[str, object], expression: Expression, condition: Condition | None
    ) -> Item:
        request["TableName"] = self.name
        if condition is not None:
            request["ConditionExpression"] = expression.condition(condition)
            request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        expression.name_in(request)
        try:
            answer = self._service.call(operation, request, _OneWritten)
        except Refused as error:
            if error.reason == "ConditionalCheckFailedException":
                raise _condition_failed(error.answer) from error
            raise
        return from_attributes(answer.get("Attributes", {}))

    # -- many items -------------------------------------------------------------------------------------------------

    def query(
        self,
        condition: Condition,
        *,
        index: str | None = None,
        limit: int | None = None,
        forward: bool = True,
        resume: Item | None = None,
    ) -> Page:
        """One page (at most 1 MB, at most `limit` items) of the items whose keys fit `condition`, in key order."""
        expression = Expression()
        request: dict[str, object] = {
            "TableName": self.name,
            "KeyConditionExpression": expression.key_condition(condition),
            "ScanIndexForward": forward,
            "ConsistentRead": index is None,
        }
        expression.name_in(request)
        if index is not None:
            request["IndexName"] = index
        if limit is not None:
            request["Limit"] = limit
        if resume is not None:
            request["ExclusiveStartKey"] = to_attributes(resume)
        answer = self._service.call("Query", request, _Queried)
        last = answer.get("LastEvaluatedKey")
        return Page(
            items=[from_attributes(each) for each in answer["Items"]],
            resume=from_attributes(last) if last else None,
        )

    def query_all(self, condition: Condition, *, index: str | None = None) -> Iterator[Item]:
        """Every item that fits, page after page. For partitions known to be small."""
        resume: Item | None = None
        while True:
            page = self.query(condition, index=index, resume=resume)
            yield from page.items
            if page.resume is None:
                return
            resume = page.resume

    def batch_get(self, keys: Iterable[ItemKey]) -> dict[ItemKey, Item]:
        """The items that exist among `keys`, strongly consistent."""
        wanted = [to_attributes(key.item) for key in dict.fromkeys(keys)]
        found: dict[ItemKey, Item] = {}
        for start in range(0, len(wanted), _READS_A_BATCH):
            for raw in self._batch_get(wanted[start : start + _READS_A_BATCH]):
                item = from_attributes(raw)
                found[ItemKey.of(item)] = item
        return found

    def _batch_get(self, keys: Sequence[Attributes]) -> Iterator[Attributes]:
        pending: Mapping[str, object] | None = {self.name: {"Keys": keys, "ConsistentRead": True}}
        for attempt in range(_TRIES):
            answer = self._service.call("BatchGetItem", {"RequestItems": pending}, _ManyRead)
            yield from answer["Responses"].get(self.name, [])
            pending = answer.get("UnprocessedKeys")
            if not pending:
                return
            _pause(attempt)
        raise StorageUnavailable("DynamoDB BatchGetItem: keys left unprocessed: throttled")

    def batch_write(self, puts: Iterable[Item] = (), deletes: Iterable[ItemKey] = ()) -> None:
        """Unconditional writes, in no particular order, not atomic: some may be done when this raises."""
        writes: list[object] = [{"PutRequest": {"Item": to_attributes(item)}} for item in puts]
        writes += [{"DeleteRequest": {"Key": to_attributes(key.item)}} for key in deletes]
        for start in range(0, len(writes), _WRITES_A_BATCH):
            self._batch_write(writes[start : start + _WRITES_A_BATCH])

    def _batch_write(self, writes: Sequence[object]) -> None:
        pending: Mapping[str, object] | None = {self.name: writes}
        for attempt in range(_TRIES):
            answer = self._service.call("BatchWriteItem", {"RequestItems": pending}, _ManyWritten)
            pending = answer.get("UnprocessedItems")
            if not pending:
                return
            _pause(attempt)
        raise StorageUnavailable("DynamoDB BatchWriteItem: writes left unprocessed: throttled")

    def check(self, key: ItemKey, condition: Condition) -> Check:
        """A condition on an item of this table, for a transaction of another."""
        return Check(key, condition, table=self.name)

    def transact(self, writes: Sequence[Write]) -> None:
        """All or nothing, at most 100 writes to as many items. Raises TransactionRefused naming those not met.

        Waits out other transactions over the same items, for about three seconds.
        """
        items = [self._transact_item(write) for write in writes]
        for attempt in range(_TRIES):
            try:
                # The token makes a transaction whose answer was lost one and the same when the call is repeated.
                request = {"TransactItems": items, "ClientRequestToken": str(uuid.uuid4())}
                self._service.call("TransactWriteItems", request, _Done)
                return
            except Refused as error:
                _raise_unless_it_may_pass(error)
            _pause(attempt)
        raise StorageUnavailable("DynamoDB TransactWriteItems: throttled, or the items are in other transactions")

    def _transact_item(self, write: Write) -> dict[str, object]:
        expression = Expression()
        elsewhere = write.table if isinstance(write, Check) else None
        body: dict[str, object] = {"TableName": elsewhere or self.name}
        if isinstance(write, Put):
            body["Item"] = to_attributes(write.item)
        else:
            body["Key"] = to_attributes(write.key.item)
        if isinstance(write, Update):
            body["UpdateExpression"] = expression.update(write)
        if write.condition is not None:
            body["ConditionExpression"] = expression.condition(write.condition)
        expression.name_in(body)
        name = "ConditionCheck" if isinstance(write, Check) else type(write).__name__
        return {name: body}


def _pause(attempt: int) -> None:
    # With jitter: those who met each other would meet again.
    time.sleep(_FIRST_PAUSE_SECONDS * 2**attempt * random.uniform(0.5, 1))  # noqa: S311 - no secret


def _condition_failed(answer: Mapping[str, Attributes]) -> ConditionFailed:
    stands = answer.get("Item")
    return ConditionFailed("the item is in another state", item=from_attributes(stands) if stands else None)


def _raise_unless_it_may_pass(error: Refused) -> None:
    """After a transaction that was not made: does nothing when only other transactions, or throttling, were met."""
    if error.reason != "TransactionCanceledException":
        raise error
    reasons = [str(each.get("Code", "None")) for each in error.answer.get("CancellationReasons", [])]
    failed = [position for position, code in enumerate(reasons) if code == "ConditionalCheckFailed"]
    if failed:
        raise TransactionRefused("some items are in another state", failed=failed) from error
    if not set(reasons) <= {"None", *_PASSING}:
        raise error
