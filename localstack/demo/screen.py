"""Shows the demo: steps, progress, tables. On a terminal with one live line, else with lines at times."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from localstack.demo.tally import Exceptional, Tally

CHANGE_SECONDS: Final = 3.0
SILENCE_SECONDS: Final = 15.0
NAMED: Final = 3
"""How many of the missing mails the progress line names."""

type Progress = Callable[[float, Tally, Sequence[str]], None]
"""Shows the seconds that passed, the counts, and the ids of the mails that are still missing."""


class Screen:
    """Where the demo writes to."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)

    @contextlib.contextmanager
    def step(self, doing: str) -> Iterator[None]:
        """Show what is being done, then how long it took."""
        begun = time.monotonic()
        if self._console.is_terminal:
            with self._console.status(f"{doing} …"):
                yield
        else:
            self.say(f"{doing} …")
            yield
        self.say(f"✓ {doing} ({time.monotonic() - begun:.1f} s)")

    @contextlib.contextmanager
    def progress(self) -> Iterator[Progress]:
        """Yield what shows the waiting: a live line on a terminal, else lines at changes and in silences."""
        if self._console.is_terminal:
            with self._console.status("waiting …") as status:
                yield lambda elapsed, tally, missing: status.update(_progress_line(elapsed, tally, missing))
        else:
            yield _OccasionalLines(self.say)

    def say(self, line: str) -> None:
        """Write one line as it is, however long."""
        self._console.print(Text(line), soft_wrap=True)

    def tally(self, tally: Tally) -> None:
        """Show the counts by priority."""
        table = Table("priority", title="Delivery by priority", title_justify="left")
        for heading in ("submitted", "delivered", "reported", "refused", "median", "p95"):
            table.add_column(heading, justify="right")
        for priority, row in tally.rows.items():
            counts = (row.submitted, row.delivered, row.reported, row.refused)
            times = (_seconds(row.median), _seconds(row.p95))
            table.add_row(priority.value, *map(str, counts), *times)
        self._console.print(table)
        self.say("Times run from acceptance, or the scheduled moment, to the inbox; deferred mails are not timed.")
        self.say("The functions were running: each lane had carried one mail before.")

    def exceptional(self, stories: Sequence[Exceptional]) -> None:
        """Show the mails that did not simply arrive."""
        table = Table("mail", "what happened", "reason", title="Not simply delivered", title_justify="left")
        for story in stories:
            table.add_row(Text(story.mail.kind), Text(story.outcome), Text(story.reason))
        self._console.print(table)

    def failures(self, title: str, lines: Sequence[str]) -> None:
        """Show what went wrong; nothing when nothing did."""
        if lines:
            self._console.print(Text(title, style="bold red"))
        for line in lines:
            self.say(f"  - {line}")


class _OccasionalLines:
    """Says the progress when it has changed, some seconds apart, and when nothing was said for long."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._said_at = 0.0
        self._said = (-1, -1)

    def __call__(self, elapsed: float, tally: Tally, missing: Sequence[str]) -> None:
        counts = (tally.delivered, tally.reported)
        patience = CHANGE_SECONDS if counts != self._said else SILENCE_SECONDS
        if elapsed - self._said_at >= patience:
            self._say(_progress_line(elapsed, tally, missing))
            self._said_at, self._said = elapsed, counts


def _progress_line(elapsed: float, tally: Tally, missing: Sequence[str]) -> str:
    counts = f"{elapsed:3.0f} s: {tally.delivered} delivered, {tally.reported} of {tally.submitted} reported"
    if not missing:
        return counts
    more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
    return f"{counts}; waiting for {', '.join(missing[:NAMED])}{more}"


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f} s"
