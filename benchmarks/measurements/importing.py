"""How long the sender's handler takes to import, against `import fastapi, boto3`: what a cold start pays."""

import subprocess
import sys
from dataclasses import dataclass

from benchmarks.bench import Bench
from benchmarks.servers import PROJECT

_PROGRAM = """
import resource
def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
begun = cpu()
{statement}
print(cpu() - begun)
"""
_HANDLER = "import functions.sender.handler"
_YARDSTICK = "import fastapi, boto3"


@dataclass(frozen=True, slots=True)
class ImportFigures:
    """CPU in milliseconds, the best of several: the others were disturbed."""

    handler_ms: float
    yardstick_ms: float


def measure_importing(bench: Bench) -> ImportFigures:
    """Fresh interpreters, by turns; the first of each only writes its bytecode."""
    handler: list[float] = []
    yardstick: list[float] = []
    for _ in range(bench.scale.imports + 1):
        handler.append(_cpu_ms(_HANDLER))
        yardstick.append(_cpu_ms(_YARDSTICK))
    return ImportFigures(min(handler[1:]), min(yardstick[1:]))


def _cpu_ms(statement: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(statement=statement)],
        cwd=PROJECT,
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout) * 1_000
