"""The same mails through genro-mail-proxy, to the same relays: what they cost it, and how long an urgent one takes."""

import statistics
import time
from dataclasses import dataclass

from benchmarks.bench import Bench, Unmeasurable
from benchmarks.mails import Message, batches, peer_submissions
from benchmarks.measurements.figures import Figure
from benchmarks.measurements.priority import LATENCY_MS
from benchmarks.peer import ACCOUNT, MOST_MAILS, TENANT, Peer
from benchmarks.relay import Relay
from benchmarks.servers import Server
from localstack.receiver import Receiver

_WARM_UP = 100
_LARGEST_CALL = 1_000
_PATIENCE_SECONDS = 600.0
_QUIET_SECONDS = 1.0
_MEDIUM, _IMMEDIATE, _LOW = 2, 0, 3


@dataclass(frozen=True, slots=True)
class PeerFigures:
    """cpu: ms a mail of its process tree, from submission to the acknowledged report."""

    cpu: Figure
    messages_per_second: Figure


@dataclass(frozen=True, slots=True)
class PeerPriorityFigures:
    """Medians, in milliseconds."""

    idle_ms: float
    loaded_ms: float


def measure_peer(bench: Bench) -> PeerFigures:
    """Submitted in calls of 100, sent to smtp-sink, reported to a tenant's endpoint; a fresh process each time."""
    cpu: list[float] = []
    speed: list[float] = []
    for _ in range(bench.scale.peer_repetitions):
        with Receiver() as receiver, Peer() as peer:
            peer.add_tenant(relay_port=bench.sink.port, sync_url=receiver.url)
            _through(bench, peer, receiver, _WARM_UP)
            used, begun = peer.cpu_seconds(), time.monotonic()
            sent_after = _through(bench, peer, receiver, bench.scale.peer_mails)
            cpu.append((peer.cpu_seconds() - used) * 1_000 / bench.scale.peer_mails)
            speed.append(bench.scale.peer_mails / (sent_after - begun))
    return PeerFigures(Figure.of(cpu), Figure.of(speed))


def _through(bench: Bench, peer: Peer, receiver: Receiver, count: int) -> float:
    """Submits, and waits for the relay and the reports; returns when the relay had all."""
    mails, events = bench.sink.mails, len(receiver.events.all())
    for batch in batches(_messages(count, _MEDIUM)):
        peer.submit(batch)
    bench.sink.wait_for(mails + count, timeout=_PATIENCE_SECONDS)
    sent = time.monotonic()
    receiver.events.wait_for(events + count, timeout=_PATIENCE_SECONDS)
    _wait_until_quiet(peer)
    return sent


def _wait_until_quiet(peer: Server) -> None:
    """It still writes down what was acknowledged."""
    used = peer.cpu_seconds()
    while True:
        time.sleep(_QUIET_SECONDS)
        now = peer.cpu_seconds()
        if now - used < 0.1 * _QUIET_SECONDS:
            return
        used = now


def measure_peer_priority(bench: Bench) -> PeerPriorityFigures:
    """Accepted to the relay's 250, with the relay of `priority`, alone and with a full queue of low mails.

    The queue is filled while sending is suspended: else it had sent its thousand mails before it was full.
    """
    samples = bench.scale.peer_priority_samples
    with Receiver() as receiver, Relay(latency_ms=LATENCY_MS) as relay, Peer() as peer:
        peer.add_tenant(relay_port=relay.port, sync_url=receiver.url)
        _latencies_ms(peer, relay, 1)
        idle = _latencies_ms(peer, relay, samples)
        low = _messages(bench.scale.peer_low_queued, _LOW)
        peer.suspend()
        for batch in batches(low, _LARGEST_CALL):
            peer.submit(batch)
        peer.activate()
        relay.wait_for(str(low[0]["id"]), timeout=_PATIENCE_SECONDS)
        loaded = _latencies_ms(peer, relay, samples)
        sent = len(relay.taken())
        if sent >= MOST_MAILS or sent > len(low):
            raise Unmeasurable(f"the peer sent {sent} mails meanwhile: its queue was empty, or its results blocked it")
    return PeerPriorityFigures(statistics.median(idle), statistics.median(loaded))


def _latencies_ms(peer: Peer, relay: Relay, samples: int) -> list[float]:
    latencies: list[float] = []
    for message in _messages(samples, _IMMEDIATE):
        peer.submit([message])
        accepted = time.monotonic()
        latencies.append((relay.wait_for(str(message["id"]), timeout=_PATIENCE_SECONDS) - accepted) * 1_000)
    return latencies


def _messages(count: int, priority: int) -> list[Message]:
    return list(peer_submissions(count, tenant_id=TENANT, account_id=ACCOUNT, priority=priority))
