"""What the demo shows where there is no terminal."""

import io

import pytest
from rich.console import Console

from localstack.demo.screen import Screen
from localstack.demo.tally import Tally, count, exceptional
from tests.unit.localstack.observations import arrived, demo_mail, failed, observed, sent

GOOD, BAD = demo_mail("good"), demo_mail("bad")
SEEN = observed(GOOD, BAD, inbox=[arrived(GOOD)], events=[sent(GOOD), failed(BAD, "550 [bold]no[/bold]")])


@pytest.fixture
def written() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def screen(written: io.StringIO) -> Screen:
    return Screen(Console(file=written, width=100, highlight=False))


@pytest.fixture
def tally() -> Tally:
    return count(SEEN)


def test_progress_is_a_line_at_changes_some_seconds_apart_and_in_long_silences(
    screen: Screen, written: io.StringIO, tally: Tally
) -> None:
    unchanged = tally
    changed = count(observed(GOOD, BAD, inbox=[arrived(GOOD)], events=[sent(GOOD)]))

    with screen.progress() as show:
        for elapsed, state in [
            (1, unchanged),
            (3, unchanged),
            (4, changed),
            (6, changed),
            (10, changed),
            (21, changed),
        ]:
            show(elapsed, state, ["bad", "a", "b", "c", "d"])

    assert [line.split(":")[0].strip() for line in written.getvalue().splitlines()] == ["3 s", "6 s", "21 s"]
    assert "6 s: 1 delivered, 1 of 2 reported; waiting for bad, a, b and 2 more" in written.getvalue()


def test_the_table_has_a_row_for_each_priority(screen: Screen, written: io.StringIO, tally: Tally) -> None:
    screen.tally(tally)

    rows = {line.split("│")[1].strip(): line for line in written.getvalue().splitlines() if line.startswith("│")}
    assert list(rows) == ["immediate", "high", "medium", "low"]
    assert [cell.strip() for cell in rows["high"].strip("│").split("│")] == [
        "high", "2", "1", "2", "1", "0.50 s", "0.50 s",
    ]  # fmt: skip


def test_reasons_are_shown_as_they_are(screen: Screen, written: io.StringIO) -> None:
    screen.exceptional(exceptional(SEEN))

    assert "550 [bold]no[/bold]" in written.getvalue()


def test_a_long_line_stays_one_line(screen: Screen, written: io.StringIO) -> None:
    screen.say("x" * 500)

    assert written.getvalue() == "x" * 500 + "\n"


def test_failures_are_listed_and_no_failure_is_silence(screen: Screen, written: io.StringIO) -> None:
    screen.failures("Missing:", [])
    assert written.getvalue() == ""

    screen.failures("Missing:", ["m1"])
    assert written.getvalue() == "Missing:\n  - m1\n"


def test_a_step_is_announced_before_it_is_done(screen: Screen, written: io.StringIO) -> None:
    with screen.step("deploying"):
        assert written.getvalue() == "deploying …\n"

    assert written.getvalue().startswith("deploying …\n✓ deploying (0.0 s)")
