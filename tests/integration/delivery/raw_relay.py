"""A relay that says exactly what a test wants it to say, octet by octet, whether or not that is SMTP."""

import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Self

_DRIP_SECONDS = 0.005
_USUAL = {
    "greeting": b"220 raw.localhost ESMTP\r\n",
    "EHLO": b"250-raw.localhost\r\n250 SIZE 10000000\r\n",
    "MAIL": b"250 2.1.0 ok\r\n",
    "RCPT": b"250 2.1.5 ok\r\n",
    "DATA": b"354 go on\r\n",
    "dot": b"250 2.0.0 taken\r\n",
    "RSET": b"250 2.0.0 ok\r\n",
    "QUIT": b"221 2.0.0 bye\r\n",
}


class RawRelay:
    """`says` replaces the usual reply to a command (its first four letters, `greeting`, or `dot`); None closes the
    connection. `drips` are said again and again, octet by octet, until the other side hangs up."""

    host = "127.0.0.1"

    def __init__(
        self, says: Mapping[str, bytes | None] | None = None, *, drips: Mapping[str, bytes] | None = None
    ) -> None:
        self.says: dict[str, bytes | None] = dict(says or {})
        self._drips = dict(drips or {})
        self.texts: list[bytes] = []
        self.commands: list[bytes] = []
        self.connections = 0
        self._listener = socket.create_server((self.host, 0))
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(client)
            self._threads.append(threading.Thread(target=self._converse, args=(client,), daemon=True))
            self._threads[-1].start()

    def _converse(self, client: socket.socket) -> None:
        with suppress(OSError), client, client.makefile("rb") as lines:
            if not self._say(client, "greeting"):
                return
            for line in lines:
                self.commands.append(line)
                verb = line[:4].decode("latin-1").upper()
                if not self._say(client, verb) or verb == "QUIT":
                    return
                if verb == "DATA" and (self.says.get("DATA") or _USUAL["DATA"]).startswith(b"354"):
                    text = b""
                    for part in lines:
                        if part == b".\r\n":
                            break
                        text += part
                    self.texts.append(text)
                    if not self._say(client, "dot"):
                        return

    def _say(self, client: socket.socket, key: str) -> bool:
        while key in self._drips:
            for octet in self._drips[key]:
                client.sendall(bytes([octet]))
                time.sleep(_DRIP_SECONDS)
        reply = self.says.get(key, _USUAL.get(key, b"502 5.5.2 unknown\r\n"))
        if reply is None:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            return False
        client.sendall(reply)
        return True

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for client in self._open:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
