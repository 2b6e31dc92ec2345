"""Runs the inbox's SMTP side: a listener with a thread and an event loop of its own.

Tests and the demo start it in their own process; it blocks nobody, whether the caller is asynchronous or not.
"""

import asyncio
import contextlib
import itertools
import socket
import threading
from collections.abc import Coroutine, Iterable
from types import TracebackType
from typing import Final, Self

from localstack.inbox.behaviour import DEFAULT_MAX_SIZE, Behaviour, Credentials, Tls, TlsMode
from localstack.inbox.mailbox import Mailbox
from localstack.inbox.script import ReplyScript, Rule
from localstack.inbox.smtp import InboxProtocol

HOST: Final = "127.0.0.1"
BACKLOG: Final = 200
PATIENCE_SECONDS: Final = 10.0


class Inbox:
    """A real SMTP server on loopback that keeps what it receives and answers by script.

    ```python
    with Inbox(rules=[answer(Stage.RCPT, Reply("451 4.7.1 later"), first=1)]) as inbox:
        send_to(inbox.host, inbox.port)
        (mail,) = inbox.mailbox.mails.wait_for(1, timeout=5)
    ```

    `port` 0 takes a free one. `behaviour.latency_seconds` and `script` may be changed while it runs.
    """

    def __init__(
        self,
        *,
        rules: Iterable[Rule] = (),
        tls: Tls | None = None,
        credentials: Credentials | None = None,
        latency_seconds: float = 0.0,
        max_size: int = DEFAULT_MAX_SIZE,
        smtputf8: bool = False,
        port: int = 0,
    ) -> None:
        self.script = ReplyScript(rules)
        self.mailbox = Mailbox()
        self.behaviour = Behaviour(
            script=self.script,
            tls=tls,
            credentials=credentials,
            latency_seconds=latency_seconds,
            max_size=max_size,
            smtputf8=smtputf8,
        )
        self.host = HOST
        self.port = port
        self._numbers = itertools.count(1)
        self._connections = 0
        self._open: set[int] = set()
        self._reserved: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="inbox-smtp", daemon=True)

    @property
    def connections(self) -> int:
        """How many connections were accepted since the start."""
        return self._connections

    @property
    def open_connections(self) -> int:
        """How many connections are open now."""
        return len(self._open)

    def start(self) -> None:
        """Bind, listen, return once connections are accepted. Raises `OSError` when the port is taken."""
        reserved = self._bind()
        self._thread.start()
        self._call(self._listen(reserved))

    def stop(self) -> None:
        """Close the listener and every connection, and end the thread. Does nothing the second time."""
        if not self._thread.is_alive():
            return
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_SECONDS)
        if self._reserved is not None:
            self._reserved.close()

    def go_down(self) -> None:
        """Break every connection and refuse new ones; the port stays reserved for `come_back`."""
        self._call(self._close())
        # Bound, but not listening: the kernel refuses connections and gives the port to nobody else.
        self._reserved = self._bind()

    def come_back(self) -> None:
        """Accept connections again, on the same port."""
        reserved, self._reserved = self._reserved or self._bind(), None
        self._call(self._listen(reserved))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _bind(self) -> socket.socket:
        bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((self.host, self.port))
        except OSError:
            bound.close()
            raise
        self.port = bound.getsockname()[1]
        return bound

    async def _listen(self, bound: socket.socket) -> None:
        tls = self.behaviour.tls
        implicit = tls.context if tls is not None and tls.mode is TlsMode.IMPLICIT else None
        self._server = await self._loop.create_server(self._accept, sock=bound, ssl=implicit, backlog=BACKLOG)

    async def _close(self) -> None:
        if self._server is None:
            return
        self._server.close()
        self._server.abort_clients()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._server.wait_closed()
        self._server = None

    def _accept(self) -> InboxProtocol:
        self._connections = next(self._numbers)
        return InboxProtocol(
            behaviour=self.behaviour,
            mailbox=self.mailbox,
            connection=self._connections,
            open_connections=self._open,
        )

    def _call(self, work: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_SECONDS * 2)

    def _run(self) -> None:
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(self._cancel_the_rest())
            self._loop.close()

    async def _cancel_the_rest(self) -> None:
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
