"""Serves a small ASGI application from a thread: the web side of the local peers."""

import socket
import threading
import time
from types import TracebackType
from typing import Final, Self

import uvicorn
from fastapi import FastAPI

HOST: Final = "127.0.0.1"

OWN_NAMES: Final = ("127.0.0.1", "localhost", "host.docker.internal")
"""What this machine is called, by itself and by its containers.

Applications answer to no other name: else a web page from elsewhere could read them, by pointing a name
of its own at 127.0.0.1.
"""

PATIENCE_SECONDS: Final = 10.0


class WebServer:
    """An HTTP server on loopback for one application; port 0 takes a free one.

    Use it as a context manager: inside, connections are accepted; after it, no thread and no port remains.
    """

    def __init__(self, application: FastAPI, *, name: str, port: int = 0) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._requested_port = port
        self._server = uvicorn.Server(
            uvicorn.Config(
                application,
                log_config=None,
                access_log=False,
                lifespan="off",
                timeout_graceful_shutdown=1,
                timeout_keep_alive=30,
            )
        )
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name=name, daemon=True
        )

    @property
    def url(self) -> str:
        """Address of the server, without a final slash. Valid once it was started."""
        return f"http://{HOST}:{self._socket.getsockname()[1]}"

    def start(self) -> None:
        """Listen, and return once requests are answered. Raises `OSError` when the port is taken."""
        try:
            self._socket.bind((HOST, self._requested_port))
        except OSError:
            self._socket.close()
            raise
        self._thread.start()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"the web server of {self._thread.name} did not start")
            time.sleep(0.01)

    def stop(self) -> None:
        """Finish the requests under way, close the port, end the thread."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(PATIENCE_SECONDS)
        self._socket.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
