"""What a message costs the API, in calls of 100; and what it costs in write units, reports included."""

from dataclasses import dataclass

from benchmarks.bench import Bench, Unmeasurable
from benchmarks.mails import FULL_BATCH, batches, submissions
from benchmarks.measurements.figures import Figure

_WARM_UP_CALLS = 2


@dataclass(frozen=True, slots=True)
class WriteUnitFigures:
    """Of DynamoDB, per message: in all, and by the function that writes."""

    total: float
    api: float
    sender: float
    reporter: float


def measure_accepting(bench: Bench) -> Figure:
    """CPU of the API in milliseconds per accepted message."""
    measured: list[float] = []
    with bench.proxy() as (proxy, _):
        proxy.add_tenant("accepting", relay_port=bench.sink.port)
        for repetition in range(bench.scale.repetitions + 1):
            calls = bench.scale.api_batches if repetition else _WARM_UP_CALLS
            messages = list(submissions(calls * FULL_BATCH, priority="high"))
            cpu = sum(proxy.submit("accepting", batch).cpu_seconds for batch in batches(messages))
            if repetition:
                measured.append(cpu * 1_000 / len(messages))
    return Figure.of(measured)


def measure_write_units(bench: Bench) -> WriteUnitFigures:
    """From the call that submits to the event that is acknowledged, in calls of 100."""
    count = bench.scale.capacity_mails
    with (
        bench.proxy(counts_capacity=True) as (proxy, api),
        bench.lane("medium", counts_capacity=True) as lane,
        bench.reports(counts_capacity=True) as reports,
    ):
        proxy.add_tenant("capacity", relay_port=bench.sink.port, sync_url=bench.receiver.url)
        before = api.units
        for batch in batches(list(submissions(count))):
            proxy.submit("capacity", batch)
        reported = len(bench.receiver.events.all())
        lane.drain()
        reports.drain()
        reported = len(bench.receiver.events.all()) - reported
        if reported != count:
            raise Unmeasurable(f"{reported} events were reported of {count} mails")
        accepted, sent, told = api.units - before, lane.worker.units, reports.worker.units
    return WriteUnitFigures(
        total=(accepted + sent + told) / count, api=accepted / count, sender=sent / count, reporter=told / count
    )
