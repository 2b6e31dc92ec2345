"""A proxy that answers from a script, over both transports, with a clock that sleeping moves."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from mail_proxy.exchange import Caller, Retries
from mail_proxy.resources.instance import Proxy
from mail_proxy.transports import AwaitingTransport, BlockingTransport

BASE_URL = "https://proxy.example"


@dataclass
class Script:
    """Answers with `answers`, one after the other, and remembers what it was asked and how long it was waited."""

    answers: list[Any]  # httpx.Response, or the class of an error of the transport
    requests: list[httpx.Request] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def answer(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        given = self.answers.pop(0)
        if isinstance(given, httpx.Response):
            return httpx.Response(given.status_code, headers=given.headers, content=given.content)
        raise given("as the script says", request=request)

    async def answer_later(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        return self.answer(request)

    def clock(self) -> float:
        return sum(self.slept)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def sleep_later(self, seconds: float) -> None:
        self.slept.append(seconds)


type Do = Callable[[Proxy[Any]], Any]


def blocking(script: Script, do: Do, retries: Retries | None = None) -> Any:
    """What `do` gives, blocking."""
    http = httpx.Client(transport=httpx.MockTransport(script.answer))
    transport = BlockingTransport(http, BASE_URL, "a-token", clock=script.clock, sleep=script.sleep)
    return do(Proxy(transport, Caller(retries or Retries(), chance=lambda: 0.0)))


def awaiting(script: Script, do: Do, retries: Retries | None = None) -> Any:
    """What `do` gives, awaited."""

    async def run() -> Any:
        http = httpx.AsyncClient(transport=httpx.MockTransport(script.answer_later))
        transport = AwaitingTransport(http, BASE_URL, "a-token", clock=script.clock, sleep=script.sleep_later)
        return await do(Proxy(transport, Caller(retries or Retries(), chance=lambda: 0.0)))

    return asyncio.run(run())


def problem(status: int, code: str, headers: Mapping[str, str] | None = None, **more: object) -> httpx.Response:
    """A problem document."""
    document = {
        "type": f"urn:problem-type:{code}",
        "title": code,
        "status": status,
        "code": code,
        "detail": f"because of {code}",
        "instance": "/v1/x",
        **more,
    }
    return httpx.Response(
        status,
        content=json.dumps(document),
        headers={"content-type": "application/problem+json", "x-request-id": "R-1", **(headers or {})},
    )
