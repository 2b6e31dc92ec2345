"""What goes on until it is interrupted."""

import json

import pytest

from mail_proxy.cli.live import sparkline
from tests.unit.client.cli.answers import example
from tests.unit.client.cli.program import Program

EVENTS = "/v1/tenants/{tenant_id}/events"


@pytest.mark.parametrize(
    ("values", "line"), [([], ""), ([0, 0], "▁▁"), ([0, 7, 14], "▁▄█"), ([1], "█"), ([10**9, 10**9 // 2], "█▄")]
)
def test_a_trend_is_drawn_in_blocks(values: list[int], line: str) -> None:
    assert sparkline(values) == line


def test_the_status_is_looked_at_again_and_again(program: Program) -> None:
    first, second = example("get", "/v1/status"), example("get", "/v1/status")
    second["accounts"][0]["total"]["sent"] += 50
    program.answer(first, second)
    result = program.run("status", "--watch", "5")
    assert result.exit_code == 0
    assert program.script.slept == [5, 5]
    assert "10.0 sent a second" in result.stdout


def test_a_status_for_programs_is_not_watched(program: Program) -> None:
    assert program.run("status", "--watch", "5", "--json").exit_code == 2


def page(*ids: str, resume: str, more: str | None = None) -> dict[str, object]:
    [entry, *_] = example("get", EVENTS)["events"]
    entries = [entry | {"event": entry["event"] | {"event_id": each, "id": each}} for each in ids]
    return {"events": entries, "next_cursor": more, "resume_cursor": resume}


def test_events_are_written_as_they_come(program: Program) -> None:
    program.answer(page(resume="r1"), page("a", resume="r2", more="n2"), page("b", resume="r3"))
    result = program.run("-t", "acme", "reports", "tail", "--json", "--every", "20")
    assert [json.loads(line)["event_id"] for line in result.stdout.splitlines()] == ["a", "b"]
    assert [path.rpartition("cursor=")[2] for _, path in program.asked[1:]] == ["r1", "n2"]
    assert program.script.slept == [20, 20]


def test_a_shell_has_the_instance_bound(program: Program) -> None:
    program.answer(example("get", "/health", version="9.9.9"))
    result = program.run("-t", "acme", "shell", input="print(proxy.health().version, tenant.id)\n")
    assert result.exit_code == 0
    assert "9.9.9 acme" in result.stdout
