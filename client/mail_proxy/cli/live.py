"""What goes on until it is interrupted: `status --watch`, and `reports tail`; and `shell`."""

import code
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Final

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from mail_proxy.cli.output import Output, shown
from mail_proxy.cli.session import Session, session_of
from mail_proxy.cli.watching import happening
from mail_proxy.models.base import LaneName
from mail_proxy.models.watching import InstanceStatusView

_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_LOOKS: Final = 30  # kept for the trend


def sparkline(values: Sequence[int]) -> str:
    """Values as blocks of a height, the greatest of them (or 1) being the highest."""
    most = max([1, *values])
    return "".join(_BLOCKS[value * (len(_BLOCKS) - 1) // most] for value in values)


@dataclass
class Trend:
    """What was seen of the instance, look by look."""

    waiting: dict[LaneName, deque[int]] = field(default_factory=dict)
    sent: int | None = None
    sent_since: int = 0

    def add(self, status: InstanceStatusView) -> None:
        for lane in status.lanes:
            self.waiting.setdefault(lane.priority, deque(maxlen=_LOOKS)).append(lane.waiting.messages)
        sent = sum(each.total.sent for each in status.accounts)
        self.sent_since = 0 if self.sent is None else max(0, sent - self.sent)
        self.sent = sent


def picture(status: InstanceStatusView, trend: Trend, every: float) -> Group:
    """One look at the instance: its lanes with their trend, and what is blocked."""
    table = Table("lane", "waiting", "oldest", "lines", "blocked", "trend", box=None, pad_edge=False)
    for lane in status.lanes:
        age = lane.waiting.oldest_age_seconds
        table.add_row(
            lane.priority,
            f"{lane.waiting.messages}{'' if lane.waiting.is_complete else '+'}",
            "" if age is None else f"{age} s",
            str(lane.lines),
            str(lane.blocked_lines),
            sparkline(trend.waiting[lane.priority]),
        )
    state = "paused" if status.paused else f"{trend.sent_since / every:.1f} sent a second"
    blocked = [
        Text(shown(f"{each.kind} {each.tenant_id} {each.reason or ''}".rstrip())) for each in status.blocked[:10]
    ]
    return Group(table, Text(f"{datetime.now(UTC):%H:%M:%S} UTC, {state}"), *blocked)


def watch(session: Session, out: Output, every: float) -> None:
    """Looks at the instance every so many seconds, until it is interrupted."""
    trend = Trend()
    with Live(console=out.console, auto_refresh=False) as live:
        try:
            while True:
                status = session.proxy.status(accounts=100)
                trend.add(status)
                live.update(picture(status, trend, every), refresh=True)
                session.sleep(every)
        except KeyboardInterrupt:
            return


def tail(
    context: typer.Context,
    every: Annotated[float, typer.Option(min=1, help="Seconds between two looks.")] = 15,
    json: Annotated[bool, typer.Option("--json", help="Write JSON lines.")] = False,
) -> None:
    """Write the tenant's events as they come, a minute after they were recorded, until it is interrupted."""
    session = session_of(context)
    out = Output()
    page = session.tenant.events.page(since=datetime.now(UTC))
    try:
        while True:
            for entry in page.events:
                event = entry.event
                line = [
                    shown(entry.recorded_at),
                    happening(entry),
                    event.id,
                    event.recipient,
                    event.reason,
                    event.error,
                ]
                text = (
                    event.model_dump_json(exclude_none=True)
                    if json
                    else "  ".join(shown(each) for each in line if each)
                )
                out.text(text + "\n")
            if page.next_cursor is None:
                session.sleep(every)
            page = session.tenant.events.page(page.next_cursor or page.resume_cursor)
    except KeyboardInterrupt:
        return


def shell(context: typer.Context) -> None:
    """Python with `proxy` bound to the instance, and `tenant` to the tenant, if there is one."""
    session = session_of(context)
    names: dict[str, object] = {"proxy": session.proxy}
    if session.tenant_id or session.target.tenant:
        names["tenant"] = session.tenant
    code.interact(banner=f"{session.target.name}: {', '.join(names)}", local=names, exitmsg="")
