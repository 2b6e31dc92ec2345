"""The receiver over HTTP: the sync endpoint itself, a REST view of what it was told, and a page."""

import asyncio
import base64
import hmac
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, ValidationError

from localstack.receiver.calls import Answer, Rule, SyncCall
from localstack.receiver.events import DeliveryEvent, EventKind, ReceivedEvent, SyncBody
from localstack.records import Records
from localstack.web import OWN_NAMES

PAGE: Final = Path(__file__).parent / "page"


@dataclass(frozen=True, slots=True)
class BearerAuth:
    """The token that a sync call must show."""

    token: str = field(repr=False)

    @property
    def header(self) -> str:
        """The value of `Authorization` that is let in."""
        return f"Bearer {self.token}"


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """The user and password that a sync call must show (RFC 7617)."""

    user: str
    password: str = field(repr=False)

    @property
    def header(self) -> str:
        """The value of `Authorization` that is let in."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


@dataclass(slots=True)
class SyncEndpoint:
    """What a tenant's endpoint knows: whom it lets in, how it answers, what it was told."""

    auth: BearerAuth | BasicAuth | None
    rules: list[Rule]
    calls: Records[SyncCall] = field(default_factory=lambda: Records("sync calls"))
    events: Records[ReceivedEvent] = field(default_factory=lambda: Records("events"))

    def admits(self, headers: Mapping[str, str]) -> bool:
        """Whether a call shows what it must."""
        if self.auth is None:
            return True
        return hmac.compare_digest(headers.get("authorization", "").encode(), self.auth.header.encode())

    def take(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Record a call and its events; return what to answer."""
        if not self.admits(headers):
            self._record(headers, body, ())
            return Answer(HTTPStatus.UNAUTHORIZED, text="wrong or missing credentials")
        try:
            events = tuple(SyncBody.model_validate_json(body).delivery_report)
        except ValidationError as error:
            self._record(headers, body, ())
            return Answer(HTTPStatus.UNPROCESSABLE_CONTENT, text=f"not a delivery report: {error}")
        call = self._record(headers, body, events)
        answer = next((answer for rule in self.rules if (answer := rule(call)) is not None), Answer())
        for event in events:
            self._record_event(call, event, acknowledged=answer.acknowledges(event))
        return answer

    def _record(self, headers: Mapping[str, str], body: bytes, events: tuple[DeliveryEvent, ...]) -> SyncCall:
        now = time.time_ns() // 1_000_000
        return self.calls.add(lambda number: SyncCall(number, now, headers, body, events))

    def _record_event(self, call: SyncCall, event: DeliveryEvent, *, acknowledged: bool) -> None:
        self.events.add(
            lambda order: ReceivedEvent(order, call.number, call.arrived_at, call.headers, event, acknowledged)
        )


class EventView(BaseModel):
    """An event with its arrival. `arrived_at` is in epoch milliseconds; headers are those of the call."""

    order: int
    call: int
    arrived_at: int
    acknowledged: bool
    kind: EventKind
    headers: dict[str, str]
    event: DeliveryEvent


class EventList(BaseModel):
    """All events, oldest first; `duplicates` tells which event ids came more than once, and how often."""

    events: list[EventView]
    duplicates: dict[str, int]


def receiver_application(endpoint: SyncEndpoint, *, sync_path: str) -> FastAPI:
    """Build the web side of one tenant's endpoint."""
    application = FastAPI(title="A tenant's sync endpoint", docs_url=None, redoc_url=None)
    application.add_middleware(TrustedHostMiddleware, allowed_hosts=OWN_NAMES)

    @application.post(sync_path)
    async def sync(request: Request) -> Response:
        """Take a delivery report."""
        answer = endpoint.take(dict(request.headers), await request.body())
        await asyncio.sleep(answer.delay_seconds)
        kind = "application/json" if answer.text is None else "text/plain"
        return Response(answer.body(), answer.status, dict(answer.headers), media_type=kind)

    @application.get("/api/events")
    def list_events() -> EventList:
        """List what arrived, with arrival times and headers."""
        events = endpoint.events.all()
        copies = Counter(received.event.event_id for received in events)
        return EventList(
            events=[
                EventView(
                    order=received.order,
                    call=received.call,
                    arrived_at=received.arrived_at,
                    acknowledged=received.acknowledged,
                    kind=received.event.kind,
                    headers=dict(received.headers),
                    event=received.event,
                )
                for received in events
            ],
            duplicates={event_id: count for event_id, count in copies.items() if event_id and count > 1},
        )

    @application.delete("/api/events", status_code=HTTPStatus.NO_CONTENT)
    def clear() -> None:
        """Forget all events and calls; numbers go on."""
        endpoint.events.clear()
        endpoint.calls.clear()

    application.mount("/", StaticFiles(directory=PAGE, html=True), name="page")
    return application
