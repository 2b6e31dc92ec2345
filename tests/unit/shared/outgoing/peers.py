"""A loopback HTTP peer that says exactly what a test wants it to say, octet by octet."""

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

type Conversation = Callable[[socket.socket], None]


class Peer:
    """Holds one conversation with each client that connects, and counts them; over TLS, if it is given a context."""

    def __init__(self, conversation: Conversation, tls: ssl.SSLContext | None = None) -> None:
        self.conversation = conversation
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._open: list[socket.socket] = []
        self.connections = 0
        self.requests: list[bytes] = []

    @property
    def url(self) -> str:
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self._listener.getsockname()[1]}"

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(client)
            try:
                if self._tls is not None:
                    client.settimeout(5)
                    client = self._tls.wrap_socket(client, server_side=True)
                    self._open.append(client)
                self.requests.append(read_request(client))
                self.conversation(client)
            except OSError:
                pass
            finally:
                client.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for client in self._open:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)


def read_request(client: socket.socket) -> bytes:
    """A request, head and body."""
    client.settimeout(5)
    request = b""
    while b"\r\n\r\n" not in request:
        request += received(client)
    head, _, body = request.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
    )
    while len(body) < length:
        body += received(client)
    return head + b"\r\n\r\n" + body


def received(client: socket.socket) -> bytes:
    """The next octets. Raises ConnectionError at the end."""
    octets = client.recv(65_536)
    if not octets:
        raise ConnectionError("closed by the client")
    return octets


def saying(octets: bytes) -> Conversation:
    """Sends `octets` and closes."""
    return lambda client: client.sendall(octets)


def answering(status: str, body: bytes = b"", *headers: str) -> Conversation:
    """A well-formed answer."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return saying("\r\n".join(head).encode() + b"\r\n\r\n" + body)


def until_the_client_leaves(octets: bytes = b"") -> Conversation:
    """Sends `octets`, then says no more."""

    def conversation(client: socket.socket) -> None:
        client.sendall(octets)
        while client.recv(65_536):
            pass

    return conversation
