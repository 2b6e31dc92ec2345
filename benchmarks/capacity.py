"""Counts the write units that a process's calls to DynamoDB consume, as DynamoDB itself answers them.

Each write asks for `ReturnConsumedCapacity`; the embedded AWS works it out by the documented rules: one unit a KB begun
for the larger of the item before and after, the same for each index whose view of the item changes (twice when its key
changes), twice for the table in transactions. A refused condition answers no capacity: it counts as one unit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Self

from shared.aws import clients

_WRITES = ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems")


@dataclass(slots=True)
class WriteUnits:
    """The sum so far; by operation, for those who look for what is dear."""

    by_operation: dict[str, float] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    @property
    def total(self) -> float:
        with self._lock:
            return sum(self.by_operation.values())

    @classmethod
    def counted(cls) -> Self:
        """Begins to count what this process writes."""
        units = cls()
        events = clients.dynamodb().meta.events
        for operation in _WRITES:
            asking = f"provide-client-params.dynamodb.{operation}"
            events.register(asking, _asking_for_capacity)  # type: ignore[arg-type]  # botocore takes what it returns
            events.register(f"after-call.dynamodb.{operation}", units._add)
        return units

    # botocore calls by keyword, with more than is needed here.
    def _add(self, parsed: Mapping[str, Any], model: Any, **_: object) -> None:
        consumed = parsed.get("ConsumedCapacity", [])
        each = consumed if isinstance(consumed, list) else [consumed]
        used = sum(float(table["CapacityUnits"]) for table in each)
        if parsed.get("Error", {}).get("Code") == "ConditionalCheckFailedException":
            used = 1.0
        with self._lock:
            self.by_operation[model.name] = self.by_operation.get(model.name, 0.0) + used


def _asking_for_capacity(params: dict[str, Any], **_: object) -> dict[str, Any]:
    return params | {"ReturnConsumedCapacity": "INDEXES"}
