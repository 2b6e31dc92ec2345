"""Starts and stops the embedded AWS (ministack) on a free loopback port.

It runs in an environment of its own, with a clean set of variables, and can't outlive the process that
started it: `localstack.guard` ends its whole process group, Lambda workers included.
"""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from types import TracebackType
from typing import Self

from localstack import ACCESS_KEY, REGION, SECRET_KEY, STATE_DIRECTORY
from localstack.guard import GRACE_SECONDS

PROJECT = STATE_DIRECTORY.parent
LOG_DIRECTORY = STATE_DIRECTORY
PYTHON = PROJECT / ".tools" / "ministack" / "bin" / "python"

_READY_SECONDS = 60.0
# The guard's grace, and then the removal of what may be a gigabyte of unpacked functions on a busy disk.
_STOP_SECONDS = GRACE_SECONDS + 60.0
_POLL_SECONDS = 0.05
_LOG_TAIL_LINES = 30


class EmulatorError(RuntimeError):
    """The embedded AWS could not be started; the message says why and where its log is."""


class Emulator:
    """An embedded AWS, running between `with Emulator() as emulator:` and the end of the block.

    name: tells the log files of several emulators apart (`.local/<name>.log`).
    Raises EmulatorError when it isn't installed or does not answer in time.
    """

    def __init__(self, name: str = "emulator") -> None:
        self.port = _free_port()
        self.endpoint_url = f"http://127.0.0.1:{self.port}"
        self.log_path = LOG_DIRECTORY / f"{name}.log"
        self._guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Starts it and returns when it answers."""
        if not PYTHON.exists():
            raise EmulatorError("The embedded AWS is not installed yet: run `make setup`.")
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        scratch = tempfile.mkdtemp(prefix="mail-proxy-aws-")
        with self.log_path.open("wb") as log:
            self._guard = subprocess.Popen(
                [sys.executable, "-m", "localstack.guard", scratch, str(PYTHON), "-m", "ministack"],
                cwd=PROJECT,
                env=self._environment(scratch),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C in the terminal is for the program that uses it, which then stops it in order.
                start_new_session=True,
            )
        self._wait_until_ready(self._guard)

    def stop(self) -> None:
        """Ends it and all its workers; does nothing if it isn't running."""
        guard, self._guard = self._guard, None
        if guard is None:
            return
        if guard.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                guard.stdin.close()
        try:
            guard.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            guard.kill()
            guard.wait()

    def log_tail(self) -> str:
        """The last lines of its log, for error messages."""
        if not self.log_path.exists():
            return ""
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:])

    def _environment(self, scratch: str) -> dict[str, str]:
        """All that it may see of this machine: host credentials, profiles and endpoints stay outside."""
        return {
            "PATH": os.defpath,
            "HOME": scratch,
            "TMPDIR": scratch,
            "STATE_DIR": f"{scratch}/state",
            "S3_DATA_DIR": f"{scratch}/s3",
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": "127.0.0.1",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": REGION,
            "MINISTACK_REGION": REGION,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            # It would look for containers to clean up in a Docker that is none of its business.
            "DOCKER_HOST": f"unix://{scratch}/no-docker.sock",
        }

    def _wait_until_ready(self, guard: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline:
            if guard.poll() is not None:
                raise EmulatorError(f"The embedded AWS ended at once (log: {self.log_path}):\n{self.log_tail()}")
            if _answers(f"{self.endpoint_url}/_ministack/health"):
                return
            time.sleep(_POLL_SECONDS)
        raise EmulatorError(
            f"The embedded AWS did not answer within {_READY_SECONDS:.0f} seconds (log: {self.log_path}):\n"
            f"{self.log_tail()}"
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(url: str) -> bool:
    # Without the environment's proxies, which know nothing of this machine's loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
