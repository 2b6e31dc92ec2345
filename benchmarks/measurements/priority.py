"""How long an immediate mail takes from its acceptance to the relay's 250, alone and with a full low lane."""

import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks.bench import Bench, Unmeasurable
from benchmarks.lanes import RunningLane
from benchmarks.mails import batches, submissions
from benchmarks.proxy import Proxy
from benchmarks.relay import Relay

LATENCY_MS = 20

_TENANT = "priority"
_A_CALL = 500
_WARM_UP = 3
_PATIENCE_SECONDS = 60.0
_BETWEEN_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class PriorityFigures:
    """Medians, in milliseconds; and how many low mails were still queued at the end."""

    idle_ms: float
    loaded_ms: float
    still_queued: int


def measure_priority(bench: Bench) -> PriorityFigures:
    """One account; each lane has one worker, in a process of its own, and all poll at a time."""
    scale = bench.scale
    with ExitStack() as running:
        relay = running.enter_context(Relay(latency_ms=LATENCY_MS))
        proxy, _ = running.enter_context(bench.proxy())
        proxy.add_tenant(_TENANT, relay_port=relay.port)
        lanes = [
            running.enter_context(RunningLane(running.enter_context(bench.lane(lane)))) for lane in ("immediate", "low")
        ]
        _latencies_ms(proxy, relay, _WARM_UP)
        idle = _latencies_ms(proxy, relay, scale.priority_samples)
        low = list(submissions(scale.low_queued, priority="low"))
        for batch in batches(low, _A_CALL):
            proxy.submit(_TENANT, batch)
        relay.wait_for(str(low[0]["id"]), timeout=_PATIENCE_SECONDS)
        loaded = _latencies_ms(proxy, relay, scale.priority_samples)
        still_queued = len(low) - len({str(each["id"]) for each in low} & relay.taken().keys())
        if still_queued == 0:
            raise Unmeasurable("the low lane was empty before the last immediate mail was sent")
        for lane in lanes:
            lane.check()
    return PriorityFigures(statistics.median(idle), statistics.median(loaded), still_queued)


def _latencies_ms(proxy: Proxy, relay: Relay, samples: int) -> list[float]:
    latencies: list[float] = []
    for message in submissions(samples, priority="immediate"):
        proxy.submit(_TENANT, [message])
        accepted = time.monotonic()
        latencies.append((relay.wait_for(str(message["id"]), timeout=_PATIENCE_SECONDS) - accepted) * 1_000)
        time.sleep(_BETWEEN_SECONDS)
    return latencies
