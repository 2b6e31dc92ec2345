"""Counts the write units that a process's calls to DynamoDB consume, as DynamoDB itself answers them.

Each write asks for `ReturnConsumedCapacity`; the embedded AWS works it out by the documented rules: one unit a KB begun
for the larger of the item before and after, the same for each index whose view of the item changes (twice when its key
changes), twice for the table in transactions. A refused condition answers no capacity: it counts as one unit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from threading import Lock
from typing import Any, Self

from shared.aws import clients
from shared.aws.service import Refused, Service

_WRITES = {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"}


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
        """Begins to count what this process writes. To be called before its client is made."""
        units = cls()

        @cache
        def counting() -> Service:
            service = CountingService.from_environment(clients.DYNAMODB)
            service.units = units
            return service

        clients.dynamodb = counting
        return units

    def add(self, operation: str, used: float) -> None:
        with self._lock:
            self.by_operation[operation] = self.by_operation.get(operation, 0.0) + used


class CountingService(Service):
    """DynamoDB, asked with each write what it came to."""

    units: WriteUnits

    def call[T: Mapping[str, object]](self, operation: str, request: Mapping[str, object], shape: type[T]) -> T:
        if operation not in _WRITES:
            return super().call(operation, request, shape)
        try:
            answer = super().call(operation, {**request, "ReturnConsumedCapacity": "INDEXES"}, shape)
        except Refused as error:
            if error.reason == "ConditionalCheckFailedException":
                self.units.add(operation, 1.0)
            raise
        self.units.add(operation, _consumed(answer))
        return answer


def _consumed(answer: Mapping[str, Any]) -> float:
    consumed = answer.get("ConsumedCapacity", [])
    each = consumed if isinstance(consumed, list) else [consumed]
    return sum(float(table["CapacityUnits"]) for table in each)
