"""What an operator looks at and does: metrics, dead letters, the audit log, reports; pause and resume."""

from itertools import islice
from typing import Annotated, Final, get_args

import typer

from mail_proxy.cli.messages import Since, Until, moment
from mail_proxy.cli.output import Column, Output
from mail_proxy.cli.session import DEFAULT_LIMIT, AsCsv, AsJson, Limit, output, session_of
from mail_proxy.models.base import QueueName
from mail_proxy.models.reports import EventEntry
from mail_proxy.models.watching import CommandView, DeadLetterView

dlq = typer.Typer(help="Dead letters: wake-ups that no worker came to an end with (admin).", no_args_is_help=True)
commands = typer.Typer(help="The audit log (admin).", no_args_is_help=True)
reports = typer.Typer(help="The delivery reports of a tenant.", no_args_is_help=True)


def happening(entry: EventEntry) -> str:
    """What an event tells of: the name of its time, without the ending."""
    fields = entry.event.model_dump(exclude_none=True)
    return next((name.removesuffix("_ts") for name in fields if name.endswith("_ts")), "")


_LETTERS: Final[list[Column[DeadLetterView]]] = [
    Column("id", lambda each: each.id),
    Column("queue", lambda each: each.queue),
    Column("tenant", lambda each: each.tenant_id),
    Column("account", lambda each: each.account_id),
    Column("received", lambda each: each.received),
    Column("queued_at", lambda each: each.queued_at),
    Column("reason", lambda each: each.reason),
]
_COMMANDS: Final[list[Column[CommandView]]] = [
    Column("at", lambda each: each.at),
    Column("actor", lambda each: each.actor.tenant_id or each.actor.component or each.actor.kind),
    Column("action", lambda each: each.action),
    Column("tenant", lambda each: each.tenant_id),
    Column("objects", lambda each: each.objects),
    Column("status", lambda each: each.status),
    Column("code", lambda each: each.code),
]
_EVENTS: Final[list[Column[EventEntry]]] = [
    Column("recorded_at", lambda each: each.recorded_at),
    Column("acknowledged_at", lambda each: each.acknowledged_at),
    Column("message", lambda each: each.event.id),
    Column("what", happening),
    Column("event_id", lambda each: each.event.event_id),
]


def metrics(
    context: typer.Context, tenant: Annotated[str | None, typer.Option(help="Only of this tenant.")] = None
) -> None:
    """The counters for Prometheus (admin)."""
    Output().text(session_of(context).proxy.metrics(tenant_id=tenant))


def pause(context: typer.Context) -> None:
    """Stop all sending of the instance (admin). Messages are accepted, and wait."""
    session_of(context).proxy.instance.pause()
    Output().say("the instance is paused")


def resume(context: typer.Context) -> None:
    """Start sending again (admin)."""
    session_of(context).proxy.instance.resume()
    Output().say("the instance sends")


@dlq.command("list")
def list_letters(
    context: typer.Context, limit: Limit = DEFAULT_LIMIT, json: AsJson = False, csv: AsCsv = False
) -> None:
    """What the queues gave up on, and why."""
    found = session_of(context).proxy.dead_letters.list(page_size=min(limit, 100))
    output(json, csv).rows(islice(found, limit), _LETTERS)


@dlq.command("show")
def show_letter(
    context: typer.Context,
    letter_id: Annotated[str, typer.Argument(help="Its id, as `dlq list --json` tells it.", show_default=False)],
    json: AsJson = False,
    csv: AsCsv = False,
) -> None:
    """One dead letter, and the state of its line."""
    for letter in session_of(context).proxy.dead_letters.list():
        if letter.id == letter_id:
            output(json, csv).one(letter)
            return
    raise typer.BadParameter(f"no dead letter {letter_id}; letters leave when they are redriven")


def queue_of(text: str | None) -> QueueName | None:
    """Raises typer.BadParameter when there is no such queue."""
    if text is None:
        return None
    names: tuple[QueueName, ...] = get_args(QueueName.__value__)
    for name in names:
        if name == text:
            return name
    raise typer.BadParameter(f"no queue {text!r}; there are {', '.join(names)}")


@dlq.command("redrive")
def redrive(
    context: typer.Context,
    queue: Annotated[str | None, typer.Option(help="Only of this queue.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="How many at most; 100.")] = None,
    json: AsJson = False,
    csv: AsCsv = False,
) -> None:
    """Open and wake the lines of dead letters, and remove the letters."""
    output(json, csv).one(session_of(context).proxy.dead_letters.redrive(queue=queue_of(queue), limit=limit))


@commands.command("list")
def list_commands(
    context: typer.Context,
    of: Annotated[str | None, typer.Option("--of", help="Only what was done to this tenant.")] = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = DEFAULT_LIMIT,
    json: AsJson = False,
    csv: AsCsv = False,
) -> None:
    """Who changed what, latest first."""
    found = session_of(context).proxy.commands.list(
        tenant_id=of, since=moment(since), until=moment(until), page_size=min(limit, 1000)
    )
    output(json, csv).rows(islice(found, limit), _COMMANDS)


@commands.command("export")
def export(
    context: typer.Context,
    of: Annotated[str | None, typer.Option("--of", help="Only what was done to this tenant.")] = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """Everything, oldest first, as JSON lines."""
    out = Output()
    for record in session_of(context).proxy.commands.export(tenant_id=of, since=moment(since), until=moment(until)):
        out.text(record.model_dump_json() + "\n")


@reports.command("list")
def list_events(
    context: typer.Context,
    since: Since = None,
    until: Until = None,
    limit: Limit = DEFAULT_LIMIT,
    json: AsJson = False,
    csv: AsCsv = False,
) -> None:
    """The tenant's events, in the order of the pushes, from a minute after they were recorded."""
    found = session_of(context).tenant.events.list(since=moment(since), until=moment(until), page_size=min(limit, 1000))
    output(json, csv).rows(islice(found, limit), _EVENTS)


@reports.command("replay")
def replay(
    context: typer.Context,
    ids: Annotated[list[str] | None, typer.Argument(help="Ids of messages or events.")] = None,
    since: Since = None,
    until: Until = None,
    json: AsJson = False,
    csv: AsCsv = False,
) -> None:
    """Push acknowledged events again: those of a time, or of these messages."""
    if not ids and since is None:
        raise typer.BadParameter("give ids, or --since")
    made = session_of(context).tenant.events.replay(ids=ids or None, since=moment(since), until=moment(until))
    output(json, csv).one(made)


def sync(context: typer.Context, json: AsJson = False, csv: AsCsv = False) -> None:
    """How the tenant's report endpoint fares, and when it is called next."""
    output(json, csv).one(session_of(context).tenant.sync())


def run_now(context: typer.Context, json: AsJson = False, csv: AsCsv = False) -> None:
    """Have the tenant's report endpoint called now."""
    output(json, csv).one(session_of(context).tenant.run_sync())
