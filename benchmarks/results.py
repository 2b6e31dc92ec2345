"""The numbers, beside their budgets: a flat JSON object for programs, a table for people."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict

from benchmarks.measurements.accepting import WriteUnitFigures
from benchmarks.measurements.figures import Figure
from benchmarks.measurements.importing import ImportFigures
from benchmarks.measurements.peer import PeerFigures, PeerPriorityFigures
from benchmarks.measurements.priority import PriorityFigures
from benchmarks.measurements.sending import PoolingFigures, SendingFigures
from benchmarks.servers import PROJECT

RESULTS = Path(__file__).parent / "results"
LATEST = RESULTS / "latest.json"
DOCUMENT = PROJECT / "docs" / "benchmarks.md"

_BEGIN, _END = "<!-- results: written by `make bench` -->\n", "<!-- end of results -->"

SENDER_CPU_MS = 2.5
COMPOSE_CPU_MS = 1.0
API_CPU_MS = 2.0
PRIORITY_RATIO = 1.2
IMPORT_RATIO = 0.4
WRITE_UNITS = 7.0

type Spread = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Everything that one run measured."""

    sending: SendingFigures
    pooling: PoolingFigures
    composing: Figure
    composed_bytes: int
    accepting: Figure
    write_units: WriteUnitFigures
    priority: PriorityFigures
    importing: ImportFigures
    peer: PeerFigures
    peer_priority: PeerPriorityFigures


class Results(BaseModel):
    """CPU is user and system time in milliseconds per message, the median of the repetitions; `…_lowest` and
    `…_highest` say how far these lie apart."""

    model_config = ConfigDict(frozen=True)

    date: str
    quick: bool
    machine: str

    sender_cpu_ms_per_message: float
    sender_cpu_ms_lowest: float
    sender_cpu_ms_highest: float
    sender_messages_per_cpu_second: float
    sender_messages_per_second: float
    reporter_cpu_ms_per_message: float
    compose_cpu_ms_per_message: float
    compose_cpu_ms_lowest: float
    compose_cpu_ms_highest: float
    composed_bytes: int
    pooled_cpu_ms: float
    reconnect_cpu_ms: float
    reconnect_ratio: float
    api_cpu_ms_per_message: float
    api_cpu_ms_lowest: float
    api_cpu_ms_highest: float
    total_cpu_ms_per_message: float

    write_units_per_message: float
    api_write_units_per_message: float
    sender_write_units_per_message: float
    reporter_write_units_per_message: float

    priority_idle_ms: float
    priority_loaded_ms: float
    priority_latency_ratio: float

    import_cpu_ms: float
    import_yardstick_cpu_ms: float
    import_ratio: float

    peer_cpu_ms_per_message: float
    peer_cpu_ms_lowest: float
    peer_cpu_ms_highest: float
    peer_messages_per_second: float
    peer_priority_idle_ms: float
    peer_priority_loaded_ms: float
    peer_priority_latency_ratio: float
    peer_to_sender_cpu_ratio: float
    peer_to_total_cpu_ratio: float

    python_version: str
    boto3_version: str
    pydantic_version: str
    aiosmtplib_version: str
    ministack_version: str
    peer_version: str

    @classmethod
    def of(cls, measured: Measured, versions: Mapping[str, str], *, date: str, quick: bool, machine: str) -> Self:
        """Works out the ratios. Numbers are rounded to what they can tell; `versions` as of `installed_versions`."""
        sender, api, peer = measured.sending.sender, measured.accepting, measured.peer.cpu
        composing, pooling, units = measured.composing, measured.pooling, measured.write_units
        priority, peer_priority, importing = measured.priority, measured.peer_priority, measured.importing
        total = api.median + sender.median + measured.sending.reporter.median
        numbers: dict[str, float] = {
            "sender_cpu_ms_per_message": sender.median,
            "sender_cpu_ms_lowest": sender.lowest,
            "sender_cpu_ms_highest": sender.highest,
            "sender_messages_per_cpu_second": 1_000 / sender.median,
            "sender_messages_per_second": measured.sending.messages_per_second.median,
            "reporter_cpu_ms_per_message": measured.sending.reporter.median,
            "compose_cpu_ms_per_message": composing.median,
            "compose_cpu_ms_lowest": composing.lowest,
            "compose_cpu_ms_highest": composing.highest,
            "pooled_cpu_ms": pooling.kept.median,
            "reconnect_cpu_ms": pooling.reconnecting.median,
            "reconnect_ratio": pooling.reconnecting.median / pooling.kept.median,
            "api_cpu_ms_per_message": api.median,
            "api_cpu_ms_lowest": api.lowest,
            "api_cpu_ms_highest": api.highest,
            "total_cpu_ms_per_message": total,
            "write_units_per_message": units.total,
            "api_write_units_per_message": units.api,
            "sender_write_units_per_message": units.sender,
            "reporter_write_units_per_message": units.reporter,
            "priority_idle_ms": priority.idle_ms,
            "priority_loaded_ms": priority.loaded_ms,
            "priority_latency_ratio": priority.loaded_ms / priority.idle_ms,
            "import_cpu_ms": importing.handler_ms,
            "import_yardstick_cpu_ms": importing.yardstick_ms,
            "import_ratio": importing.handler_ms / importing.yardstick_ms,
            "peer_cpu_ms_per_message": peer.median,
            "peer_cpu_ms_lowest": peer.lowest,
            "peer_cpu_ms_highest": peer.highest,
            "peer_messages_per_second": measured.peer.messages_per_second.median,
            "peer_priority_idle_ms": peer_priority.idle_ms,
            "peer_priority_loaded_ms": peer_priority.loaded_ms,
            "peer_priority_latency_ratio": peer_priority.loaded_ms / peer_priority.idle_ms,
            "peer_to_sender_cpu_ratio": peer.median / sender.median,
            "peer_to_total_cpu_ratio": peer.median / total,
        }
        return cls.model_validate(
            {name: round(number, 3) for name, number in numbers.items()}
            | dict(versions)
            | {"date": date, "quick": quick, "machine": machine, "composed_bytes": measured.composed_bytes}
        )

    def write(self) -> None:
        """As the flat JSON object, and as the table of the documentation."""
        LATEST.write_text(self.model_dump_json(indent=2) + "\n")
        before, _, rest = DOCUMENT.read_text().partition(_BEGIN)
        _, _, after = rest.partition(_END)
        DOCUMENT.write_text(f"{before}{_BEGIN}{self.summary()}\n{_END}{after}")

    def summary(self) -> str:
        """For people: the table, where it was measured, and with what."""
        r = self
        versions = (
            f"Python {r.python_version}, boto3 {r.boto3_version}, pydantic {r.pydantic_version},"
            f" aiosmtplib {r.aiosmtplib_version}, ministack {r.ministack_version},"
            f" genro-mail-proxy {r.peer_version}"
        )
        return f"{table(rows(r))}\n\nMeasured {r.date} on {r.machine}. {versions}.\n"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table."""

    what: str
    measured: str
    budget: str = ""
    met: bool | None = None

    @property
    def verdict(self) -> str:
        return "" if self.met is None else "met" if self.met else "NOT MET"


def rows(results: Results) -> list[Row]:
    """The table, as people read it."""
    r = results
    return [
        _budgeted(
            "sender, CPU a mail",
            r.sender_cpu_ms_per_message,
            SENDER_CPU_MS,
            "ms",
            (r.sender_cpu_ms_lowest, r.sender_cpu_ms_highest),
        ),
        Row("sender, mails a CPU second", f"{r.sender_messages_per_cpu_second:.0f}"),
        Row(
            "sender, mails a second here (local AWS and relay share the machine)", f"{r.sender_messages_per_second:.0f}"
        ),
        _budgeted(
            f"composing, CPU a mail of {r.composed_bytes:,} octets",
            r.compose_cpu_ms_per_message,
            COMPOSE_CPU_MS,
            "ms",
            (r.compose_cpu_ms_lowest, r.compose_cpu_ms_highest),
        ),
        Row("sender, 100 mails a connection", f"{r.pooled_cpu_ms:.2f} ms"),
        Row("sender, one mail a connection", f"{r.reconnect_cpu_ms:.2f} ms ({r.reconnect_ratio:.2f} ×)"),
        _budgeted(
            "api, CPU a message in calls of 100",
            r.api_cpu_ms_per_message,
            API_CPU_MS,
            "ms",
            (r.api_cpu_ms_lowest, r.api_cpu_ms_highest),
        ),
        Row("reporter, CPU a message", f"{r.reporter_cpu_ms_per_message:.2f} ms"),
        _budgeted("write units a message, reports included", r.write_units_per_message, WRITE_UNITS, ""),
        Row(
            "… of api, sender, reporter",
            f"{r.api_write_units_per_message:.2f} + {r.sender_write_units_per_message:.2f}"
            f" + {r.reporter_write_units_per_message:.2f}",
        ),
        _budgeted("priority 0 behind a full low lane, against idle", r.priority_latency_ratio, PRIORITY_RATIO, "×"),
        Row("… accepted to 250", f"{r.priority_loaded_ms:.0f} ms, idle {r.priority_idle_ms:.0f} ms"),
        _budgeted("import of the sender, against fastapi and boto3", r.import_ratio, IMPORT_RATIO, "×"),
        Row("… CPU", f"{r.import_cpu_ms:.0f} ms, against {r.import_yardstick_cpu_ms:.0f} ms"),
        Row(
            f"peer {r.peer_version}, CPU a mail",
            f"{r.peer_cpu_ms_per_message:.1f} ms ({r.peer_cpu_ms_lowest:.1f} to {r.peer_cpu_ms_highest:.1f})",
        ),
        Row("… of ours in all (api, sender, reporter)", f"{r.peer_to_total_cpu_ratio:.1f} ×"),
        Row("… of the sender's", f"{r.peer_to_sender_cpu_ratio:.1f} ×"),
        Row("peer, mails a second", f"{r.peer_messages_per_second:.0f}"),
        Row(
            "peer, priority 0 behind a full queue, against idle",
            f"{r.peer_priority_latency_ratio:.1f} × ({r.peer_priority_loaded_ms:,.0f} ms,"
            f" idle {r.peer_priority_idle_ms:.0f} ms)",
        ),
    ]


def table(lines: Sequence[Row]) -> str:
    """In Markdown, readable as text too."""
    cells = [("what", "measured", "budget", "")] + [(row.what, row.measured, row.budget, row.verdict) for row in lines]
    widths = [max(len(line[column]) for line in cells) for column in range(4)]
    text = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in cells
    ]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(text)


def _budgeted(what: str, value: float, budget: float, unit: str, spread: Spread | None = None) -> Row:
    between = f" ({spread[0]:.2f} to {spread[1]:.2f})" if spread else ""
    measured = f"{value:.2f} {unit}".rstrip() + between
    return Row(what, measured, f"≤ {budget:g} {unit}".rstrip(), value <= budget)


def installed_versions() -> dict[str, str]:
    """Of what was measured, by the names of the file."""
    here = {f"{name}_version": metadata.version(name) for name in ("boto3", "pydantic", "aiosmtplib")}
    return here | {
        "python_version": platform.python_version(),
        "ministack_version": _version_in("ministack", "ministack"),
        "peer_version": _version_in("peer", "genro_mail_proxy"),
    }


def _version_in(environment: str, distribution: str) -> str:
    """Of what is installed in an environment of its own."""
    [found] = (PROJECT / ".tools" / environment).glob(f"lib/python*/site-packages/{distribution}-*.dist-info")
    return found.name.removeprefix(f"{distribution}-").removesuffix(".dist-info")
