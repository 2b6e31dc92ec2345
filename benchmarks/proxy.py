"""Uses the proxy as a tenant does: through the API's real handler, with the events that API Gateway makes."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.mails import Message
from benchmarks.worker import Invocation, Json, Worker


class Refused(RuntimeError):
    """The API did not do what it was asked; the message holds its answer."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A call that was accepted in full, and the CPU that it took."""

    ids: list[str]
    cpu_seconds: float


class Proxy:
    """The API in a worker, with the admin's token. A tenant comes with one account, `main`."""

    def __init__(self, worker: Worker, admin_token: str) -> None:
        self._worker = worker
        self._token = admin_token

    def add_tenant(
        self, tenant_id: str, *, relay_port: int, sync_url: str | None = None, batch_size: int | None = None
    ) -> None:
        """A tenant whose mails go to a relay on loopback; if said, `batch_size` over each connection."""
        settings: Json = {"default_account": "main"}
        self._call("PUT", f"/v1/tenants/{tenant_id}", settings | ({"client_base_url": sync_url} if sync_url else {}))
        account: Json = {"host": "127.0.0.1", "port": relay_port, "tls": "none"}
        if batch_size is not None:
            account["batch_size"] = batch_size
        self._call("PUT", f"/v1/tenants/{tenant_id}/accounts/main", account)

    def submit(self, tenant_id: str, messages: Sequence[Message]) -> Submission:
        """One call, at most 1,000 messages. Raises Refused unless all were accepted."""
        invocation = self._call("POST", f"/v1/tenants/{tenant_id}/messages", {"messages": list(messages)})
        answer = json.loads(str(invocation.answer["body"]))
        if answer["rejected"]:
            raise Refused(f"the API rejected {answer['rejected'][0]}")
        ids = [str(each["id"]) for each in answer["accepted"]]
        return Submission(ids, invocation.cpu_seconds)

    def _call(self, method: str, path: str, body: Json | None = None) -> Invocation:
        invocation = self._worker.invoke(self._event(method, path, body))
        status = invocation.answer["statusCode"]
        if not isinstance(status, int) or not 200 <= status < 300:
            raise Refused(f"{method} {path}: {status} {str(invocation.answer.get('body'))[:500]}")
        return invocation

    def _event(self, method: str, path: str, body: Json | None) -> Json:
        """Payload format 2.0 of an HTTP API."""
        return {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": "",
            "headers": {
                "authorization": f"Bearer {self._token}",
                "content-type": "application/json",
                "host": "benchmark.localhost",
            },
            "requestContext": {
                "http": {
                    "method": method,
                    "path": path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": "127.0.0.1",
                    "userAgent": "benchmark",
                },
                "requestId": uuid.uuid4().hex,
                "stage": "$default",
            },
            "body": None if body is None else json.dumps(body),
            "isBase64Encoded": False,
        }
