"""`use`, `current` and `instances`: which instance the other commands talk to."""

from typing import Annotated

import typer

from mail_proxy.cli.instances import KnownInstance
from mail_proxy.cli.output import Column
from mail_proxy.cli.session import AsCsv, AsJson, Yes, confirm, output, secret, session_of
from mail_proxy.client import checked_base_url

instances = typer.Typer(help="The instances that this machine knows.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="What to call the instance here.", show_default=False)]


class Listed(KnownInstance):
    """A known instance in a list."""

    name: str
    current: bool


@instances.command("add")
def add(
    context: typer.Context,
    name: Name,
    url: Annotated[str, typer.Argument(help="Where its API is.", show_default=False)],
    tenant: Annotated[
        str | None, typer.Option(help="The tenant whose key the token is; else it is the admin's.")
    ] = None,
    check: Annotated[bool, typer.Option(help="Try the token before it is kept.")] = True,
) -> None:
    """Add an instance, or replace it. Its token is asked for, or read from standard input."""
    session = session_of(context)
    checked = checked_base_url(url)
    token = secret("Token")
    if check:
        proxy = session.connect(checked, token)
        if tenant is None:
            proxy.instance.get()
        else:
            proxy.tenant(tenant).get()
    place = session.instances.add(name, checked, tenant, token)
    output(json=False, csv=False).say(f"{name} is known; its token is kept in the {place}")


@instances.command("list")
def list_all(context: typer.Context, json: AsJson = False, csv: AsCsv = False) -> None:
    """The instances that are known, without their tokens."""
    known = session_of(context).instances.known()
    rows = [
        Listed(name=name, current=name == known.current, **each.model_dump())
        for name, each in sorted(known.instances.items())
    ]
    columns: list[Column[Listed]] = [
        Column("current", lambda each: each.current),
        Column("name", lambda each: each.name),
        Column("url", lambda each: each.url),
        Column("tenant", lambda each: each.tenant),
        Column("kept_in", lambda each: each.kept_in),
    ]
    output(json, csv).rows(rows, columns)


@instances.command("remove")
def remove(context: typer.Context, name: Name, yes: Yes = False) -> None:
    """Forget an instance and its token."""
    confirm(f"Forget {name} and its token?", yes)
    session_of(context).instances.remove(name)


def use(context: typer.Context, name: Name) -> None:
    """Talk to this instance from now on."""
    session_of(context).instances.use(name)


def current(context: typer.Context, json: AsJson = False, csv: AsCsv = False) -> None:
    """The instance that is talked to."""
    target = session_of(context).target
    shown = KnownInstance(url=target.url, tenant=target.tenant)
    listed = Listed(name=target.name, current=True, **shown.model_dump())
    columns: list[Column[Listed]] = [
        Column("name", lambda each: each.name),
        Column("url", lambda each: each.url),
        Column("tenant", lambda each: each.tenant),
    ]
    output(json, csv).rows([listed], columns)
