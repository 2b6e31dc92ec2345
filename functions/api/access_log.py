"""One log line a call, a request id on every answer, and the last resort for errors that nobody foresaw.

Logged: method, route, tenant, status, duration. Never: bodies, tokens, queries, and texts of foreign exceptions, which
may quote what was sent.
"""

import re
import time
import traceback
import uuid
from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from functions.api.auth import Caller
from functions.api.problems import internal_error
from shared.errors import MailProxyError
from shared.identifiers import OWNER_ID_PATTERN
from shared.observability import logger

_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


class AccessLog:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers every HTTP request, whatever happens inside."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        logger.thread_safe_append_keys(correlation_id=request_id)
        started = time.perf_counter()
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request_id
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except Exception as error:  # the process border: logged, answered, and the process lives on
            logger.error("unforeseen error", error=_described(error), trace=_trace(error))
            if status == 0:
                await internal_error(scope["path"])(scope, receive, answer)
        finally:
            logger.info("call", extra={**_fields(scope), "status": status, "duration_ms": _elapsed_ms(started)})
            logger.thread_safe_clear_keys()


def _request_id(scope: Scope) -> str:
    """API Gateway's id of the call, so that its logs and ours can be joined."""
    event = scope.get("aws.event")
    context = event.get("requestContext") if isinstance(event, Mapping) else None
    request_id = context.get("requestId") if isinstance(context, Mapping) else None
    return request_id if isinstance(request_id, str) else uuid.uuid4().hex


def _fields(scope: Scope) -> dict[str, str | None]:
    """The route rather than the path: ids of messages may be addresses."""
    route = scope.get("route")
    tenant_id = scope.get("path_params", {}).get("tenant_id")
    caller = scope.get("state", {}).get("caller")
    return {
        "method": scope["method"],
        "route": getattr(route, "path", None),
        "tenant_id": tenant_id if tenant_id and re.fullmatch(OWNER_ID_PATTERN, tenant_id) else None,
        "caller": (caller.tenant_id or "admin") if isinstance(caller, Caller) else None,
    }


def _described(error: BaseException) -> str:
    name = type(error).__qualname__
    return f"{name}: {error.detail}" if isinstance(error, MailProxyError) else name


def _trace(error: BaseException) -> list[str]:
    """Where it happened, without the exceptions' own texts."""
    lines: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        frames = traceback.extract_tb(cause.__traceback__)
        lines += [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        lines.append(_described(cause))
        cause = cause.__cause__ or cause.__context__
    return lines


def _elapsed_ms(started: float) -> float:
    return round((time.perf_counter() - started) * 1_000, 1)
