"""What every call under /v1 passes before FastAPI reads it: first its token and its rate, then the form of its body;
and, if it may change something, what is recorded of it afterwards.

So nobody without a token learns what exists or makes us parse megabytes, and what comes in is JSON in the strict sense
of RFC 8259 and I-JSON (RFC 7493): UTF-8, no key twice, no NaN, no lone surrogates, no bottomless nesting.
"""

import json
from collections.abc import Callable, Coroutine
from email.message import Message
from typing import Any, Never

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from functions.api.auth import Caller, presented_token
from functions.api.idempotency import TAKES_IDEMPOTENCY_KEY, answered_once, idempotency_key
from functions.api.problems import BodyTooLarge, MalformedBody, UnsupportedContentCoding, UnsupportedMediaType
from functions.api.recording import Recorder
from functions.api.services import Services, services_of

MAX_BODY_BYTES = 6 * 1024 * 1024  # Lambda takes no larger events
MAX_DEPTH = 32  # of arrays and objects within each other; what is taken needs six


class StrictRequest(Request):
    """A request that reads no more than `MAX_BODY_BYTES`, and parses JSON strictly."""

    async def body(self) -> bytes:
        """Raises BodyTooLarge."""
        if not hasattr(self, "_body"):
            self._body = await self._limited_body()
        return self._body

    async def json(self) -> object:
        """Raises MalformedBody, UnsupportedMediaType, BodyTooLarge."""
        if not hasattr(self, "_json"):
            self._refuse_other_media_types()
            self._json = strict_json(await self.body())
        return self._json

    async def _limited_body(self) -> bytes:
        declared = self.headers.get("content-length", "")
        if declared.isdecimal() and int(declared[:20]) > MAX_BODY_BYTES:
            _refuse_size(f"{int(declared[:20]):,} bytes")
        received = bytearray()
        async for chunk in self.stream():
            received += chunk
            if len(received) > MAX_BODY_BYTES:
                _refuse_size("more")
        return bytes(received)

    def _refuse_other_media_types(self) -> None:
        if self.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            raise UnsupportedContentCoding("the body must not be compressed: send it without Content-Encoding")
        header = Message()
        header["content-type"] = self.headers.get("content-type", "text/plain")
        subtype = header.get_content_subtype()
        is_json = subtype == "json" or subtype.endswith("+json")
        if header.get_content_maintype() != "application" or not is_json:
            raise UnsupportedMediaType("the body must be JSON, with Content-Type: application/json")
        if str(header.get_param("charset", "utf-8")).lower() not in ("utf-8", "utf8"):
            raise UnsupportedMediaType("JSON is UTF-8 (RFC 8259): send it without another charset")


class GatedRoute(APIRoute):
    """A route behind the gate. Routers of everything under /v1 are made with it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, with the gate before it."""
        handle = super().get_route_handler()
        takes_body = self.body_field is not None
        takes_key = TAKES_IDEMPOTENCY_KEY in self.dependencies
        recorder = Recorder(self)

        async def answered(request: StrictRequest, services: Services, caller: Caller) -> Response:
            if takes_body and await request.body():
                await request.json()
            key = idempotency_key(request, caller) if takes_key else None
            if key is not None:
                return await answered_once(request, key, services, handle)
            return await handle(request)

        async def gated(request: Request) -> Response:
            services = await services_of(request)
            token = presented_token(request)
            caller: Caller = await run_in_threadpool(services.authenticator.caller, token)
            request.state.caller = caller
            await run_in_threadpool(services.call_rate.admit, caller.tenant_id)
            strict = StrictRequest(request.scope, request.receive)
            if not recorder.is_needed:
                return await answered(strict, services, caller)
            try:
                response = await answered(strict, services, caller)
            except Exception as error:  # whatever it is, it goes on to the table of problems
                await recorder.failure(strict, services, caller, error)
                raise
            await recorder.success(strict, services, caller, response)
            return response

        return gated


def strict_json(body: bytes) -> object:
    """Raises MalformedBody that says what is wrong, and where the parser knows it."""
    try:
        value: object = json.loads(body.decode(), object_pairs_hook=_unique_keys, parse_constant=_refuse_constant)
        _refuse_deep_nesting(value)
        if b"\\ud" in body or b"\\uD" in body:  # surrogates: only in pairs
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        raise MalformedBody(f"the body is not UTF-8: byte {error.start}") from error
    except UnicodeEncodeError as error:
        raise MalformedBody("the body escapes half of a surrogate pair") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise MalformedBody(f"the body is not JSON: {error.msg}: {place}") from error
    except RecursionError as error:
        raise MalformedBody("the body is nested too deeply") from error
    except ValueError as error:  # such as a number of thousands of digits
        raise MalformedBody("the body holds a number that is too long") from error
    return value


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise MalformedBody(f"the body names {ascii(twice)[:100]} twice in one object")
    return found


def _refuse_constant(name: str) -> Never:
    raise MalformedBody(f"{name} is no JSON")


def _refuse_deep_nesting(value: object) -> None:
    """Raises MalformedBody. Level by level, since whatever follows may recurse: Python's stack bears about 1,000."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return
    if any(isinstance(each, dict | list) for each in level):
        raise MalformedBody(f"the body is nested too deeply: more than {MAX_DEPTH} arrays and objects in each other")


def _refuse_size(seen: str) -> Never:
    raise BodyTooLarge(
        f"the body may have {MAX_BODY_BYTES:,} bytes, since Lambda is handed no more, and this one has {seen}: split "
        "the call, best at 5 MB, and upload large files first (POST /v1/tenants/{tenant_id}/attachments)"
    )
