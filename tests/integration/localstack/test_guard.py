"""Nothing that was started on this machine stays behind, whatever happens to its starter."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

DEADLINE_SECONDS = 20.0

# A server that ignores SIGTERM, with a worker in the same process group; it names both, then waits.
STUBBORN_SERVER = """
import signal, subprocess, sys, os, pathlib
signal.signal(signal.SIGTERM, signal.SIG_IGN)
worker = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
pids = pathlib.Path(sys.argv[1])
pids.with_suffix(".new").write_text(f"{os.getpid()} {worker.pid}")
pids.with_suffix(".new").rename(pids)
signal.pause()
"""
# A program that starts a guarded server, as the demo does, and then hangs.
STARTER = """
import subprocess, sys, signal
subprocess.Popen([sys.executable, "-m", "localstack.guard", *sys.argv[1:]], stdin=subprocess.PIPE)
signal.pause()
"""


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    (folder / "left-over").touch()
    return folder


@pytest.fixture
def server(tmp_path: Path) -> list[str]:
    """The command of a stubborn server."""
    return [sys.executable, "-c", STUBBORN_SERVER, str(tmp_path / "pids")]


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()
        if process.stdin is not None:
            process.stdin.close()


def test_a_server_and_its_workers_end_when_the_starter_asks(
    tmp_path: Path, scratch: Path, server: list[str], started: list[subprocess.Popen[bytes]]
) -> None:
    guard = subprocess.Popen([sys.executable, "-m", "localstack.guard", str(scratch), *server], stdin=subprocess.PIPE)
    started.append(guard)
    pids = _pids(tmp_path)

    assert guard.stdin is not None
    guard.stdin.close()
    guard.wait(DEADLINE_SECONDS)

    _wait_until_gone(pids)
    assert not scratch.exists()


def test_a_server_and_its_workers_end_when_the_starter_is_killed(
    tmp_path: Path, scratch: Path, server: list[str], started: list[subprocess.Popen[bytes]]
) -> None:
    starter = subprocess.Popen([sys.executable, "-c", STARTER, str(scratch), *server])
    started.append(starter)
    pids = _pids(tmp_path)

    starter.kill()

    _wait_until_gone(pids)


def test_a_command_that_ends_by_itself_ends_the_guard_with_its_status(scratch: Path) -> None:
    command = [sys.executable, "-m", "localstack.guard", str(scratch), sys.executable, "-c", "exit(3)"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as guard:
        assert guard.wait(DEADLINE_SECONDS) == 3
    assert not scratch.exists()


def _pids(folder: Path) -> list[int]:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (folder / "pids").exists():
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.02)
    return [int(pid) for pid in (folder / "pids").read_text().split()]


def _wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while left := [pid for pid in pids if _runs(pid)]:
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.02)


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
