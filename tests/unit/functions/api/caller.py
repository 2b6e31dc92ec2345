"""How the tests call the API."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from fastapi.testclient import TestClient
from httpx import Response

ADMIN_TOKEN = "the-admin-token-of-these-tests"

type CheckProblem = Callable[[Response, int, str], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Api:
    """The API as one caller reaches it."""

    client: TestClient
    token: str | None = ADMIN_TOKEN

    def call(self, method: str, path: str, body: object = None, **query: str | int) -> Response:
        headers = {"X-API-Token": self.token} if self.token is not None else {}
        answer: Response = self.client.request(method, path, headers=headers, params=query or None, json=body)
        return answer

    def get(self, path: str, **query: str | int) -> Response:
        return self.call("GET", path, **query)

    def put(self, path: str, body: object) -> Response:
        return self.call("PUT", path, body)

    def patch(self, path: str, body: object) -> Response:
        return self.call("PATCH", path, body)

    def post(self, path: str, body: object = None) -> Response:
        return self.call("POST", path, body)

    def delete(self, path: str) -> Response:
        return self.call("DELETE", path)

    def submit(self, *messages: object, tenant: str = "acme", **call: object) -> Response:
        return self.post(f"/v1/tenants/{tenant}/messages", {"messages": list(messages), **call})


class MakeMessage(Protocol):
    def __call__(self, message_id: str = ..., **fields: object) -> dict[str, object]: ...


@dataclass(frozen=True, slots=True)
class Keys:
    """The API keys of the two tenants that `admin` sets up."""

    acme: str
    other: str
