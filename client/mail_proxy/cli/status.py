"""`status`: how the instance fares, once or again and again."""

from typing import Annotated, Final

import typer

from mail_proxy.cli.live import watch
from mail_proxy.cli.output import Column
from mail_proxy.cli.session import AsCsv, AsJson, output, session_of
from mail_proxy.models.watching import AccountTotals, LaneTotals

_LANES: Final[list[Column[LaneTotals]]] = [
    Column("lane", lambda each: each.priority),
    Column("waiting", lambda each: each.waiting.messages),
    Column("oldest_seconds", lambda each: each.waiting.oldest_age_seconds),
    Column("lines", lambda each: each.lines),
    Column("blocked", lambda each: each.blocked_lines),
    Column("dead", lambda each: each.wake_ups.dead),
]
_ACCOUNTS: Final[list[Column[AccountTotals]]] = [
    Column("tenant", lambda each: each.tenant_id),
    Column("account", lambda each: each.account_id),
    Column("health", lambda each: each.health.status),
    Column("sent_24h", lambda each: each.last_24_hours.sent),
    Column("errors_24h", lambda each: each.last_24_hours.errors),
    Column("deferred_24h", lambda each: each.last_24_hours.deferred),
    Column("reason", lambda each: each.health.reason),
]


def status(
    context: typer.Context,
    every: Annotated[float | None, typer.Option("--watch", min=1, help="Look again every so many seconds.")] = None,
    json: AsJson = False,
    csv: AsCsv = False,
) -> None:
    """How the instance fares (admin): what waits in each lane, and the accounts."""
    session = session_of(context)
    out = output(json, csv)
    if every is not None:
        if not out.for_people:
            raise typer.BadParameter("--watch is for people: without --json and --csv")
        watch(session, out, every)
        return
    found = session.proxy.status(accounts=100)
    if not out.for_people:
        if json:
            out.one(found)
        else:
            out.rows(found.lanes, _LANES)
        return
    if found.paused:
        out.say("the instance is paused")
    out.rows(found.lanes, _LANES)
    out.console.print()
    out.rows(found.accounts, _ACCOUNTS)
    if found.next_cursor is not None:
        out.say("these are the first hundred accounts")
    if not found.is_complete:
        out.say("there is more mail than could be counted in five seconds")
