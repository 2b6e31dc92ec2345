"""Calls as bytes come in, past every client that would tidy them up."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message

from tests.unit.functions.api.caller import ADMIN_TOKEN

type Headers = Sequence[tuple[bytes, bytes]]

JSON: Headers = ((b"content-type", b"application/json"),)


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """What was answered; the names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def problem(self) -> dict[str, Any]:
        """The problem document that every error must be."""
        assert 400 <= self.status < 500, (self.status, self.body)
        assert self.headers["content-type"] == "application/problem+json"
        document: dict[str, Any] = json.loads(self.body)
        assert document["status"] == self.status
        assert document["detail"]
        assert document["instance"].isascii()
        return document


@dataclass(frozen=True, slots=True)
class RawCalls:
    """Calls `app`, as the admin unless said otherwise."""

    app: ASGIApp
    token: bytes = ADMIN_TOKEN.encode()

    def call(
        self, method: str, path: str, *, query: bytes = b"", headers: Headers = (), body: bytes = b""
    ) -> RawAnswer:
        """`path` as servers hand it on: percent-decoded."""
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "https",
            "path": path,
            "raw_path": None,
            "root_path": "",
            "query_string": query,
            "headers": [(b"x-api-token", self.token), *headers],
            "client": ("192.0.2.1", 0),
            "server": ("api.example", 443),
        }
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        asyncio.run(_answered(self.app(scope, receive, send)))
        start, *parts = sent
        names = {name.decode().lower(): value.decode() for name, value in start["headers"]}
        return RawAnswer(start["status"], names, b"".join(each.get("body", b"") for each in parts))


async def _answered(call: Any) -> None:
    await call
