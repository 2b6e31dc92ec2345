"""Runs a command for as long as whoever started it lives, and leaves no process of it behind.

`python -m localstack.guard SCRATCH COMMAND [ARGUMENT ...]` runs the command in a process group of its own.
It ends the whole group, and removes the folder SCRATCH, when its standard input closes: when the starter asks
for it, and also when the starter crashed or was killed.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType

# How long the command may take to end by itself before it is killed.
GRACE_SECONDS = 5.0


def guard(scratch: Path, command: list[str]) -> int:
    """Runs the command until it ends or standard input closes; returns its exit status."""
    stop = threading.Event()

    def on_signal(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)

    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0)
    try:
        threading.Thread(target=_when_input_closes, args=(stop,), daemon=True).start()
        threading.Thread(target=_when_it_ends, args=(process, stop), daemon=True).start()
        stop.wait()
    finally:
        _end_group(process)
        shutil.rmtree(scratch, ignore_errors=True)
    return process.returncode


def _when_input_closes(stop: threading.Event) -> None:
    # Not sys.stdin: its lock would be held here when the interpreter shuts down.
    while os.read(0, 1024):
        pass
    stop.set()


def _when_it_ends(process: subprocess.Popen[bytes], stop: threading.Event) -> None:
    process.wait()
    stop.set()


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Asks the leader to end, then kills what is left of its group: workers outlive a leader that ends."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


if __name__ == "__main__":
    sys.exit(guard(Path(sys.argv[1]), sys.argv[2:]))
