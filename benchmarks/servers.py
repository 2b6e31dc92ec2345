"""Starts the servers that are measured with: each in a process group of its own, ended whatever happens here."""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from localstack import STATE_DIRECTORY
from localstack.guard import GRACE_SECONDS

PROJECT = Path(__file__).parent.parent
HOST = "127.0.0.1"

_READY_SECONDS = 30.0
_POLL_SECONDS = 0.02
_LOG_TAIL_BYTES = 2_000


class ServerError(RuntimeError):
    """A server did not start, or a tool of it is not installed; the message says what to do or where its log is."""


class Server:
    """A command that listens on a free loopback port between `with` and the end of the block.

    command: "{port}" and "{scratch}" in it, and in the environment, stand for the port and a folder that is removed
    at the end.
    """

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.port = _free_port()
        self.output_path = STATE_DIRECTORY / f"bench-{name}.log"
        self._name = name
        self._command = command
        self._environment = environment
        self._guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        scratch = tempfile.mkdtemp(prefix="mail-proxy-bench-")
        filled = [each.format(port=self.port, scratch=scratch) for each in self._command]
        given = {name: value.format(port=self.port, scratch=scratch) for name, value in self._environment.items()}
        STATE_DIRECTORY.mkdir(exist_ok=True)
        with self.output_path.open("wb") as output:
            self._guard = subprocess.Popen(
                [sys.executable, "-m", "localstack.guard", scratch, *filled],
                cwd=PROJECT,
                env={"PATH": os.defpath, "LANG": "C.UTF-8", "HOME": scratch, **given},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait_until_it_listens(self._guard)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the whole group."""
        guard, self._guard = self._guard, None
        if guard is None or guard.stdin is None:
            return
        with contextlib.suppress(BrokenPipeError):
            guard.stdin.close()
        try:
            guard.wait(2 * GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            guard.kill()
            guard.wait()

    def cpu_seconds(self) -> float:
        """User and system time so far of the command and all its living descendants; the guard's own is left out."""
        if self._guard is None:
            raise ServerError(f"{self._name} does not run")
        times = [each.cpu_times() for each in psutil.Process(self._guard.pid).children(recursive=True)]
        if not times:
            raise ServerError(f"{self._name} has ended: {self._log_tail()}")
        return float(sum(each.user + each.system + each.children_user + each.children_system for each in times))

    def _wait_until_it_listens(self, guard: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline and guard.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection((HOST, self.port), timeout=1):
                return
            time.sleep(_POLL_SECONDS)
        raise ServerError(f"{self._name} did not start: {self._log_tail()}")

    def _log_tail(self) -> str:
        return f"{self.output_path}\n{self.output_path.read_text(errors='replace')[-_LOG_TAIL_BYTES:]}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
