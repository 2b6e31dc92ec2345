"""One DynamoDB table as the project uses it: single items, queries, batches and transactions over keys `pk` and `sk`.

Reads are strongly consistent unless they go to an index, which DynamoDB only offers eventually consistent.
Handled here: 25 writes and 100 reads a batch call, unprocessed remainders. Left to callers: 100 actions a transaction.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError

from shared.aws.attributes import Item, from_attributes, to_attributes
from shared.aws.translation import error_code, translated
from shared.aws.writes import Check, Condition, Delete, Expression, ItemKey, Put, Update, Write
from shared.errors import ConditionFailed, StorageError, StorageUnavailable, TransactionRefused

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import (
        AttributeValueTypeDef,
        DeleteItemOutputTypeDef,
        PutItemOutputTypeDef,
        TransactWriteItemTypeDef,
        UniversalAttributeValueTypeDef,
        UpdateItemOutputTypeDef,
        WriteRequestTypeDef,
    )

    type SingleWriteOutput = PutItemOutputTypeDef | UpdateItemOutputTypeDef | DeleteItemOutputTypeDef

__all__ = ["Attr", "Check", "Condition", "Delete", "ItemKey", "Key", "Page", "Put", "Table", "Update", "Write"]

_READS_A_BATCH = 100
_WRITES_A_BATCH = 25
_TRIES = 6
_FIRST_PAUSE_SECONDS = 0.05
_PASSING = ("TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded")


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a query; `resume` is the key to go on after, None on the last page."""

    items: list[Item]
    resume: Item | None


class Table:
    """Raises StorageUnavailable from every method when DynamoDB throttles or cannot be reached."""

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self._client = client
        self.name = name

    # -- one item ---------------------------------------------------------------------------------------------------

    def get(self, key: ItemKey) -> Item | None:
        with translated("DynamoDB", "GetItem"):
            answer = self._client.get_item(TableName=self.name, Key=to_attributes(key.item), ConsistentRead=True)
        return from_attributes(answer["Item"]) if "Item" in answer else None

    def put(self, item: Item, condition: Condition | None = None) -> None:
        """Raises ConditionFailed with the item that stands there instead."""
        expression = Expression()
        request: dict[str, object] = {"Item": to_attributes(item)}
        self._conditionally("PutItem", request, expression, condition)

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
        request: dict[str, object] = {"Key": to_attributes(key.item)}
        self._conditionally("DeleteItem", request, Expression(), condition)

    def _conditionally(
        self, operation: str, request: dict[str, object], expression: Expression, condition: Condition | None
    ) -> Item:
        request["TableName"] = self.name
        if condition is not None:
            request["ConditionExpression"] = expression.condition(condition)
            request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        expression.name_in(request)
        calls: dict[str, Callable[..., SingleWriteOutput]] = {
            "PutItem": self._client.put_item,
            "UpdateItem": self._client.update_item,
            "DeleteItem": self._client.delete_item,
        }
        try:
            with translated("DynamoDB", operation):
                answer = calls[operation](**request)
        except StorageError as error:
            _raise_if_condition_failed(error)
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
            "KeyConditionExpression": expression.condition(condition, is_key=True),
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
        with translated("DynamoDB", "Query"):
            answer = self._client.query(**request)  # type: ignore[arg-type]
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

    def _batch_get(
        self, keys: "Sequence[dict[str, UniversalAttributeValueTypeDef]]"
    ) -> "Iterator[dict[str, AttributeValueTypeDef]]":
        pending: object = {self.name: {"Keys": keys, "ConsistentRead": True}}
        for attempt in range(_TRIES):
            with translated("DynamoDB", "BatchGetItem"):
                answer = self._client.batch_get_item(RequestItems=pending)  # type: ignore[arg-type]
            yield from answer["Responses"].get(self.name, [])
            pending = answer.get("UnprocessedKeys")
            if not pending:
                return
            _pause(attempt)
        raise StorageUnavailable("DynamoDB BatchGetItem: keys left unprocessed: throttled")

    def batch_write(self, puts: Iterable[Item] = (), deletes: Iterable[ItemKey] = ()) -> None:
        """Unconditional writes, in no particular order, not atomic: some may be done when this raises."""
        writes: list[WriteRequestTypeDef] = [{"PutRequest": {"Item": to_attributes(item)}} for item in puts]
        writes += [{"DeleteRequest": {"Key": to_attributes(key.item)}} for key in deletes]
        for start in range(0, len(writes), _WRITES_A_BATCH):
            self._batch_write(writes[start : start + _WRITES_A_BATCH])

    def _batch_write(self, writes: "Sequence[WriteRequestTypeDef]") -> None:
        pending: object = {self.name: writes}
        for attempt in range(_TRIES):
            with translated("DynamoDB", "BatchWriteItem"):
                answer = self._client.batch_write_item(RequestItems=pending)  # type: ignore[arg-type]
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
                with translated("DynamoDB", "TransactWriteItems"):
                    self._client.transact_write_items(TransactItems=items)
                return
            except StorageError as error:
                _raise_unless_it_may_pass(error)
            _pause(attempt)
        raise StorageUnavailable("DynamoDB TransactWriteItems: throttled, or the items are in other transactions")

    def _transact_item(self, write: Write) -> "TransactWriteItemTypeDef":
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
        return {name: body}  # type: ignore[misc]


def _pause(attempt: int) -> None:
    # With jitter: those who met each other would meet again.
    time.sleep(_FIRST_PAUSE_SECONDS * 2**attempt * random.uniform(0.5, 1))  # noqa: S311 - no secret


def _raise_if_condition_failed(error: StorageError) -> None:
    cause = error.__cause__
    if isinstance(cause, ClientError) and error_code(cause) == "ConditionalCheckFailedException":
        stands = cause.response.get("Item")
        item = from_attributes(stands) if stands else None  # type: ignore[arg-type]
        raise ConditionFailed("the item is in another state", item=item) from cause


def _raise_unless_it_may_pass(error: StorageError) -> None:
    """After a transaction that was not made: does nothing when only other transactions, or throttling, were met."""
    cause = error.__cause__
    if not isinstance(cause, ClientError) or error_code(cause) != "TransactionCanceledException":
        raise error
    reasons = [str(each.get("Code", "None")) for each in cause.response.get("CancellationReasons", [])]
    failed = [position for position, code in enumerate(reasons) if code == "ConditionalCheckFailed"]
    if failed:
        raise TransactionRefused("some items are in another state", failed=failed) from cause
    if not set(reasons) <= {"None", *_PASSING}:
        raise error
