"""Drives the steps of operations over httpx: blocking or awaiting. All else about a call is decided elsewhere."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from mail_proxy.errors import ConnectionFailed, TimedOut
from mail_proxy.steps import Outcome, Reply, Request, Step, Steps, Unreachable

if TYPE_CHECKING:
    import httpx


class BlockingTransport:
    """Drives steps in the calling thread."""

    def __init__(
        self,
        http: "httpx.Client",
        base_url: str,
        token: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = http
        self._base_url = base_url
        self._token = token
        self._clock = clock
        self._sleep = sleep

    def run[T](self, steps: Steps[T]) -> T:
        try:
            step = next(steps)
            while True:
                step = steps.send(self._take(step))
        except StopIteration as end:
            result: T = end.value
            return result

    def _take(self, step: Step) -> Outcome:
        from httpx import RequestError

        if step.delay:
            self._sleep(step.delay)
        try:
            response = self._http.send(prepared(self._http, self._base_url, self._token, step.request))
        except RequestError as error:
            return unreachable(error, self._clock())
        return reply(response, self._clock())

    def close(self) -> None:
        self._http.close()


class AwaitingTransport:
    """Drives steps in the running event loop."""

    def __init__(
        self,
        http: "httpx.AsyncClient",
        base_url: str,
        token: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._http = http
        self._base_url = base_url
        self._token = token
        self._clock = clock
        self._sleep = sleep

    async def run[T](self, steps: Steps[T]) -> T:
        try:
            step = next(steps)
            while True:
                step = steps.send(await self._take(step))
        except StopIteration as end:
            result: T = end.value
            return result

    async def _take(self, step: Step) -> Outcome:
        from httpx import RequestError

        if step.delay:
            await self._sleep(step.delay)
        try:
            response = await self._http.send(prepared(self._http, self._base_url, self._token, step.request))
        except RequestError as error:
            return unreachable(error, self._clock())
        return reply(response, self._clock())

    async def close(self) -> None:
        await self._http.aclose()


type Transport = BlockingTransport | AwaitingTransport
type Awaited[T] = Coroutine[Any, Any, T]


def prepared(http: "httpx.Client | httpx.AsyncClient", base_url: str, token: str, request: Request) -> "httpx.Request":
    """The request as httpx sends it. The token goes to the API alone."""
    if request.form is not None:
        file = {"file": ("file", request.form.file)}
        return http.build_request(request.method, request.url, data=dict(request.form.fields), files=file)
    headers = {"Authorization": f"Bearer {token}", **request.headers}
    if request.body is not None:
        headers["Content-Type"] = "application/json"
    return http.build_request(
        request.method,
        base_url + request.url,
        params=dict(request.query) or None,
        headers=headers,
        content=request.body,
    )


def reply(response: "httpx.Response", at: float) -> Reply:
    """What httpx's answer holds."""
    return Reply(
        response.status_code, {name.lower(): value for name, value in response.headers.items()}, response.content, at
    )


def unreachable(error: "httpx.RequestError", at: float) -> Unreachable:
    """What httpx's error means. Only an error from before the connection stood is sure to have carried nothing out."""
    from httpx import ConnectError, ConnectTimeout, PoolTimeout, TimeoutException

    before = isinstance(error, ConnectError | ConnectTimeout | PoolTimeout)
    kind = TimedOut if isinstance(error, TimeoutException) else ConnectionFailed
    return Unreachable(kind(str(error) or type(error).__name__, may_have_arrived=not before), at)
