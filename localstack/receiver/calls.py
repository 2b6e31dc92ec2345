"""Sync calls as the receiver sees them, and the rules that decide what it answers."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from pydantic import BaseModel

from localstack.receiver.events import DeliveryEvent


@dataclass(frozen=True, slots=True)
class SyncCall:
    """One call of the sync endpoint. `number` counts from 1, `arrived_at` is in epoch milliseconds.

    Headers have lower-case names. `events` is empty for a heartbeat, and for a body that could not be read.
    """

    number: int
    arrived_at: int
    headers: Mapping[str, str]
    body: bytes
    events: tuple[DeliveryEvent, ...]


class Acknowledgement(BaseModel):
    """What the report protocol answers; `error` holds ids or event ids that are to be pushed again."""

    ok: bool = True
    queued: int = 0
    next_sync_after: int | None = None
    error: list[str] = []
    not_found: list[str] = []


@dataclass(frozen=True, slots=True)
class Answer:
    """What the receiver answers. `text`, when given, replaces the acknowledgement as the body."""

    status: int = HTTPStatus.OK
    acknowledgement: Acknowledgement = field(default_factory=Acknowledgement)
    text: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0

    def body(self) -> str:
        """Return the body to send."""
        return self.acknowledgement.model_dump_json(exclude_none=True) if self.text is None else self.text

    def acknowledges(self, event: DeliveryEvent) -> bool:
        """Whether the proxy may now consider this event told."""
        heard = HTTPStatus(self.status).is_success and self.text is None and self.acknowledgement.ok
        return heard and not {event.id, event.event_id} & set(self.acknowledgement.error)


type Rule = Callable[[SyncCall], Answer | None]
"""Decides about a call; `None` leaves it to the next rule, in the end to a plain acknowledgement."""


def failing(times: int, answer: Answer | None = None) -> Rule:
    """Give `answer`, by default a 503, to the next `times` calls."""
    calls = itertools.count()
    given = answer or Answer(HTTPStatus.SERVICE_UNAVAILABLE, text="scripted failure")

    def rule(_call: SyncCall) -> Answer | None:
        return given if next(calls) < times else None

    return rule


def refusing(*ids: str, times: int = 1) -> Rule:
    """Refuse the events with these ids or event ids, each in the first `times` calls that carry it."""
    left = dict.fromkeys(ids, times)

    def rule(call: SyncCall) -> Answer | None:
        carried = {identifier for event in call.events for identifier in (event.id, event.event_id)}
        refused = [identifier for identifier in ids if identifier in carried and left[identifier] > 0]
        for identifier in refused:
            left[identifier] -= 1
        return Answer(acknowledgement=Acknowledgement(error=refused)) if refused else None

    return rule
