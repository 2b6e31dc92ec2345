"""The table that says which budgets are met, and the flat file that programs read."""

from benchmarks.measurements.accepting import WriteUnitFigures
from benchmarks.measurements.figures import Figure
from benchmarks.measurements.importing import ImportFigures
from benchmarks.measurements.peer import PeerFigures, PeerPriorityFigures
from benchmarks.measurements.priority import PriorityFigures
from benchmarks.measurements.sending import PoolingFigures, SendingFigures
from benchmarks.results import Measured, Results, Row, rows, table


def figure(value: float) -> Figure:
    return Figure.of([value - 0.5, value, value + 0.5])


MEASURED = Measured(
    sending=SendingFigures(sender=figure(2.0), reporter=figure(1.0), messages_per_second=figure(100.0)),
    pooling=PoolingFigures(kept=figure(2.0), reconnecting=figure(4.0)),
    composing=figure(1.2),
    composed_bytes=5_100,
    accepting=figure(1.0),
    write_units=WriteUnitFigures(total=7.5, api=5.0, sender=1.5, reporter=1.0),
    priority=PriorityFigures(idle_ms=100.0, loaded_ms=120.0, still_queued=4_000),
    importing=ImportFigures(handler_ms=150.0, yardstick_ms=500.0),
    peer=PeerFigures(cpu=figure(24.0), messages_per_second=figure(20.0)),
    peer_priority=PeerPriorityFigures(idle_ms=200.0, loaded_ms=4_000.0),
)


VERSIONS = {f"{name}_version": "1.0" for name in ("python", "boto3", "pydantic", "aiosmtplib", "ministack", "peer")}


def results_of(measured: Measured) -> Results:
    return Results.of(measured, VERSIONS, date="2026-01-31T10:00:00+00:00", quick=True, machine="2 cores")


def budgets_met() -> dict[str, bool]:
    return {row.what: row.met for row in rows(results_of(MEASURED)) if row.met is not None}


def test_a_budget_is_met_up_to_its_limit_and_not_beyond() -> None:
    assert budgets_met() == {
        "sender, CPU a mail": True,
        "composing, CPU a mail of 5,100 octets": False,
        "api, CPU a message in calls of 100": True,
        "write units a message, reports included": False,
        "priority 0 behind a full low lane, against idle": True,
        "import of the sender, against fastapi and boto3": True,
    }


def test_the_file_is_flat_and_holds_the_ratios() -> None:
    content = results_of(MEASURED).model_dump()

    assert all(isinstance(value, str | int | float) for value in content.values())
    assert content["sender_messages_per_cpu_second"] == 500
    assert content["priority_latency_ratio"] == 1.2
    assert content["import_ratio"] == 0.3
    assert content["reconnect_ratio"] == 2
    assert content["peer_to_sender_cpu_ratio"] == 12
    assert content["peer_to_total_cpu_ratio"] == 6


def test_the_table_says_which_budget_is_not_met() -> None:
    lines = table([Row("composing", "1.20 ms", "≤ 1 ms", met=False), Row("peer", "24 ms")]).splitlines()

    assert lines[2] == "| composing | 1.20 ms  | ≤ 1 ms | NOT MET |"
    assert lines[3] == "| peer      | 24 ms    |        |         |"
