"""Puts events on an EventBridge bus."""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict

from shared.aws.service import Service
from shared.clock import SECOND, Millis

# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html#eb-putevent-size
MAX_BYTES = 256 * 1024  # of an event, and of a call
MAX_BATCH = 10
_TIME_BYTES = 14
_TRIES = 5
_FIRST_PAUSE_SECONDS = 0.1


class _Entry(TypedDict):
    ErrorCode: NotRequired[str]
    ErrorMessage: NotRequired[str]


class _Put(TypedDict):
    Entries: list[_Entry]


@dataclass(frozen=True, slots=True)
class BusEvent:
    """`detail` is a JSON object."""

    source: str
    kind: str
    detail: str
    at: Millis

    @property
    def size(self) -> int:
        """As EventBridge counts it, in bytes."""
        return len(self.source.encode()) + len(self.kind.encode()) + len(self.detail.encode()) + _TIME_BYTES

    def entry(self, bus: str) -> dict[str, object]:
        return {
            "EventBusName": bus,
            "Source": self.source,
            "DetailType": self.kind,
            "Detail": self.detail,
            "Time": self.at // SECOND,
        }


class EventBus:
    """One bus."""

    def __init__(self, service: Service, name: str) -> None:
        self._service = service
        self._name = name

    def put(self, events: Sequence[BusEvent]) -> int:
        """All of them, in as few calls as take them: how many were put, from the first on.

        Fewer than all when EventBridge went on refusing some of a call, which it does for each event by itself. Raises
        StorageError when a call fails, whatever was put before.
        """
        done = 0
        for batch in _batches(events):
            if not self._put(batch):
                break
            done += len(batch)
        return done

    def _put(self, batch: Sequence[BusEvent]) -> bool:
        pending = [event.entry(self._name) for event in batch]
        for attempt in range(_TRIES):
            answer = self._service.call("PutEvents", {"Entries": pending}, _Put)
            pending = [
                entry
                for entry, said in zip(pending, answer["Entries"], strict=True)
                if said.get("ErrorCode") is not None
            ]
            if not pending:
                return True
            if attempt + 1 < _TRIES:
                # With jitter: those who met each other would meet again.
                time.sleep(_FIRST_PAUSE_SECONDS * 2**attempt * random.uniform(0.5, 1))  # noqa: S311 - no secret
        return False


def _batches(events: Sequence[BusEvent]) -> Iterator[list[BusEvent]]:
    batch: list[BusEvent] = []
    size = 0
    for event in events:
        if batch and (len(batch) == MAX_BATCH or size + event.size > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += event.size
    if batch:
        yield batch
