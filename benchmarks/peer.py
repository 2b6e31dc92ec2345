"""genro-mail-proxy 0.7.0 in its own environment: started, given a tenant and an account, submitted to.

A process of it must not get more than a thousand mails: it puts each result into a queue of that length that nobody
reads, and then waits five seconds for each further mail.
"""

from collections.abc import Sequence
from typing import Self

import httpx
from pydantic import JsonValue

from benchmarks.mails import Message
from benchmarks.servers import HOST, PROJECT, Server, ServerError

PYTHON = PROJECT / ".tools" / "peer" / "bin" / "python"
SOURCE = PROJECT / ".tools" / "peer" / "source"
TENANT, ACCOUNT = "acme", "main"
MOST_MAILS = 1_000

_HTTP_SECONDS = 120.0


class Peer(Server):
    """The peer, from its start to the end of the `with` block."""

    def __init__(self) -> None:
        if not PYTHON.exists():
            raise ServerError("The peer is not installed: run `make bench`, which does it.")
        super().__init__(
            "peer",
            [
                str(PYTHON),
                *("-m", "uvicorn", "benchmarks.peer_server:app"),
                *("--host", HOST, "--port", "{port}", "--timeout-graceful-shutdown", "10"),
            ],
            {
                "PEER_DATABASE": "{scratch}/peer.db",
                "PYTHONPATH": f"{SOURCE}:{PROJECT}",
                "NO_PROXY": "127.0.0.1,localhost",
            },
        )

    def __enter__(self) -> Self:
        super().__enter__()
        self._http = httpx.Client(base_url=f"http://{HOST}:{self.port}", timeout=_HTTP_SECONDS, trust_env=False)
        return self

    def stop(self) -> None:
        """Ends it."""
        if hasattr(self, "_http"):
            self._http.close()
        super().stop()

    def add_tenant(self, *, relay_port: int, sync_url: str) -> None:
        """The one tenant, with one account."""
        self._post("/tenants/add", {"id": TENANT, "name": "Acme", "client_base_url": sync_url})
        relay: dict[str, JsonValue] = {"host": HOST, "port": relay_port, "use_tls": False}
        self._post("/accounts/add", {**relay, "id": ACCOUNT, "tenant_id": TENANT})

    def submit(self, messages: Sequence[Message]) -> None:
        """One call. Raises ServerError unless all were queued."""
        answer = self._post("/messages/add_batch", {"messages": list(messages)})
        if answer.get("queued") != len(messages):
            raise ServerError(f"the peer queued {answer}")

    def suspend(self) -> None:
        """Nothing is sent until `activate`."""
        self._post("/instance/suspend", {"tenant_id": TENANT})

    def activate(self) -> None:
        """Sends what is queued."""
        self._post("/instance/activate", {"tenant_id": TENANT})

    def _post(self, path: str, body: dict[str, JsonValue]) -> dict[str, JsonValue]:
        response = self._http.post(path, json=body)
        if not response.is_success:
            raise ServerError(f"the peer answered {path} with {response.status_code} {response.text[:500]}")
        answer: dict[str, JsonValue] = response.json()
        return answer
