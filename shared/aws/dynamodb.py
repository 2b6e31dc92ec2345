"""One DynamoDB table as the project uses it: single items, queries, batches and transactions over keys `pk` and `sk`.

Reads are strongly consistent unless they go to an index, which DynamoDB only offers eventually consistent.
Handled here: 25 writes and 100 reads a batch call, unprocessed remainders. Left to callers: 100 actions a transaction.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from boto3.dynamodb.conditions import Attr, ConditionBase, ConditionExpressionBuilder, Key
from botocore.exceptions import ClientError

from shared.aws.attributes import Item, Value, from_attributes, to_attribute, to_attributes
from shared.aws.translation import error_code, translated
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

type Condition = ConditionBase

_READS_A_BATCH = 100
_WRITES_A_BATCH = 25
_BATCH_TRIES = 6
_FIRST_PAUSE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class ItemKey:
    """Partition and sort key."""

    pk: str
    sk: str

    @property
    def item(self) -> Item:
        return {"pk": self.pk, "sk": self.sk}

    @classmethod
    def of(cls, item: Item) -> "ItemKey":
        return cls(pk=str(item["pk"]), sk=str(item["sk"]))


@dataclass(frozen=True, slots=True)
class Put:
    """Writes one item whole."""

    item: Item
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """Sets, removes and adds to attributes of one item, which comes into being if it was absent."""

    key: ItemKey
    set: Item = field(default_factory=dict)
    remove: Sequence[str] = ()
    add: dict[str, int] = field(default_factory=dict)
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Removes one item; removing an absent one is no error."""

    key: ItemKey
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """Only in transactions: holds the others to a condition on this item."""

    key: ItemKey
    condition: Condition


type Write = Put | Update | Delete | Check


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a query; `resume` is the key to go on after, None on the last page."""

    items: list[Item]
    resume: Item | None


@dataclass(slots=True)
class _Expression:
    """Collects one call's expressions with the names and values they refer to."""

    names: dict[str, str] = field(default_factory=dict)
    values: "dict[str, UniversalAttributeValueTypeDef]" = field(default_factory=dict)

    def condition(self, condition: Condition, *, is_key: bool = False) -> str:
        built = ConditionExpressionBuilder().build_expression(condition, is_key_condition=is_key)
        self.names.update(built.attribute_name_placeholders)
        self.values.update({k: to_attribute(v) for k, v in built.attribute_value_placeholders.items()})
        return built.condition_expression

    def update(self, change: Update) -> str:
        sets = [f"{self._name(name)} = {self._value(value)}" for name, value in change.set.items()]
        adds = [f"{self._name(name)} {self._value(value)}" for name, value in change.add.items()]
        removes = [self._name(name) for name in change.remove]
        clauses = (("SET", sets), ("ADD", adds), ("REMOVE", removes))
        return " ".join(f"{word} {', '.join(parts)}" for word, parts in clauses if parts)

    def name_in(self, request: dict[str, object]) -> None:
        """Adds names and values to the request; DynamoDB refuses empty ones."""
        if self.names:
            request["ExpressionAttributeNames"] = self.names
        if self.values:
            request["ExpressionAttributeValues"] = self.values

    def _name(self, name: str) -> str:
        placeholder = f"#u{len(self.names)}"
        self.names[placeholder] = name
        return placeholder

    def _value(self, value: Value) -> str:
        placeholder = f":u{len(self.values)}"
        self.values[placeholder] = to_attribute(value)
        return placeholder


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
        expression = _Expression()
        request: dict[str, object] = {"Item": to_attributes(item)}
        self._conditionally("PutItem", request, expression, condition)

    def update(self, change: Update) -> Item:
        """The item as it is afterwards. Raises ConditionFailed with the item as it stands."""
        expression = _Expression()
        request: dict[str, object] = {
            "Key": to_attributes(change.key.item),
            "UpdateExpression": expression.update(change),
            "ReturnValues": "ALL_NEW",
        }
        return self._conditionally("UpdateItem", request, expression, change.condition)

    def delete(self, key: ItemKey, condition: Condition | None = None) -> None:
        request: dict[str, object] = {"Key": to_attributes(key.item)}
        self._conditionally("DeleteItem", request, _Expression(), condition)

    def _conditionally(
        self, operation: str, request: dict[str, object], expression: _Expression, condition: Condition | None
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
        expression = _Expression()
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
        for attempt in range(_BATCH_TRIES):
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
        for attempt in range(_BATCH_TRIES):
            with translated("DynamoDB", "BatchWriteItem"):
                answer = self._client.batch_write_item(RequestItems=pending)  # type: ignore[arg-type]
            pending = answer.get("UnprocessedItems")
            if not pending:
                return
            _pause(attempt)
        raise StorageUnavailable("DynamoDB BatchWriteItem: writes left unprocessed: throttled")

    def transact(self, writes: Sequence[Write]) -> None:
        """All or nothing, at most 100 writes to as many items. Raises TransactionRefused naming those not met."""
        items = [self._transact_item(write) for write in writes]
        try:
            with translated("DynamoDB", "TransactWriteItems"):
                self._client.transact_write_items(TransactItems=items)
        except StorageError as error:
            _raise_if_transaction_refused(error)
            raise

    def _transact_item(self, write: Write) -> "TransactWriteItemTypeDef":
        expression = _Expression()
        body: dict[str, object] = {"TableName": self.name}
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
    time.sleep(_FIRST_PAUSE_SECONDS * 2**attempt)


def _raise_if_condition_failed(error: StorageError) -> None:
    cause = error.__cause__
    if isinstance(cause, ClientError) and error_code(cause) == "ConditionalCheckFailedException":
        stands = cause.response.get("Item")
        item = from_attributes(stands) if stands else None  # type: ignore[arg-type]
        raise ConditionFailed("the item is in another state", item=item) from cause


def _raise_if_transaction_refused(error: StorageError) -> None:
    cause = error.__cause__
    if not isinstance(cause, ClientError) or error_code(cause) != "TransactionCanceledException":
        return
    reasons = [str(each.get("Code", "None")) for each in cause.response.get("CancellationReasons", [])]
    failed = [position for position, code in enumerate(reasons) if code == "ConditionalCheckFailed"]
    if failed:
        raise TransactionRefused("some items are in another state", failed=failed) from cause
    # Only conflicts with other transactions, or throttling, are left: nothing was decided against us.
    raise StorageUnavailable(f"DynamoDB TransactWriteItems: {', '.join(reasons)}") from cause
