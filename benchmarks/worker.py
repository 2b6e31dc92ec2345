"""A function's execution environment: a child process that runs a real handler, and counts the CPU it takes.

`python -m benchmarks.worker MODULE FD [capacity]` serves the handler of MODULE: one JSON document a line on standard
input, its answer on the file descriptor FD. What the handler prints goes where standard output goes. It ends when
standard input does, so it never outlives its parent.
"""

import contextlib
import importlib
import json
import os
import resource
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TextIO

import psutil
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, JsonValue

from benchmarks.capacity import WriteUnits
from localstack import STATE_DIRECTORY

PROJECT = Path(__file__).parent.parent
TIMEOUT_SECONDS = 120.0  # of the functions, as deployed on AWS

_END_SECONDS = 10.0

type Json = dict[str, JsonValue]
type Handler = Callable[[Json, LambdaContext], Json]


class WorkerError(RuntimeError):
    """The handler raised, or its process ended; the message says where its log is."""


class Invocation(BaseModel):
    """What a call of the handler answered and took. CPU is user and system time of the whole process.

    write_units: DynamoDB's, so far, if they are counted.
    """

    answer: Json
    cpu_seconds: float
    wall_seconds: float
    write_units: float = 0.0


@dataclass(frozen=True, slots=True)
class Memory:
    """Of the child process, in bytes: resident now, and at most so far."""

    resident: int
    peak: int


class Worker:
    """The child process, from its start to the end of the `with` block.

    module: of the handler, such as `functions.sender.handler`. environment: the function's variables.
    counts_capacity: counts DynamoDB's write units, which costs CPU. units: how many the process has consumed so far.
    """

    def __init__(
        self, name: str, module: str, environment: Mapping[str, str], *, counts_capacity: bool = False
    ) -> None:
        self._name = name
        self.log_path = STATE_DIRECTORY / f"bench-{name}.log"
        mine, theirs = os.pipe()
        arguments = [sys.executable, "-m", "benchmarks.worker", module, str(theirs)]
        self._answers: TextIO = os.fdopen(mine)
        self.units = 0.0
        try:
            STATE_DIRECTORY.mkdir(exist_ok=True)
            with self.log_path.open("wb") as log:
                self._process = subprocess.Popen(
                    [*arguments, *(["capacity"] if counts_capacity else [])],
                    cwd=PROJECT,
                    env={"PATH": os.defpath, "LANG": "C.UTF-8", **environment},
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    pass_fds=(theirs,),
                    start_new_session=True,  # Ctrl-C is for the program that measures, which then ends this in order
                    text=True,
                )
        finally:
            os.close(theirs)

    def invoke(self, event: Json) -> Invocation:
        """Calls the handler. One call at a time. Raises WorkerError."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(event) + "\n")
            self._process.stdin.flush()
            line = self._answers.readline()
        except (BrokenPipeError, ValueError) as error:
            raise WorkerError(f"the worker {self._name} has ended (log: {self.log_path})") from error
        if not line:
            raise WorkerError(f"the handler of {self._name} failed (log: {self.log_path})")
        invocation = Invocation.model_validate_json(line)
        self.units = invocation.write_units
        return invocation

    def memory(self) -> Memory:
        """Of the process as it is now."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        peak = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))
        return Memory(resident=psutil.Process(self._process.pid).memory_info().rss, peak=peak)

    def stop(self) -> None:
        """Ends the process, in the middle of a call too."""
        with contextlib.suppress(BrokenPipeError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        self._process.terminate()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._answers.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()


class _Context(LambdaContext):
    """What the runtime tells a handler of its call."""

    def __init__(self) -> None:
        self._function_name = "benchmark"
        self._function_version = "$LATEST"
        self._invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:benchmark"
        self._memory_limit_in_mb = 512
        self._aws_request_id = str(uuid.uuid4())
        self._deadline = time.monotonic() + TIMEOUT_SECONDS

    def get_remaining_time_in_millis(self) -> int:  # type: ignore[override]  # there a static method, for hints only
        return int((self._deadline - time.monotonic()) * 1_000)


def cpu_seconds() -> float:
    """User and system time of this process, all its threads included."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _serve(handler: Handler, events: Iterator[str], answers: TextIO, units: WriteUnits | None) -> None:
    for line in events:
        event = json.loads(line)
        context = _Context()
        cpu, wall = cpu_seconds(), time.perf_counter()
        answer = handler(event, context)
        invocation = Invocation(
            answer=answer,
            cpu_seconds=cpu_seconds() - cpu,
            wall_seconds=time.perf_counter() - wall,
            write_units=units.total if units is not None else 0.0,
        )
        print(invocation.model_dump_json(), file=answers, flush=True)


def _main(module: str, descriptor: str, *options: str) -> None:
    units = WriteUnits.counted() if "capacity" in options else None
    handler: Handler = importlib.import_module(module).handler
    with os.fdopen(int(descriptor), "w") as answers:
        _serve(handler, iter(sys.stdin), answers, units)


if __name__ == "__main__":
    _main(*sys.argv[1:])
