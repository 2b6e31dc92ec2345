"""What a call that may change something leaves in the audit log: one record, made right after its outcome.

Left out are calls without a valid token and those beyond the rate of calls: nothing says who makes the first, and the
second must cost no write. The body is kept of calls that succeeded only: of others nothing has been found to be what it
should be, and a secret may stand where none is expected.
"""

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute
from pydantic import JsonValue
from starlette.concurrency import run_in_threadpool

from functions.api.auth import Caller
from functions.api.idempotency import REPLAYED
from functions.api.problems import outcome_of
from functions.api.redaction import Redaction
from functions.api.services import Services
from shared.audit.abridging import abridged
from shared.audit.model import Actor, ActorKind, Entry
from shared.identifiers import OWNER_ID_PATTERN

MAX_BODY_BYTES = 4_000
MAX_RESULT_BYTES = 48_000  # 1,000 ids as long as UUIDs
MAX_OBJECT_ID = 320  # addresses are as long
_MUTATING = {"POST", "PUT", "PATCH", "DELETE"}


@dataclass(slots=True)
class CommandResult:
    """What a route has to say of its outcome: counts and ids, no contents, no secrets."""

    facts: dict[str, JsonValue] = field(default_factory=dict)


async def _result_of(request: Request) -> CommandResult:
    request.state.command_result = CommandResult()
    result: CommandResult = request.state.command_result
    return result


Recorded = Annotated[CommandResult, Depends(_result_of)]


class Recorder:
    """Of one route."""

    def __init__(self, route: APIRoute) -> None:
        self._route = route
        self.is_needed = bool(_MUTATING & (route.methods or set()))

    @cached_property
    def _redaction(self) -> Redaction:
        """Made with the first call, since most routes are not called in the life of a function."""
        (body,) = self._route.dependant.body_params
        return Redaction.of_body(body.field_info)

    async def success(self, request: Request, services: Services, caller: Caller, response: Response) -> None:
        """Of a call that is answered."""
        body = self._redaction.of(await request.json()) if self._route.body_field and await request.body() else None
        result = getattr(request.state, "command_result", CommandResult()).facts
        entry = self._entry(request, caller).model_copy(
            update={
                "status": response.status_code,
                "replayed": REPLAYED in response.headers,
                "body": abridged(body, MAX_BODY_BYTES),
                "result": abridged(result, MAX_RESULT_BYTES) if result else None,
            }
        )
        await run_in_threadpool(services.audit.record, entry)

    async def failure(self, request: Request, services: Services, caller: Caller, error: Exception) -> None:
        """Of a call that becomes a problem."""
        status, code = outcome_of(error)
        entry = self._entry(request, caller).model_copy(update={"status": int(status), "code": code})
        await run_in_threadpool(services.audit.record, entry)

    def _entry(self, request: Request, caller: Caller) -> Entry:
        ids = {name: str(value)[:MAX_OBJECT_ID] for name, value in request.path_params.items()}
        tenant_id = ids.pop("tenant_id", "")
        return Entry(
            actor=_actor(caller),
            action=self._route.name,
            tenant_id=tenant_id if re.fullmatch(OWNER_ID_PATTERN, tenant_id) else None,
            method=request.method,
            route=self._route.path_format,
            objects=ids,
            request_id=getattr(request.state, "request_id", None),
        )


def _actor(caller: Caller) -> Actor:
    kind = ActorKind.ADMIN if caller.is_admin else ActorKind.TENANT
    return Actor(kind=kind, tenant_id=caller.tenant_id, key_id=caller.key_id)
