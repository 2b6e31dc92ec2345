"""`messages`: what became of mail, and what can be done about it."""

from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Final, get_args

import typer
from rich.text import Text

from mail_proxy.cli.output import Column, Output, printable, shown
from mail_proxy.cli.session import DEFAULT_LIMIT, AsCsv, AsJson, Limit, Yes, confirm, output, session_of
from mail_proxy.models.base import Status
from mail_proxy.models.messages import MessageSummary, MessageView, RecipientView

messages = typer.Typer(help="The messages of a tenant.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="The message's id.", show_default=False)]
Ids = Annotated[list[str], typer.Argument(help="Ids of messages.", show_default=False)]

_COLUMNS: Final[list[Column[MessageSummary]]] = [
    Column("id", lambda each: each.id),
    Column("status", lambda each: each.status),
    Column("priority", lambda each: each.priority),
    Column("account", lambda each: each.account_id),
    Column("batch", lambda each: each.batch_code),
    Column("attempts", lambda each: each.attempts),
    Column("created_at", lambda each: each.created_at),
    Column("due_at", lambda each: each.due_at),
]
_RECIPIENTS: Final[list[Column[RecipientView]]] = [
    Column("recipient", lambda each: each.address),
    Column("status", lambda each: each.status),
    Column("code", lambda each: each.code),
    Column("reply", lambda each: each.reply),
]
_STATUSES: Final[tuple[Status, ...]] = get_args(Status.__value__)


def status_of(text: str | None) -> Status | None:
    """Raises typer.BadParameter when there is no such status."""
    if text is None:
        return None
    for status in _STATUSES:
        if status == text:
            return status
    raise typer.BadParameter(f"no status {text!r}; there are {', '.join(_STATUSES)}")


def moment(text: str | None) -> datetime | None:
    """A time of the command line; without a zone it is UTC. Raises typer.BadParameter."""
    if text is None:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no time like 2026-01-31T10:00 or 2026-01-31T10:00+01:00") from error
    return read if read.tzinfo is not None else read.replace(tzinfo=UTC)


Since = Annotated[str | None, typer.Option(help="From this time on: 2026-01-31T10:00, UTC without a zone.")]
Until = Annotated[str | None, typer.Option(help="Before this time.")]


@messages.command("list")
def list_all(
    context: typer.Context,
    status: Annotated[str | None, typer.Option(help=f"Only {', '.join(_STATUSES)}.")] = None,
    account: Annotated[str | None, typer.Option(help="Only of this account.")] = None,
    batch: Annotated[str | None, typer.Option(help="Only of this batch.")] = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = DEFAULT_LIMIT,
    json: AsJson = False,
    csv: AsCsv = False,
) -> None:
    """The tenant's messages, latest first."""
    found = session_of(context).tenant.messages.list(
        status=status_of(status),
        account_id=account,
        batch_code=batch,
        since=moment(since),
        until=moment(until),
        page_size=min(limit, 1000),
    )
    output(json, csv).rows(islice(found, limit), _COLUMNS)


@messages.command("show")
def show(context: typer.Context, message_id: Id, json: AsJson = False, csv: AsCsv = False) -> None:
    """One message: what happened when, and what the relay said of each recipient."""
    message = session_of(context).tenant.messages.get(message_id)
    out = output(json, csv)
    if not out.for_people:
        out.one(message)
        return
    timeline(out, message)
    out.console.print()
    out.rows(message.recipients, _RECIPIENTS)


def timeline(out: Output, message: MessageView) -> None:
    """The events of a message with the time between them."""
    subject = message.content.subject if message.content is not None else ""
    out.console.print(Text(printable(f"{message.id}  {message.status}  {subject}".rstrip()), style="bold"))
    happened = [(each.at, each.type, each.detail) for each in message.events]
    happened += [(each.at, each.type, each.recipient or each.detail) for each in message.returned]
    before: datetime | None = None
    for at, what, detail in sorted(happened, key=lambda each: each[0]):
        after = f"+{(at - before).total_seconds():g}s" if before is not None else ""
        out.console.print(Text(f"  {shown(at)}  {after:>9}  {what:<12} {printable(detail or '')}".rstrip()))
        before = at


@messages.command("cancel")
def cancel(context: typer.Context, message_ids: Ids) -> None:
    """Take messages back that are not sent yet."""
    tenant = session_of(context).tenant
    for message_id in message_ids:
        tenant.messages.cancel(message_id)
        Output().say(f"{message_id} is cancelled")


@messages.command("retry")
def retry(context: typer.Context, message_ids: Ids) -> None:
    """Send failed messages again, to those who do not have them."""
    tenant = session_of(context).tenant
    for message_id in message_ids:
        tenant.messages.retry(message_id)
        Output().say(f"{message_id} is sent again")


@messages.command("delete")
def delete(context: typer.Context, message_ids: Ids, yes: Yes = False) -> None:
    """Delete the records of up to 1,000 messages. Those that wait are not sent. Exit code 1: some are in flight."""
    confirm(f"Delete the records of {len(message_ids)} messages?", yes)
    made = session_of(context).tenant.messages.delete_many(message_ids)
    out = Output()
    out.say(f"{len(made.removed)} deleted, {len(made.not_found)} not found, {len(made.in_flight)} in flight")
    if made.in_flight:
        out.say("in flight: " + " ".join(made.in_flight))
        raise typer.Exit(1)


@messages.command("cleanup")
def cleanup(
    context: typer.Context,
    older_than: Annotated[int, typer.Option(min=0, help="Seconds since the last report was acknowledged.")],
    yes: Yes = False,
) -> None:
    """Delete the records of messages that are final and reported."""
    confirm(f"Delete the records of what was reported more than {older_than} seconds ago?", yes)
    removed = session_of(context).tenant.messages.cleanup(older_than_seconds=older_than)
    Output().say(f"{removed} deleted")
