"""A relay at a distance: it answers each command after a delay, and tells when it said 250 to which mail.

`python -m benchmarks.relay PORT LATENCY_MS` prints, for each mail, the instant of that 250 (seconds of the system-wide
monotonic clock) and the mail's subject.
"""

import asyncio
import sys
import threading
import time
from typing import Self

from benchmarks.servers import HOST, Server

_POLL_SECONDS = 0.005


class Relay(Server):
    """The relay in a process of its own, so that nothing that runs here delays it."""

    def __init__(self, *, latency_ms: int) -> None:
        super().__init__("relay", [sys.executable, "-m", "benchmarks.relay", "{port}", str(latency_ms)], {})
        self._taken: dict[str, float] = {}
        self._read = 0
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        super().__enter__()
        return self

    def taken(self) -> dict[str, float]:
        """By subject, when the relay said 250 to the mail."""
        with self._lock, self.output_path.open("rb") as output:
            output.seek(self._read)
            complete, _, _ = output.read().rpartition(b"\n")
            self._read += len(complete) + 1 if complete else 0
            for line in complete.decode().splitlines():
                instant, _, subject = line.partition(" ")
                self._taken[subject] = float(instant)
            return dict(self._taken)

    def wait_for(self, subject: str, *, timeout: float) -> float:
        """When the relay said 250 to the mail. Raises TimeoutError."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            instant = self.taken().get(subject)
            if instant is not None:
                return instant
            time.sleep(_POLL_SECONDS)
        raise TimeoutError(f"the relay did not get {subject} within {timeout:.0f} s")


class _Conversation:
    """One connection: just enough of RFC 5321 for a client that sends mail."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, latency: float) -> None:
        self._reader = reader
        self._writer = writer
        self._latency = latency

    async def run(self) -> None:
        await self._say("220 relay ESMTP")
        while line := await self._reader.readline():
            verb = line[:4].upper()
            if verb == b"QUIT":
                await self._say("221 2.0.0 bye")
                return
            if verb == b"DATA":
                await self._take_mail()
            elif verb == b"EHLO":
                await self._say("250-relay\r\n250 8BITMIME")
            else:
                await self._say("250 2.0.0 ok")

    async def _take_mail(self) -> None:
        await self._say("354 go ahead")
        subject = ""
        while (line := await self._reader.readline()) != b".\r\n":
            if not line:
                return
            if not subject and line.lower().startswith(b"subject:"):
                subject = line.partition(b":")[2].decode().strip()
        await self._say("250 2.0.0 taken")
        sys.stdout.write(f"{time.monotonic():.6f} {subject}\n")
        sys.stdout.flush()

    async def _say(self, reply: str) -> None:
        await asyncio.sleep(self._latency)
        self._writer.write(reply.encode() + b"\r\n")
        await self._writer.drain()


async def _serve(port: int, latency: float) -> None:
    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _Conversation(reader, writer, latency).run()
        except ConnectionError:
            return
        finally:
            writer.close()

    server = await asyncio.start_server(converse, HOST, port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2]) / 1_000))
