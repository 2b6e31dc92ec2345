"""`mailboxes`: where a tenant's bounces, complaints and receipts come back to."""

from itertools import islice
from typing import Annotated, Final

import typer

from mail_proxy.cli.output import Column
from mail_proxy.cli.session import DEFAULT_LIMIT, AsCsv, AsJson, Limit, Yes, confirm, output, secret, session_of
from mail_proxy.cli.tenants import given
from mail_proxy.models.mailboxes import MailboxSettings, MailboxView, UnmatchedView

mailboxes = typer.Typer(help="Where bounces and receipts come back to.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="The mailbox's id.", show_default=False)]

_COLUMNS: Final[list[Column[MailboxView]]] = [
    Column("id", lambda each: each.id),
    Column("kind", lambda each: each.kind),
    Column("host", lambda each: each.host),
    Column("username", lambda each: each.username),
    Column("polled_at", lambda each: each.polled_at),
    Column("read", lambda each: each.read),
    Column("matched", lambda each: each.matched),
    Column("unmatched", lambda each: each.unmatched),
    Column("failure", lambda each: each.failure),
]
_UNMATCHED: Final[list[Column[UnmatchedView]]] = [
    Column("read_at", lambda each: each.read_at),
    Column("what", lambda each: each.what),
    Column("reason", lambda each: each.reason),
    Column("sender", lambda each: each.sender),
    Column("subject", lambda each: each.subject),
]


@mailboxes.command("list")
def list_all(context: typer.Context, limit: Limit = DEFAULT_LIMIT, json: AsJson = False, csv: AsCsv = False) -> None:
    """The mailboxes of the tenant."""
    found = session_of(context).tenant.mailboxes.list(page_size=min(limit, 1000))
    output(json, csv).rows(islice(found, limit), _COLUMNS)


@mailboxes.command("show")
def show(context: typer.Context, mailbox_id: Id, json: AsJson = False, csv: AsCsv = False) -> None:
    """One mailbox, and how far it is read."""
    output(json, csv).one(session_of(context).tenant.mailboxes.get(mailbox_id))


@mailboxes.command("put")
def put(
    context: typer.Context,
    mailbox_id: Id,
    kind: Annotated[str, typer.Option(help="bounces or pec.")],
    host: Annotated[str, typer.Option(help="The IMAP server.")],
    username: Annotated[str, typer.Option(help="Its password is asked for, or read from standard input.")],
    port: Annotated[int | None, typer.Option(help="Its port; 993.")] = None,
    folder: Annotated[str | None, typer.Option(help="The folder that is read; INBOX.")] = None,
    keep_password: Annotated[bool, typer.Option("--keep-password", help="Leave the password as it is.")] = False,
    json: AsJson = False,
    csv: AsCsv = False,
) -> None:
    """Create a mailbox or replace it. It is looked at, at once."""
    settings = given(
        kind=kind,
        host=host,
        username=username,
        port=port,
        folder=folder,
        password=None if keep_password else secret("Password"),
    )
    made = session_of(context).tenant.mailboxes.put(mailbox_id, MailboxSettings.model_validate(settings))
    output(json, csv).one(made)


@mailboxes.command("verify")
def verify(context: typer.Context, mailbox_id: Id, json: AsJson = False, csv: AsCsv = False) -> None:
    """Try a mailbox over a real session. No mail is read. Exit code 1: it cannot be read."""
    made = session_of(context).tenant.mailboxes.verify(mailbox_id)
    output(json, csv).one(made)
    if not made.ok:
        raise typer.Exit(1)


@mailboxes.command("poll")
def poll(context: typer.Context, mailbox_id: Id, json: AsJson = False, csv: AsCsv = False) -> None:
    """Have a mailbox looked at now."""
    output(json, csv).one(session_of(context).tenant.mailboxes.poll(mailbox_id))


@mailboxes.command("unmatched")
def unmatched(
    context: typer.Context,
    mailbox_id: Id,
    limit: Limit = DEFAULT_LIMIT,
    json: AsJson = False,
    csv: AsCsv = False,
) -> None:
    """Reports and receipts that name no message, of the last thirty days."""
    found = session_of(context).tenant.mailboxes.unmatched(mailbox_id, page_size=min(limit, 1000))
    output(json, csv).rows(islice(found, limit), _UNMATCHED)


@mailboxes.command("delete")
def delete(context: typer.Context, mailbox_id: Id, yes: Yes = False) -> None:
    """Read a mailbox no more. The mail in it stays where it is."""
    confirm(f"Forget mailbox {mailbox_id}?", yes)
    session_of(context).tenant.mailboxes.delete(mailbox_id)
