"""`make bench`: measures everything in one run, prints the table, and writes `benchmarks/results/latest.json` and the
table of `docs/benchmarks.md`.

`python -m benchmarks --quick` runs on a small scale, for those who work on the measurements; it writes nothing.
"""

import argparse
import contextlib
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.bench import Bench, Unmeasurable, bench
from benchmarks.measurements.accepting import measure_accepting, measure_write_units
from benchmarks.measurements.composing import composed_size, measure_composing
from benchmarks.measurements.importing import measure_importing
from benchmarks.measurements.peer import measure_peer, measure_peer_priority
from benchmarks.measurements.priority import measure_priority
from benchmarks.measurements.sending import measure_pooling, measure_sending
from benchmarks.proxy import Refused
from benchmarks.results import DOCUMENT, LATEST, Measured, Results, installed_versions
from benchmarks.scale import FULL, QUICK
from benchmarks.servers import PROJECT, ServerError
from benchmarks.worker import WorkerError
from localstack.system import START_ERRORS, Stopped, ended_by_signals

_ERRORS = (*START_ERRORS, ServerError, WorkerError, Refused, Unmeasurable, TimeoutError, subprocess.CalledProcessError)


def main() -> int:
    """0 when everything was measured, whether or not budgets are met; 1 when not; 128 + signal when stopped."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small scale, for developing")
    quick = parser.parse_args().quick
    try:
        with ended_by_signals(), bench(QUICK if quick else FULL, _say) as running:
            results = _results(_measured(running), quick=quick)
    except _ERRORS as error:
        output = getattr(error, "stderr", None)
        print(f"\nThe benchmark could not be run: {error}\n{output or ''}", file=sys.stderr)
        return 1
    except Stopped as stopped:
        print("stopped before the end", file=sys.stderr)
        return stopped.exit_status
    print(f"\n{results.summary()}")
    if not quick:
        results.write()
        print(f"written to {LATEST.relative_to(PROJECT)} and {DOCUMENT.relative_to(PROJECT)}")
    return 0


def _measured(running: Bench) -> Measured:
    return Measured(
        importing=_step("import time", measure_importing, running),
        composing=_step("composing", measure_composing, running),
        composed_bytes=composed_size(),
        accepting=_step("api", measure_accepting, running),
        sending=_step("sender and reporter", measure_sending, running),
        pooling=_step("pooling", measure_pooling, running),
        write_units=_step("write units", measure_write_units, running),
        priority=_step("priority", measure_priority, running),
        peer=_step("the peer", measure_peer, running),
        peer_priority=_step("the peer's priority", measure_peer_priority, running),
    )


def _step[T](name: str, measure: Callable[[Bench], T], running: Bench) -> T:
    with _timed(running, name):
        return measure(running)


@contextlib.contextmanager
def _timed(running: Bench, name: str) -> Iterator[None]:
    begun = time.monotonic()
    yield
    running.say(f"measured {name} ({time.monotonic() - begun:.0f} s)")


def _results(measured: Measured, *, quick: bool) -> Results:
    return Results.of(
        measured,
        installed_versions(),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        quick=quick,
        machine=_machine(),
    )


def _machine() -> str:
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    model = models[0].partition(":")[2].strip() if models else platform.machine()
    return f"{os.cpu_count()} cores, {model}, load {os.getloadavg()[0]:.1f} at the end"


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
