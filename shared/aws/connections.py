"""Kept HTTP/1.1 connections to one host, for the blocking calls of several threads."""

import http.client
import ssl
import time
from collections import deque
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

CONNECT_SECONDS = 3.0
READ_SECONDS = 10.0  # well before a Lambda's own time-out
MAX_IDLE = 16
_IDLE_SECONDS = 20.0  # AWS closes what has been idle for longer, and a frozen environment does not hear of it
_MAX_ANSWER = 64_000_000  # octets: four times the 16 MB of the largest batch, which JSON makes longer


class ConnectionLost(Exception):
    """No answer, or half of one. The call may or may not have been carried out."""


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
        self._port = parts.port
        self.host = parts.netloc
        self._idle: deque[tuple[http.client.HTTPConnection, float]] = deque()

    def post(self, headers: dict[str, str], body: bytes, path: str = "/") -> Answer:
        """Raises ConnectionLost; a kept connection that turns out to be dead is replaced first."""
        kept = self._kept()
        if kept is not None:
            try:
                return self._exchange(kept, path, headers, body)
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                kept.close()
            except (OSError, http.client.HTTPException) as error:
                raise _lost(kept, error) from error
        fresh = self._new()
        try:
            fresh.connect()
            fresh.sock.settimeout(READ_SECONDS)
            return self._exchange(fresh, path, headers, body)
        except (OSError, http.client.HTTPException) as error:
            raise _lost(fresh, error) from error

    def _exchange(
        self, connection: http.client.HTTPConnection, path: str, headers: dict[str, str], body: bytes
    ) -> Answer:
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        if response.length is not None and response.length > _MAX_ANSWER:
            raise http.client.HTTPException(f"the answer has {response.length} octets")
        content = response.read()
        answer = Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, content)
        if response.isclosed() and not response.will_close:
            self._keep(connection)
        else:
            connection.close()
        return answer

    def _keep(self, connection: http.client.HTTPConnection) -> None:
        self._idle.append((connection, time.monotonic()))
        if len(self._idle) > MAX_IDLE:
            self._idle.popleft()[0].close()

    def _kept(self) -> http.client.HTTPConnection | None:
        while True:
            try:
                connection, since = self._idle.pop()
            except IndexError:
                return None
            if time.monotonic() - since < _IDLE_SECONDS:
                return connection
            connection.close()

    def _new(self) -> http.client.HTTPConnection:
        if self._secure:
            return http.client.HTTPSConnection(
                self._host, self._port, timeout=CONNECT_SECONDS, context=_trusting_the_usual_authorities()
            )
        return http.client.HTTPConnection(self._host, self._port, timeout=CONNECT_SECONDS)


def _lost(connection: http.client.HTTPConnection, error: Exception) -> ConnectionLost:
    connection.close()
    return ConnectionLost(f"{type(error).__name__}: {error}")


@cache
def _trusting_the_usual_authorities() -> ssl.SSLContext:
    return ssl.create_default_context()
