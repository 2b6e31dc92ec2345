"""`accounts`: the relays of a tenant."""

from itertools import islice
from typing import Annotated, Final

import typer

from mail_proxy.cli.output import Column, Output
from mail_proxy.cli.session import DEFAULT_LIMIT, AsCsv, AsJson, Limit, Yes, confirm, output, secret, session_of
from mail_proxy.cli.tenants import given
from mail_proxy.models.accounts import AccountSettings, AccountView, StepView, VerificationView

accounts = typer.Typer(help="The relays of a tenant.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="The account's id.", show_default=False)]

_COLUMNS: Final[list[Column[AccountView]]] = [
    Column("id", lambda each: each.id),
    Column("host", lambda each: each.host),
    Column("port", lambda each: each.port),
    Column("tls", lambda each: each.tls),
    Column("username", lambda each: each.username),
    Column("health", lambda each: each.health.status),
    Column("reason", lambda each: each.health.reason),
]
_STEPS: Final[list[Column[StepView]]] = [
    Column("step", lambda each: each.step),
    Column("ok", lambda each: each.ok),
    Column("ms", lambda each: round(each.duration_ms)),
    Column("seen", lambda each: each.seen),
]


@accounts.command("list")
def list_all(context: typer.Context, limit: Limit = DEFAULT_LIMIT, json: AsJson = False, csv: AsCsv = False) -> None:
    """The accounts of the tenant."""
    found = session_of(context).tenant.accounts.list(page_size=min(limit, 1000))
    output(json, csv).rows(islice(found, limit), _COLUMNS)


@accounts.command("show")
def show(context: typer.Context, account_id: Id, json: AsJson = False, csv: AsCsv = False) -> None:
    """One account."""
    output(json, csv).one(session_of(context).tenant.accounts.get(account_id))


@accounts.command("put")
def put(
    context: typer.Context,
    account_id: Id,
    host: Annotated[str, typer.Option(help="The relay.")],
    port: Annotated[int, typer.Option(help="Its port.")] = 587,
    tls: Annotated[str, typer.Option(help="tls, starttls, opportunistic or none.")] = "starttls",
    username: Annotated[
        str | None, typer.Option(help="Its password is asked for, or read from standard input.")
    ] = None,
    keep_password: Annotated[bool, typer.Option("--keep-password", help="Leave the password as it is.")] = False,
    max_connections: Annotated[int | None, typer.Option(help="Over all priorities together.")] = None,
    parallelism: Annotated[int | None, typer.Option(help="Lines in each priority, if order does not matter.")] = None,
    pec: Annotated[bool | None, typer.Option("--pec", help="It sends certified mail (PEC).")] = None,
    json: AsJson = False,
    csv: AsCsv = False,
) -> None:
    """Create an account or replace it."""
    settings = given(
        host=host,
        port=port,
        tls=tls,
        username=username,
        max_connections=max_connections,
        parallelism=parallelism,
        is_pec_account=pec,
        password=secret("Password") if username is not None and not keep_password else None,
    )
    made = session_of(context).tenant.accounts.put(account_id, AccountSettings.model_validate(settings))
    output(json, csv).one(made)


@accounts.command("delete")
def delete(
    context: typer.Context,
    account_id: Id,
    force: Annotated[bool, typer.Option("--force", help="Mail that waits in it becomes an error.")] = False,
    yes: Yes = False,
) -> None:
    """Delete an account."""
    confirm(f"Delete account {account_id}{' with the mail that waits in it' if force else ''}?", yes)
    session_of(context).tenant.accounts.delete(account_id, force=force)


@accounts.command("verify")
def verify(context: typer.Context, account_id: Id, json: AsJson = False, csv: AsCsv = False) -> None:
    """Try an account over a real session with its relay. No mail is sent. Exit code 1: it cannot be used."""
    made = session_of(context).tenant.accounts.verify(account_id)
    out = output(json, csv)
    if out.for_people:
        out.rows(made.steps, _STEPS)
        conclude(out, made)
    else:
        out.one(made)
    if not made.ok:
        raise typer.Exit(1)


def conclude(out: Output, made: VerificationView) -> None:
    """What follows from the session."""
    for warning in made.warnings:
        out.say(f"warning: {warning}")
    if made.failure is not None:
        out.say(f"error: {made.failure.reason} ({made.failure.pointer})")
        out.say(made.failure.advice)
