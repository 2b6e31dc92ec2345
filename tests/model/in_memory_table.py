"""A DynamoDB table in memory, with the interface of `shared.aws.dynamodb.Table`. `test_fakes.py` holds it to moto's.

Each method is one step, but batches, which DynamoDB does not make atomic: each of their items is one.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.aws.attributes import Item, Value, to_attributes
from shared.aws.conditions import (
    BeginsWith,
    Between,
    Both,
    Compared,
    Contains,
    Either,
    Exists,
    Not,
)
from shared.aws.dynamodb import Check, Condition, Delete, ItemKey, Page, Put, Table, Update, Write
from shared.errors import ConditionFailed, StorageError, TransactionRefused

type _Indexed = dict[tuple[str, str], dict[ItemKey, Item]]  # by index and partition

_KEYS = ("pk", "sk")
_MAX_ACTIONS = 100


class Calls(Protocol):
    """How a call to the service comes about."""

    def __call__[T](self, name: str, effect: Callable[[], T], /, *, repeats_safely: bool = False) -> T: ...


def at_once[T](_name: str, effect: Callable[[], T], *, repeats_safely: bool = False) -> T:
    """Without ado."""
    return effect()


@dataclass(frozen=True, slots=True)
class Index:
    """A sparse index. `includes`: the attributes it holds beside all keys; None for all there are."""

    hash_key: str
    range_key: str
    includes: frozenset[str] | None = frozenset()


REGISTRY_INDEXES = {
    "due": Index("due_shard", "wake_at", frozenset({"kind", "owner", "blocked_until"})),
    "by_kind": Index("by_kind_pk", "by_kind_sk", None),
}
MESSAGES_INDEXES = {
    "due": Index("due_shard", "wake_at", frozenset({"kind", "owner", "blocked_until"})),
    "by_tenant": Index("by_tenant_pk", "by_tenant_sk"),
    "by_batch": Index("by_batch_pk", "by_batch_sk"),
}


class InMemoryTable(Table):
    """`written` is called with each item written, whole, and with the key alone of one deleted; `shown` with the key of
    an item that a refused write was answered with.
    """

    def __init__(
        self,
        name: str,
        indexes: Mapping[str, Index],
        calls: Calls = at_once,
        written: Callable[[ItemKey, Item | None], None] = lambda _key, _item: None,
    ) -> None:
        self.name = name
        self._indexes = indexes
        self._calls = calls
        self._written = written
        self.shown: Callable[[ItemKey], None] = lambda _key: None
        self._items: dict[str, dict[str, Item]] = {}
        self.others: dict[str, InMemoryTable] = {}  # that transactions may check, by name
        self._indexed: _Indexed = {}
        self._seen = self._indexed

    def freeze_indexes(self) -> None:
        """Indexes are eventually consistent: from now on they show what is there now."""
        self._seen = {place: dict(items) for place, items in self._indexed.items()}

    def catch_up(self) -> None:
        self._seen = self._indexed

    def peek(self, pk: str) -> list[Item]:
        """For the test: a partition in order, without a call."""
        return [item for _, item in sorted(self._items.get(pk, {}).items())]

    def partitions(self, prefix: str) -> list[str]:
        """For the test: the partitions whose key begins with `prefix`."""
        return sorted(pk for pk, items in self._items.items() if pk.startswith(prefix) and items)

    # -- one item ---------------------------------------------------------------------------------------------------

    def get(self, key: ItemKey) -> Item | None:
        return self._calls("GetItem", lambda: _copy_of(self._find(key)))

    def put(self, item: Item, condition: Condition | None = None) -> None:
        self._calls("PutItem", lambda: self._write_alone(Put(item, condition)))

    def update(self, change: Update) -> Item:
        def updated() -> Item:
            self._write_alone(change)
            return dict(self._find(change.key) or {})

        return self._calls("UpdateItem", updated)

    def delete(self, key: ItemKey, condition: Condition | None = None) -> None:
        self._calls("DeleteItem", lambda: self._write_alone(Delete(key, condition)))

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
        def page() -> Page:
            keys, items = self._candidates(condition, index)
            found = [item for item in items if _holds(condition, item)]
            found.sort(key=lambda item: tuple(item[name] for name in keys), reverse=not forward)
            if resume is not None:
                places = [tuple(item[name] for name in keys) for item in found]
                after = tuple(resume[name] for name in keys)
                found = [
                    item
                    for place, item in zip(places, found, strict=True)
                    if (place > after if forward else place < after)
                ]
            shown = found if limit is None else found[:limit]
            last = {name: shown[-1][name] for name in keys} if limit is not None and len(shown) == limit else None
            return Page([self._projected(item, index) for item in shown], last)

        # An index shows the past anyhow: reading it is no step of its own.
        return page() if index is not None else self._calls("Query", page)

    def batch_get(self, keys: Iterable[ItemKey]) -> dict[ItemKey, Item]:
        found = {}
        for key in dict.fromkeys(keys):
            item = self._calls("BatchGetItem", lambda key=key: _copy_of(self._find(key)))  # type: ignore[misc]
            if item is not None:
                found[key] = item
        return found

    def batch_write(self, puts: Iterable[Item] = (), deletes: Iterable[ItemKey] = ()) -> None:
        for write in [*(Put(item) for item in puts), *(Delete(key) for key in deletes)]:
            self._calls("BatchWriteItem", lambda write=write: self._write_alone(write))  # type: ignore[misc]

    def transact(self, writes: Sequence[Write]) -> None:
        self._calls("TransactWriteItems", lambda: self._write_together(writes), repeats_safely=True)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _find(self, key: ItemKey) -> Item | None:
        return self._items.get(key.pk, {}).get(key.sk)

    def _candidates(self, condition: Condition, index: str | None) -> tuple[tuple[str, ...], list[Item]]:
        """The attributes that make the order, and the items of the partition that is asked for."""
        if index is None:
            return _KEYS, list(self._items.get(str(_required(condition, "pk")), {}).values())
        spec = self._indexes[index]
        wanted = str(_required(condition, spec.hash_key))
        return (spec.range_key, *_KEYS, spec.hash_key), list(self._seen.get((index, wanted), {}).values())

    def _projected(self, item: Item, index: str | None) -> Item:
        if index is None or (includes := self._indexes[index].includes) is None:
            return dict(item)
        spec = self._indexes[index]
        shown = {*_KEYS, spec.hash_key, spec.range_key} | includes
        return {name: value for name, value in item.items() if name in shown}

    def _write_alone(self, write: Write) -> None:
        key = _key_of(write)
        stands = self._find(key)
        if not _allows(write, stands):
            self.shown(key)
            raise ConditionFailed("the item is in another state", item=_copy_of(stands))
        self._apply(write)

    def _write_together(self, writes: Sequence[Write]) -> None:
        keys = [_key_of(write) for write in writes]
        items = {(self._of(write).name, key) for key, write in zip(keys, writes, strict=True)}
        if not 0 < len(keys) <= _MAX_ACTIONS or len(items) != len(keys):
            raise StorageError(f"TransactWriteItems: {len(keys)} actions on {len(items)} items")
        failed = [
            place
            for place, (key, write) in enumerate(zip(keys, writes, strict=True))
            if not _allows(write, self._of(write)._find(key))
        ]
        if failed:
            raise TransactionRefused("some items are in another state", failed=failed)
        for write in writes:
            self._apply(write)

    def _of(self, write: Write) -> "InMemoryTable":
        elsewhere = write.table if isinstance(write, Check) else None
        return self if elsewhere in (None, self.name) else self.others[elsewhere]

    def _apply(self, write: Write) -> None:
        """Stored items are never changed, only replaced: whoever has read one keeps it as it was."""
        key = _key_of(write)
        partition = self._items.setdefault(key.pk, {})
        before = partition.get(key.sk)
        match write:
            case Put():
                to_attributes(write.item)  # raises TypeError for what DynamoDB does not take
                partition[key.sk] = dict(write.item)
            case Update():
                partition[key.sk] = _updated(partition.get(key.sk), write)
            case Delete():
                partition.pop(key.sk, None)
            case Check():
                return
        after = partition.get(key.sk)
        for name, spec in self._indexes.items():
            if before is not None and spec.hash_key in before:
                self._indexed.get((name, str(before[spec.hash_key])), {}).pop(key, None)
            if after is not None and spec.hash_key in after and spec.range_key in after:
                self._indexed.setdefault((name, str(after[spec.hash_key])), {})[key] = after
        self._written(key, after)


def _key_of(write: Write) -> ItemKey:
    return ItemKey.of(write.item) if isinstance(write, Put) else write.key


def _copy_of(item: Item | None) -> Item | None:
    return dict(item) if item is not None else None


def _allows(write: Write, stands: Item | None) -> bool:
    return write.condition is None or _holds(write.condition, stands or {})


def _updated(stands: Item | None, change: Update) -> Item:
    named = [*change.set, *change.remove, *change.add]
    if len(set(named)) != len(named) or set(named) & set(_KEYS):
        raise StorageError(f"UpdateItem: overlapping or key attributes in {named}")
    to_attributes(change.set)
    item = (dict(stands) if stands is not None else change.key.item) | change.set
    for name in change.remove:
        item.pop(name, None)
    for name, amount in change.add.items():
        before = item.get(name, 0)
        if not isinstance(before, int) or isinstance(before, bool):
            raise StorageError(f"UpdateItem: ADD to {name}, which is no number")
        item[name] = before + amount
    return item


_ORDERED: dict[str, Callable[[int], bool]] = {
    "<": lambda sign: sign < 0,
    "<=": lambda sign: sign <= 0,
    ">": lambda sign: sign > 0,
    ">=": lambda sign: sign >= 0,
}


def _holds(condition: Condition, item: Item) -> bool:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html"""
    match condition:
        case Both(left, right):
            return _holds(left, item) and _holds(right, item)
        case Either(left, right):
            return _holds(left, item) or _holds(right, item)
        case Not(inner):
            return not _holds(inner, item)
        case Exists(name):
            return name in item
        case Compared(name, "=", value):
            return name in item and _same(item[name], value)
        case Compared(name, "<>", value):
            return name not in item or not _same(item[name], value)
        case Compared(name, comparator, value):
            sign = _sign(item.get(name), value)
            return sign is not None and _ORDERED[comparator](sign)
        case Between(name, low, high):
            return _sign(item.get(name), low) in (0, 1) and _sign(item.get(name), high) in (-1, 0)
        case Contains(name, value):
            return _contains(item.get(name), value)
        case BeginsWith(name, prefix):
            return str(item.get(name, "")).startswith(prefix) and isinstance(item.get(name), str)
    raise NotImplementedError(f"{type(condition).__name__}: teach it to the fake, and to test_fakes.py")


def _contains(stands: Value, value: Value) -> bool:
    if isinstance(stands, str):
        return isinstance(value, str) and value in stands
    return isinstance(stands, list) and value in stands


def _required(condition: Condition, name: str) -> Value:
    """What a key condition says that the attribute `name` equals."""
    match condition:
        case Both(left, right):
            return _required(left, name) or _required(right, name)
        case Compared(stands, "=", value) if stands == name:
            return value
    return None


def _same(left: Value, right: Value) -> bool:
    return type(left) is type(right) and left == right


def _sign(left: Value, right: Value) -> int | None:
    """None for values that DynamoDB does not order: of different types, or absent."""
    if type(left) is not type(right) or not isinstance(left, str | int | bytes) or isinstance(left, bool):
        return None
    return (left > right) - (left < right)  # type: ignore[operator]
