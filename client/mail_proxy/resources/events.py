"""The events of a tenant: pulled with a cursor, and pushed again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from mail_proxy.exchange import Call, Query, answer, new_idempotency_key
from mail_proxy.models.reports import EventEntry, EventPage, ReplayAnswer, ReplayCall
from mail_proxy.operations import Listing, Page, Resource, listing, operation
from mail_proxy.steps import Steps
from mail_proxy.transports import Transport

_EVENTS: Final = "/v1/tenants/{tenant_id}/events"


class Events[M: Transport](Resource[M]):
    """`proxy.tenant("acme").events`: what is reported, for whoever pulls it, and to push it again."""

    def _call(self, cursor: str | None, since: datetime | None, until: datetime | None, limit: int) -> Call[EventPage]:
        query: Query = {"since": since, "until": until, "limit": limit, "cursor": cursor}
        return Call("GET", _EVENTS, answer(EventPage), {"tenant_id": self._tenant_id}, query)

    @operation
    def page(
        self,
        cursor: str | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        page_size: int = 100,
    ) -> Steps[EventPage]:
        """Some events, in the order of the pushes, from a minute after they were recorded.

        To follow them for good: store `resume_cursor` together with the events, and come back with it. Whoever goes on
        from it misses none; `event_id` tells one that comes twice.

            page = acme.events.page(stored_cursor)
            store([each.event for each in page.events], page.resume_cursor)
        """
        return self._make(self._call(cursor, since, until, page_size))

    @listing
    def list(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        page_size: int = 100,
        cursor: str | None = None,
    ) -> Listing[EventEntry]:
        """All events, in the order of the pushes; `since` and `until` bound when they were recorded."""

        def turn(cursor: str | None) -> Steps[Page[EventEntry]]:
            page = yield from self._make(self._call(cursor, since, until, page_size))
            return Page(page.events, page.next_cursor)

        return Listing(turn, cursor)

    @operation
    def replay(
        self,
        *,
        ids: Sequence[str] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        idempotency_key: str | None = None,
    ) -> Steps[ReplayAnswer]:
        """Pushes acknowledged events again: those of a time, or of these messages or event ids."""
        given = {"ids": None if ids is None else [*ids], "since": since, "until": until}
        call = ReplayCall.model_validate({name: value for name, value in given.items() if value is not None})
        path = {"tenant_id": self._tenant_id}
        key = idempotency_key or new_idempotency_key()
        return self._make(
            Call("POST", _EVENTS + "/replay", answer(ReplayAnswer), path, body=call.body(), idempotency_key=key)
        )
