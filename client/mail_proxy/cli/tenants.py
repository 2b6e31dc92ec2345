"""`tenants`, and `token rotate`: tenants and their keys."""

from itertools import islice
from typing import Annotated, Final

import typer

from mail_proxy.cli.output import Column, Output
from mail_proxy.cli.session import DEFAULT_LIMIT, AsCsv, AsJson, Limit, Yes, confirm, output, session_of
from mail_proxy.models.tenants import TenantChanges, TenantSettings, TenantView

tenants = typer.Typer(help="Tenants (admin).", no_args_is_help=True)
token = typer.Typer(help="Keys of tenants (admin).", no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="The tenant's id.", show_default=False)]
Called = Annotated[str | None, typer.Option("--name", help="What people call it.")]
ReportUrl = Annotated[str | None, typer.Option(help="Where its reports are pushed to: https://host.")]
ReportPath = Annotated[str | None, typer.Option(help="The path behind it.")]
Account = Annotated[str | None, typer.Option(help="The account of messages that name none.")]
Active = Annotated[bool | None, typer.Option("--active/--inactive", help="Whether it may submit and is sent for.")]

_COLUMNS: Final[list[Column[TenantView]]] = [
    Column("id", lambda each: each.id),
    Column("name", lambda each: each.name),
    Column("active", lambda each: each.active),
    Column("suspended", lambda each: each.suspended),
    Column("deleting", lambda each: each.deleting),
    Column("default_account", lambda each: each.default_account),
    Column("client_base_url", lambda each: each.client_base_url),
]


@tenants.command("list")
def list_all(context: typer.Context, limit: Limit = DEFAULT_LIMIT, json: AsJson = False, csv: AsCsv = False) -> None:
    """All tenants."""
    found = session_of(context).proxy.tenants.list(page_size=min(limit, 1000))
    output(json, csv).rows(islice(found, limit), _COLUMNS)


@tenants.command("show")
def show(context: typer.Context, tenant_id: Id, json: AsJson = False, csv: AsCsv = False) -> None:
    """The settings of one tenant."""
    output(json, csv).one(session_of(context).proxy.tenant(tenant_id).get())


def given(**settings: object) -> dict[str, object]:
    """What was given on the command line; the rest is left to the API."""
    return {name: value for name, value in settings.items() if value is not None}


@tenants.command("create")
def create(
    context: typer.Context,
    tenant_id: Id,
    name: Called = None,
    client_base_url: ReportUrl = None,
    client_sync_path: ReportPath = None,
    default_account: Account = None,
    json: AsJson = False,
    csv: AsCsv = False,
) -> None:
    """Create a tenant. Its API key and signing secret are shown this once."""
    settings = given(
        name=name,
        client_base_url=client_base_url,
        client_sync_path=client_sync_path,
        default_account=default_account,
    )
    created = session_of(context).proxy.tenants.put(tenant_id, TenantSettings.model_validate(settings))
    output(json, csv).one(created)


@tenants.command("change")
def change(
    context: typer.Context,
    tenant_id: Id,
    name: Called = None,
    client_base_url: ReportUrl = None,
    client_sync_path: ReportPath = None,
    default_account: Account = None,
    active: Active = None,
    json: AsJson = False,
    csv: AsCsv = False,
) -> None:
    """Change what is given, and leave the rest."""
    changes = given(
        name=name,
        client_base_url=client_base_url,
        client_sync_path=client_sync_path,
        default_account=default_account,
        active=active,
    )
    if not changes:
        raise typer.BadParameter("nothing to change was given")
    tenant = session_of(context).proxy.tenant(tenant_id)
    output(json, csv).one(tenant.change(TenantChanges.model_validate(changes)))


@tenants.command("delete")
def delete(context: typer.Context, tenant_id: Id, yes: Yes = False) -> None:
    """Delete a tenant with all that it owns."""
    confirm(f"Delete tenant {tenant_id} with its messages, accounts and events?", yes)
    session_of(context).proxy.tenants.delete(tenant_id)
    Output().say(f"{tenant_id} is being deleted; `mail-proxy tenants show {tenant_id}` tells until when")


@token.command("rotate")
def rotate(
    context: typer.Context,
    tenant_id: Id,
    overlap: Annotated[int | None, typer.Option(help="Seconds that the old key works beside the new; 3600.")] = None,
    json: AsJson = False,
    csv: AsCsv = False,
) -> None:
    """Replace a tenant's API key. The new one is shown this once."""
    output(json, csv).one(session_of(context).proxy.tenant(tenant_id).rotate_api_key(overlap_seconds=overlap))


@token.command("revoke")
def revoke(context: typer.Context, tenant_id: Id, yes: Yes = False) -> None:
    """Revoke a tenant's API keys, within 30 seconds."""
    confirm(f"Revoke all keys of tenant {tenant_id}?", yes)
    session_of(context).proxy.tenant(tenant_id).revoke_api_key()
