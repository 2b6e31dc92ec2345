"""What a mail costs the sender, and then the reporter: wake-ups as SQS delivers them, the real handlers, smtp-sink."""

from dataclasses import dataclass

from benchmarks.bench import Bench, Unmeasurable
from benchmarks.lanes import Lane, cpu_of
from benchmarks.mails import batches, submissions
from benchmarks.measurements.figures import Figure
from benchmarks.proxy import Proxy

_WARM_UP = 90  # one slice
_A_CALL = 500  # as many 5 KB mails as fit well into Lambda's 6 MB


@dataclass(frozen=True, slots=True)
class SendingFigures:
    """CPU in milliseconds a mail."""

    sender: Figure
    reporter: Figure
    messages_per_second: Figure


@dataclass(frozen=True, slots=True)
class PoolingFigures:
    """CPU of the sender in milliseconds a mail, connections kept for 100 mails and for one."""

    kept: Figure
    reconnecting: Figure


def measure_sending(bench: Bench) -> SendingFigures:
    """Everything that a mail takes in a warm sender: load, compose, SMTP, record, outbox."""
    sender: list[float] = []
    reporter: list[float] = []
    speed: list[float] = []
    with bench.proxy() as (proxy, _), bench.lane("medium") as lane, bench.reports() as reports:
        proxy.add_tenant("sending", relay_port=bench.sink.port, sync_url=bench.receiver.url)
        _send(bench, proxy, lane, "sending", _WARM_UP)
        reports.drain()
        for _ in range(bench.scale.repetitions):
            sent = _send(bench, proxy, lane, "sending", bench.scale.sender_mails)
            sender.append(sent.cpu_ms)
            speed.append(sent.messages_per_second)
            reported = len(bench.receiver.events.all())
            cpu = cpu_of(reports.drain())
            reported = len(bench.receiver.events.all()) - reported
            if reported != bench.scale.sender_mails:
                raise Unmeasurable(f"{reported} events were reported of {bench.scale.sender_mails} mails")
            reporter.append(cpu * 1_000 / reported)
    return SendingFigures(Figure.of(sender), Figure.of(reporter), Figure.of(speed))


def measure_pooling(bench: Bench) -> PoolingFigures:
    """The same with connections that carry 100 mails each, and with one for every mail, by turns."""
    batch_sizes = {"kept": 100, "reconnecting": 1}
    measured: dict[str, list[float]] = {tenant: [] for tenant in batch_sizes}
    with bench.proxy() as (proxy, _), bench.lane("medium") as lane:
        for tenant, batch_size in batch_sizes.items():
            proxy.add_tenant(tenant, relay_port=bench.sink.port, batch_size=batch_size)
            _send(bench, proxy, lane, tenant, _WARM_UP)
        for _ in range(bench.scale.repetitions):
            for tenant in batch_sizes:
                sent = _send(bench, proxy, lane, tenant, bench.scale.sender_mails // 2)
                measured[tenant].append(sent.cpu_ms)
    return PoolingFigures(Figure.of(measured["kept"]), Figure.of(measured["reconnecting"]))


@dataclass(frozen=True, slots=True)
class _Sent:
    cpu_ms: float
    messages_per_second: float


def _send(bench: Bench, proxy: Proxy, lane: Lane, tenant: str, count: int) -> _Sent:
    """Submits, and then drains the lane. Raises Unmeasurable unless the relay got each mail once."""
    for batch in batches(list(submissions(count)), _A_CALL):
        proxy.submit(tenant, batch)
    before = bench.sink.mails
    invocations = lane.drain()
    taken = bench.sink.mails - before
    if taken != count:
        raise Unmeasurable(f"the relay took {taken} of {count} mails (log: {lane.worker.log_path})")
    wall = sum(each.wall_seconds for each in invocations)
    return _Sent(cpu_of(invocations) * 1_000 / count, count / wall)
