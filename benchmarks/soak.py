"""`make soak`: the sender's memory, over 20,000 small mails, and with attachments of 1 MB.

One warm sender works them all, as an execution environment of Lambda does. Its resident memory is looked at after each
thousand: from the first to the last it must not have grown by more than `GROWTH_MB`. With attachments its peak must
stay below `PEAK_MB`. Writes `benchmarks/results/soak.json`.
"""

import argparse
import os
import subprocess
import sys
from datetime import UTC, datetime

from pydantic import BaseModel

from benchmarks.bench import Bench, Unmeasurable, bench
from benchmarks.lanes import Lane
from benchmarks.mails import Message, batches, submissions, with_attachment
from benchmarks.proxy import Proxy, Refused
from benchmarks.results import RESULTS
from benchmarks.scale import FULL
from benchmarks.servers import PROJECT, ServerError
from benchmarks.worker import WorkerError
from localstack.system import START_ERRORS, Stopped, ended_by_signals

GROWTH_MB = 10.0
PEAK_MB = 256.0
ATTACHMENT_BYTES = 1024 * 1024

_MB = 1024 * 1024
_STEP = 1_000
_A_CALL = 500
_LARGE_A_CALL = 4  # Lambda takes 6 MB
_ERRORS = (*START_ERRORS, ServerError, WorkerError, Refused, Unmeasurable, TimeoutError, subprocess.SubprocessError)


class SoakResults(BaseModel):
    """Megabytes of resident memory of the sender's process; `small_mb` after each thousand mails."""

    date: str
    small_mb: list[float]
    growth_mb: float
    large_mails: int
    large_peak_mb: float

    @property
    def is_flat(self) -> bool:
        return self.growth_mb <= GROWTH_MB

    @property
    def is_small(self) -> bool:
        return self.large_peak_mb < PEAK_MB


def main() -> int:
    """0 when memory is as it should be, 1 when not or when it could not be measured, 128 + signal when stopped."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="3,000 small mails and 20 large ones, for developing")
    quick = parser.parse_args().quick
    try:
        with ended_by_signals(), bench(FULL, _say) as running:
            results = _soak(running, steps=3 if quick else 20, large=20 if quick else 200)
    except _ERRORS as error:
        print(f"\nThe soak could not be run: {error}", file=sys.stderr)
        return 1
    except Stopped as stopped:
        print("stopped before the end", file=sys.stderr)
        return stopped.exit_status
    _say(f"growth {results.growth_mb:.1f} MB, at most {GROWTH_MB:.0f}: {_verdict(ok=results.is_flat)}")
    _say(
        f"peak {results.large_peak_mb:.0f} MB with 1 MB attachments, below {PEAK_MB:.0f}:"
        f" {_verdict(ok=results.is_small)}"
    )
    if not quick:
        path = RESULTS / "soak.json"
        path.write_text(results.model_dump_json(indent=2) + os.linesep)
        _say(f"written to {path.relative_to(PROJECT)}")
    return 0 if results.is_flat and results.is_small else 1


def _soak(running: Bench, *, steps: int, large: int) -> SoakResults:
    small: list[float] = []
    with running.proxy() as (proxy, _):
        proxy.add_tenant("soak", relay_port=running.sink.port, sync_url=running.receiver.url)
        with running.lane("medium") as lane:
            for step in range(1, steps + 1):
                _send(running, proxy, lane, list(submissions(_STEP)), _A_CALL)
                small.append(lane.worker.memory().resident / _MB)
                running.say(f"{step * _STEP:6,} mails: {small[-1]:6.1f} MB")
        with running.lane("medium") as lane:
            for batch in range(0, large, _LARGE_A_CALL):
                messages = [with_attachment(ATTACHMENT_BYTES) for _ in range(_LARGE_A_CALL)]
                _send(running, proxy, lane, messages, _LARGE_A_CALL)
                memory = lane.worker.memory()
                if batch % 40 == 0:
                    running.say(
                        f"{batch + _LARGE_A_CALL:4} mails of 1 MB: {memory.resident / _MB:6.1f} MB,"
                        f" peak {memory.peak / _MB:.1f} MB"
                    )
            peak = lane.worker.memory().peak / _MB
    return SoakResults(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        small_mb=[round(each, 1) for each in small],
        growth_mb=round(small[-1] - small[0], 1),
        large_mails=large,
        large_peak_mb=round(peak, 1),
    )


def _send(running: Bench, proxy: Proxy, lane: Lane, messages: list[Message], a_call: int) -> None:
    before = running.sink.mails
    for batch in batches(messages, a_call):
        proxy.submit("soak", batch)
    lane.drain()
    if running.sink.mails - before != len(messages):
        raise Unmeasurable(f"the relay took {running.sink.mails - before} of {len(messages)} mails")


def _verdict(*, ok: bool) -> str:
    return "met" if ok else "NOT MET"


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
