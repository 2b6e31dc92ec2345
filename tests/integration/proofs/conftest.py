"""The proofs' tables are in memory: moto takes longer for a call the more items there are."""

import json
import threading
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from functions.reporter import handler as reporter
from functions.sender import handler as sender
from shared.lines.line import DUE_SHARDS
from tests.integration.lane_driver import Driver, System
from tests.integration.proofs.sizes import FULL
from tests.model.in_memory_table import MESSAGES_INDEXES, REGISTRY_INDEXES, InMemoryTable

_RESULTS = Path(__file__).parents[3] / "benchmarks" / "results" / "proofs.json"
_proven: dict[str, dict[str, int]] = {}


@pytest.fixture
def proven(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Notes what a proof has seen, in numbers, for the results that a run in full leaves."""

    def note(**numbers: int) -> None:
        _proven[f"{request.path.stem.removeprefix('test_')}: {request.node.name}"] = numbers

    return note


def pytest_sessionfinish() -> None:
    """Writes `benchmarks/results/proofs.json`."""
    if FULL and _proven:
        said = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "proofs": _proven}
        _RESULTS.write_text(json.dumps(said, indent=2) + "\n")


class ProofDriver(Driver):
    """Over tables in memory, where a look into the index costs nothing."""

    def _is_anything_due(self) -> bool:
        now, heads = self.system.clock(), self.system.heads
        return any(heads.due(shard, now, limit=1).heads for shard in range(DUE_SHARDS))


_lock = threading.RLock()


def one_at_a_time[T](_name: str, effect: Callable[[], T], *, repeats_safely: bool = False) -> T:
    """Workers call from several threads."""
    with _lock:
        return effect()


@pytest.fixture
def registry(aws: None) -> InMemoryTable:
    return InMemoryTable("registry", REGISTRY_INDEXES, one_at_a_time)


@pytest.fixture
def messages(registry: InMemoryTable, monkeypatch: pytest.MonkeyPatch) -> InMemoryTable:
    table = InMemoryTable("messages", MESSAGES_INDEXES, one_at_a_time)
    table.others["registry"] = registry
    tables = {"registry": registry, "messages": table}

    def opened(_service: Any, name: str) -> InMemoryTable:
        return tables[name]

    for handler in (sender, reporter):
        monkeypatch.setattr(handler, "Table", opened)
    return table


@pytest.fixture
async def driver(system: System) -> AsyncIterator[ProofDriver]:
    driving = ProofDriver(system)
    yield driving
    await driving.close()
    assert driving.crashes == []
