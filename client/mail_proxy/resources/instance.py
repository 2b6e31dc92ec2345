"""The whole instance: its settings, status, audit log and dead letters, and the way to its tenants."""

from datetime import datetime
from typing import Final

from mail_proxy.exchange import Call, Caller, Query, answer, text
from mail_proxy.models.base import Answer, QueueName
from mail_proxy.models.tenants import Instance, InstanceView
from mail_proxy.models.watching import (
    AccountTotals,
    CommandList,
    CommandView,
    DeadLetterList,
    DeadLetterView,
    Health,
    InstanceStatusView,
    RedriveAnswer,
    RedriveCall,
)
from mail_proxy.operations import Listing, Page, Resource, listing, operation
from mail_proxy.resources.mailboxes import BounceMailbox
from mail_proxy.resources.tenants import Tenant, Tenants
from mail_proxy.steps import Reply, Steps
from mail_proxy.transports import Transport

_INSTANCE: Final = "/v1/instance"
_COMMANDS: Final = "/v1/commands"
_DEAD_LETTERS: Final = "/v1/dead-letters"


class InstanceSettings[M: Transport](Resource[M]):
    """`proxy.instance`: the settings of the instance (admin)."""

    @operation
    def get(self) -> Steps[InstanceView]:
        """The settings of the instance."""
        return self._make(Call("GET", _INSTANCE, answer(InstanceView)))

    @operation
    def put(self, settings: Instance) -> Steps[InstanceView]:
        """Replaces the settings of the instance; what is left out gets its default."""
        return self._make(Call("PUT", _INSTANCE, answer(InstanceView), body=settings.body()))

    @operation
    def pause(self) -> Steps[InstanceView]:
        """Stops all sending. Messages are accepted, and wait."""
        return self._make(Call("POST", _INSTANCE + "/pause", answer(InstanceView)))

    @operation
    def resume(self) -> Steps[InstanceView]:
        """Starts sending again."""
        return self._make(Call("POST", _INSTANCE + "/resume", answer(InstanceView)))


class Commands[M: Transport](Resource[M]):
    """`proxy.commands`: the audit log (admin)."""

    @listing
    def list(
        self,
        *,
        tenant_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        page_size: int = 100,
        cursor: str | None = None,
    ) -> Listing[CommandView]:
        """Who changed what, latest first."""

        def turn(cursor: str | None) -> Steps[Page[CommandView]]:
            query: Query = {
                "tenant_id": tenant_id,
                "since": since,
                "until": until,
                "limit": page_size,
                "cursor": cursor,
            }
            page = yield from self._make(Call("GET", _COMMANDS, answer(CommandList), {}, query))
            return Page(page.commands, page.next_cursor)

        return Listing(turn, cursor)

    @listing
    def export(
        self,
        *,
        tenant_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        cursor: str | None = None,
    ) -> Listing[CommandView]:
        """Who changed what, oldest first, in pages of up to 2 MB."""

        def turn(cursor: str | None) -> Steps[Page[CommandView]]:
            query: Query = {"tenant_id": tenant_id, "since": since, "until": until, "cursor": cursor}
            return self._make(Call("GET", _COMMANDS + "/export", exported, {}, query))

        return Listing(turn, cursor)


class DeadLetters[M: Transport](Resource[M]):
    """`proxy.dead_letters`: wake-ups that no worker came to an end with (admin)."""

    @operation
    def page(self, *, page_size: int = 25, cursor: str | None = None) -> Steps[DeadLetterList]:
        """Some dead letters, and how many each queue holds."""
        return self._make(self._call(page_size, cursor))

    def _call(self, page_size: int, cursor: str | None) -> Call[DeadLetterList]:
        return Call("GET", _DEAD_LETTERS, answer(DeadLetterList), {}, {"limit": page_size, "cursor": cursor})

    @listing
    def list(self, *, page_size: int = 100, cursor: str | None = None) -> Listing[DeadLetterView]:
        """All dead letters."""

        def turn(cursor: str | None) -> Steps[Page[DeadLetterView]]:
            page = yield from self._make(self._call(page_size, cursor))
            return Page(page.dead_letters, page.next_cursor)

        return Listing(turn, cursor)

    @operation
    def redrive(self, *, queue: QueueName | None = None, limit: int | None = None) -> Steps[RedriveAnswer]:
        """Opens and wakes the lines of up to `limit` (100) dead letters, and removes the letters."""
        given = {"queue": queue, "limit": limit}
        call = RedriveCall.model_validate({name: value for name, value in given.items() if value is not None})
        return self._make(Call("POST", _DEAD_LETTERS + "/redrive", answer(RedriveAnswer), body=call.body()))


class Continuation(Answer):
    """The last line of an export that is not all."""

    next_cursor: str


def exported(reply: Reply) -> Page[CommandView]:
    """JSON lines of records; the last may say where to go on instead."""
    lines = [line for line in reply.body.split(b"\n") if line]
    cursor = None
    if lines and lines[-1].startswith(b'{"next_cursor":'):
        cursor = answer(Continuation)(Reply(reply.status, reply.headers, lines.pop(), reply.at)).next_cursor
    read = answer(CommandView)
    records = tuple(read(Reply(reply.status, reply.headers, line, reply.at)) for line in lines)
    return Page(records, cursor)


class Proxy[M: Transport](Resource[M]):
    """The whole API, over either transport."""

    def __init__(self, transport: M, caller: Caller) -> None:
        super().__init__(transport, caller)
        self.instance = InstanceSettings(transport, caller)
        self.bounce_mailbox = BounceMailbox(transport, caller)
        self.tenants = Tenants(transport, caller)
        self.commands = Commands(transport, caller)
        self.dead_letters = DeadLetters(transport, caller)

    def tenant(self, tenant_id: str) -> Tenant[M]:
        """One tenant. Nothing is asked yet."""
        return Tenant(self._transport, self._caller, tenant_id)

    @operation
    def health(self) -> Steps[Health]:
        """That the instance answers, and its version."""
        return self._make(Call("GET", "/health", answer(Health)))

    @operation
    def status(self, *, accounts: int = 25, cursor: str | None = None) -> Steps[InstanceStatusView]:
        """How the instance fares (admin), with a page of `accounts` (at most 100)."""
        query: Query = {"limit": accounts, "cursor": cursor}
        return self._make(Call("GET", "/v1/status", answer(InstanceStatusView), {}, query))

    @listing
    def account_statuses(self, *, page_size: int = 100, cursor: str | None = None) -> Listing[AccountTotals]:
        """How each account of the instance fares (admin)."""

        def turn(cursor: str | None) -> Steps[Page[AccountTotals]]:
            query: Query = {"limit": page_size, "cursor": cursor}
            page = yield from self._make(Call("GET", "/v1/status", answer(InstanceStatusView), {}, query))
            return Page(page.accounts, page.next_cursor)

        return Listing(turn, cursor)

    @operation
    def metrics(self, *, tenant_id: str | None = None) -> Steps[str]:
        """The counters for Prometheus, in its text format (admin)."""
        return self._make(Call("GET", "/metrics", text, {}, {"tenant_id": tenant_id}))
