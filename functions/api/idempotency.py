"""`Idempotency-Key`: routes that take it may be called again with the same body, and give the same answer for 24 hours.

A route takes it by naming `TAKES_IDEMPOTENCY_KEY` among its dependencies, which also documents the header.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Header, Request, Response
from starlette.concurrency import run_in_threadpool

from functions.api.auth import Caller
from functions.api.services import Services
from shared.errors import StorageError
from shared.idempotency.table import Answer, IdempotencyTable, Running
from shared.identifiers import OWNER_ID_PATTERN
from shared.observability import logger

REPLAYED = "Idempotent-Replayed"
_HEADER = "Idempotency-Key"
_KEY_PATTERN = r"^[!-~]{1,255}$"
_DESCRIPTION = (
    "Makes the call repeatable for 24 hours: the same key and body get the same answer (with `Idempotent-Replayed`), "
    "the same key with another body 422 (`idempotency_key_reused`), 409 (`idempotency_in_progress`) while the first is "
    "running. 1 to 255 visible ASCII characters. Only answers of calls that succeeded are kept."
)


async def _documents_the_header(
    _key: Annotated[
        str | None, Header(alias=_HEADER, pattern=_KEY_PATTERN, description=_DESCRIPTION, examples=["order-4711"])
    ] = None,
) -> None:
    """Refuses keys that are none; the gate does the rest."""


TAKES_IDEMPOTENCY_KEY = Depends(_documents_the_header)


def idempotency_key(request: Request, caller: Caller) -> str | None:
    """The key of a call that may be kept. None also for what the route itself refuses: bad keys, other tenants."""
    key, tenant_id = request.headers.get(_HEADER), request.path_params.get("tenant_id", "")
    if key is None or not re.fullmatch(_KEY_PATTERN, key) or not re.fullmatch(OWNER_ID_PATTERN, tenant_id):
        return None
    return key if caller.is_admin or caller.tenant_id == tenant_id else None


async def answered_once(
    request: Request, key: str, services: Services, handle: Callable[[Request], Awaitable[Response]]
) -> Response:
    """The answer that is kept, or that of the call as it is made now. Raises InvalidInput, Conflict."""
    table, tenant_id = services.idempotency, request.path_params["tenant_id"]
    begun = await run_in_threadpool(table.begin, tenant_id, key, _digest(request, await request.body()))
    if isinstance(begun, Answer):
        return Response(begun.body, begun.status, {REPLAYED: "true"}, begun.media_type)
    try:
        response = await handle(request)
    except Exception:  # whatever it is, it goes on to the table of problems: only the key is freed before
        await run_in_threadpool(_settle, table, begun, tenant_id, None)
        raise
    await run_in_threadpool(_settle, table, begun, tenant_id, response)
    return response


def _settle(table: IdempotencyTable, running: Running, tenant_id: str, response: Response | None) -> None:
    """Keeps the answer of a call that succeeded, and frees the key of another. What the caller is told does not hang
    on it: a repetition finds the marker run out."""
    try:
        if response is not None and response.status_code // 100 == 2:
            media_type = response.headers.get("content-type", "application/json")
            table.finish(running, Answer(response.status_code, media_type, bytes(response.body)))
        else:
            table.give_up(running)
    except StorageError as error:
        logger.warning("idempotency key not settled", tenant_id=tenant_id, reason=error.detail)


def _digest(request: Request, body: bytes) -> str:
    """Of the whole call, byte for byte."""
    head = f"{request.method} {request.scope['path']}\n".encode()
    return hashlib.sha256(head + body).hexdigest()
