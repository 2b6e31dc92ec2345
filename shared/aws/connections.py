"""Kept HTTP/1.1 connections to one host, for the blocking calls of several threads.

Answers are read by httptools, the parser of Node.js: `http.client` has Python's parser of mails read them, which took a
fifth of the CPU that a mail costs the sender (docs/adr/0037).
"""

import socket
import ssl
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

from httptools import HttpParserError, HttpResponseParser

CONNECT_SECONDS = 3.0
READ_SECONDS = 10.0  # well before a Lambda's own time-out
MAX_IDLE = 16
_IDLE_SECONDS = 20.0  # AWS closes what has been idle for longer, and a frozen environment does not hear of it
_MAX_ANSWER = 64_000_000  # octets: four times the 16 MB of the largest batch, which JSON makes longer
_A_READ = 65_536  # octets


class ConnectionLost(Exception):
    """No answer, or half of one. The call may or may not have been carried out."""


class _Unanswered(Exception):
    """The connection was closed without a word: if it had been kept, the host may never have seen the call."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; the names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connections:
    """Opens a connection when none is idle. Safe to use from several threads: each call has one to itself."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._secure = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._secure else 80)
        self.host = parts.netloc
        self._idle: deque[tuple[socket.socket, float]] = deque()

    def post(self, headers: Mapping[str, str], body: bytes, path: str = "/") -> Answer:
        """Raises ConnectionLost; a kept connection that turns out to be dead is replaced first.

        headers: `Host` among them; `Content-Length` is added.
        """
        request = _request(path, headers, body)
        kept = self._kept()
        if kept is not None:
            try:
                return self._exchange(kept, request)
            except (_Unanswered, ConnectionResetError, BrokenPipeError):
                pass  # closed while it was idle
            except (OSError, HttpParserError, ConnectionLost) as error:
                raise _lost(error) from error
        try:
            return self._exchange(self._new(), request)
        except (OSError, HttpParserError, ConnectionLost, _Unanswered) as error:
            raise _lost(error) from error

    def _exchange(self, connection: socket.socket, request: bytes) -> Answer:
        """The connection is kept, or closed."""
        try:
            connection.sendall(request)
            reading = _Reading(connection)
        except BaseException:
            connection.close()
            raise
        if reading.may_be_kept:
            self._keep(connection)
        else:
            connection.close()
        return reading.answer

    def _keep(self, connection: socket.socket) -> None:
        self._idle.append((connection, time.monotonic()))
        if len(self._idle) > MAX_IDLE:
            self._idle.popleft()[0].close()

    def _kept(self) -> socket.socket | None:
        while True:
            try:
                connection, since = self._idle.pop()
            except IndexError:
                return None
            if time.monotonic() - since < _IDLE_SECONDS:
                return connection
            connection.close()

    def _new(self) -> socket.socket:
        connection = socket.create_connection((self._host, self._port), CONNECT_SECONDS)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._secure:
                connection = _trusting_the_usual_authorities().wrap_socket(connection, server_hostname=self._host)
            connection.settimeout(READ_SECONDS)
        except BaseException:
            connection.close()
            raise
        return connection


class _Reading:
    """An answer while it comes in; the callbacks are httptools'. Raises _Unanswered, ConnectionLost, HttpParserError
    and what sockets raise."""

    def __init__(self, connection: socket.socket) -> None:
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._is_whole = False
        self._parser = HttpResponseParser(self)
        received = 0
        while not self._is_whole:
            data = connection.recv(_A_READ)
            if not data:
                raise ConnectionLost("half of an answer") if received else _Unanswered("no answer")
            received += len(data)
            if received > _MAX_ANSWER:
                raise ConnectionLost(f"the answer has more than {_MAX_ANSWER} octets")
            self._parser.feed_data(data)
        self.answer = Answer(self._parser.get_status_code(), self._headers, b"".join(self._body))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self.may_be_kept = self._parser.should_keep_alive()
        self._is_whole = True


def _request(path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return f"{'\r\n'.join(lines)}\r\nContent-Length: {len(body)}\r\n\r\n".encode("latin-1") + body


def _lost(error: Exception) -> ConnectionLost:
    return ConnectionLost(f"{type(error).__name__}: {error}")


@cache
def _trusting_the_usual_authorities() -> ssl.SSLContext:
    return ssl.create_default_context()
