"""Runs a tenant's sync endpoint on loopback."""

from collections.abc import Iterable
from types import TracebackType
from typing import Final, Self

from localstack.receiver.calls import Rule, SyncCall
from localstack.receiver.events import ReceivedEvent
from localstack.receiver.web import BasicAuth, BearerAuth, SyncEndpoint, receiver_application
from localstack.records import Records
from localstack.web import WebServer

SYNC_PATH: Final = "/mail-proxy/sync"


class Receiver:
    """A real HTTP server that takes delivery reports, remembers them and answers by script.

    ```python
    with Receiver(auth=BearerAuth("secret")) as receiver:
        receiver.add_rule(failing(2))
        tell_the_proxy(receiver.url)
        events = receiver.events.wait_for(3, timeout=10)
    ```
    """

    def __init__(
        self,
        *,
        auth: BearerAuth | BasicAuth | None = None,
        rules: Iterable[Rule] = (),
        sync_path: str = SYNC_PATH,
        port: int = 0,
    ) -> None:
        self._endpoint = SyncEndpoint(auth=auth, rules=list(rules))
        self._server = WebServer(receiver_application(self._endpoint, sync_path=sync_path), name="receiver", port=port)

    @property
    def url(self) -> str:
        """What a tenant gives as its `client_base_url`; no final slash."""
        return self._server.url

    @property
    def calls(self) -> Records[SyncCall]:
        """Every call of the sync endpoint, those it refused too."""
        return self._endpoint.calls

    @property
    def events(self) -> Records[ReceivedEvent]:
        """Every event that arrived in a call that was let in, repetitions too."""
        return self._endpoint.events

    def add_rule(self, rule: Rule) -> None:
        """Put a rule in front of the others."""
        self._endpoint.rules.insert(0, rule)

    def start(self) -> None:
        """Listen, and return once calls are answered."""
        self._server.start()

    def stop(self) -> None:
        """Close the port."""
        self._server.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
