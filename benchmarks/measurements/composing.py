"""What composing a mail takes, and nothing else.

`python -m benchmarks.measurements.composing MAILS REPETITIONS` prints the CPU of each repetition, in ms a mail.
"""

import json
import subprocess
import sys

from benchmarks.bench import Bench
from benchmarks.mails import submissions
from benchmarks.measurements.figures import Figure
from benchmarks.servers import PROJECT
from benchmarks.worker import cpu_seconds
from shared.clock import system_clock
from shared.delivery.composer import compose
from shared.messages.model import Content
from shared.messages.submission import parse_submission

_TOKEN = "x" * 60


def measure_composing(bench: Bench) -> Figure:
    """CPU in milliseconds a mail, in a process of its own."""
    scale = bench.scale
    done = subprocess.run(
        [sys.executable, "-m", __name__, str(scale.composed_mails), str(scale.repetitions)],
        cwd=PROJECT,
        check=True,
        capture_output=True,
        text=True,
    )
    return Figure.of(json.loads(done.stdout))


def _contents(count: int) -> list[Content]:
    return [Content.model_validate_json(parse_submission(each).content_json()) for each in submissions(count)]


def _cpu_ms(mails: int) -> float:
    contents = _contents(mails)
    now = system_clock()
    begun = cpu_seconds()
    for content in contents:
        compose(content, token=_TOKEN, composed_at=now)
    return (cpu_seconds() - begun) * 1_000 / mails


def composed_size() -> int:
    """Octets on the wire of a mail as it is measured."""
    [content] = _contents(1)
    return len(compose(content, token=_TOKEN, composed_at=system_clock()))


if __name__ == "__main__":
    count, repetitions = map(int, sys.argv[1:])
    _cpu_ms(100)
    print(json.dumps([_cpu_ms(count) for _ in range(repetitions)]))
