"""`batches`, `suppressions` and `storages`: what a tenant holds back, and where its files lie."""

from itertools import islice
from typing import Annotated, Final

import typer

from mail_proxy.cli.output import Column
from mail_proxy.cli.session import DEFAULT_LIMIT, AsCsv, AsJson, Limit, Yes, confirm, output, secret, session_of
from mail_proxy.cli.tenants import given
from mail_proxy.models.accounts import S3StorageSettings, StorageView
from mail_proxy.models.messages import SuppressionView

batches = typer.Typer(help="Hold back a tenant's mail, and let it go.", no_args_is_help=True)
suppressions = typer.Typer(help="Addresses that get no mail of a tenant.", no_args_is_help=True)
storages = typer.Typer(help="Where files of attachments lie.", no_args_is_help=True)

Batch = Annotated[str | None, typer.Argument(help="The batch; all mail of the tenant without it.")]
Address = Annotated[str, typer.Argument(help="A mail address.", show_default=False)]
Name = Annotated[str, typer.Argument(help="The storage's name.", show_default=False)]

_SUPPRESSIONS: Final[list[Column[SuppressionView]]] = [
    Column("address", lambda each: each.address),
    Column("source", lambda each: each.source),
    Column("since", lambda each: each.since),
    Column("reason", lambda each: each.reason),
]
_STORAGES: Final[list[Column[StorageView]]] = [
    Column("name", lambda each: each.name),
    Column("bucket", lambda each: each.bucket),
    Column("prefix", lambda each: each.prefix),
    Column("region", lambda each: each.region),
    Column("access_key_id", lambda each: each.access_key_id),
]


@batches.command("suspend")
def suspend(context: typer.Context, batch_code: Batch = None, json: AsJson = False, csv: AsCsv = False) -> None:
    """Hold mail back, and show what is held back now and how much of it waits."""
    output(json, csv).one(session_of(context).tenant.suspend(batch_code))


@batches.command("activate")
def activate(context: typer.Context, batch_code: Batch = None, json: AsJson = False, csv: AsCsv = False) -> None:
    """Let mail go, and show what is still held back."""
    output(json, csv).one(session_of(context).tenant.activate(batch_code))


@suppressions.command("list")
def list_suppressions(
    context: typer.Context, limit: Limit = DEFAULT_LIMIT, json: AsJson = False, csv: AsCsv = False
) -> None:
    """The addresses that get no mail."""
    found = session_of(context).tenant.suppressions.list(page_size=min(limit, 1000))
    output(json, csv).rows(islice(found, limit), _SUPPRESSIONS)


@suppressions.command("add")
def add(
    context: typer.Context,
    address: Address,
    reason: Annotated[str | None, typer.Option(help="Why.")] = None,
    json: AsJson = False,
    csv: AsCsv = False,
) -> None:
    """Send no more mail to an address."""
    output(json, csv).one(session_of(context).tenant.suppressions.put(address, reason=reason))


@suppressions.command("remove")
def remove(context: typer.Context, address: Address) -> None:
    """Let mail go to an address again."""
    session_of(context).tenant.suppressions.delete(address)


@storages.command("list")
def list_storages(
    context: typer.Context, limit: Limit = DEFAULT_LIMIT, json: AsJson = False, csv: AsCsv = False
) -> None:
    """The storages of the tenant."""
    found = session_of(context).tenant.storages.list(page_size=min(limit, 1000))
    output(json, csv).rows(islice(found, limit), _STORAGES)


@storages.command("put")
def put(
    context: typer.Context,
    name: Name,
    bucket: Annotated[str, typer.Option(help="The bucket.")],
    prefix: Annotated[str | None, typer.Option(help="The part of it.")] = None,
    region: Annotated[str | None, typer.Option(help="Where it is.")] = None,
    endpoint_url: Annotated[str | None, typer.Option(help="Of a service other than AWS that speaks S3.")] = None,
    access_key_id: Annotated[str | None, typer.Option(help="Its secret is asked for, or read from stdin.")] = None,
    json: AsJson = False,
    csv: AsCsv = False,
) -> None:
    """Create a storage or replace it. Without an access key the instance's own role reads it."""
    settings = given(
        bucket=bucket,
        prefix=prefix,
        region=region,
        endpoint_url=endpoint_url,
        access_key_id=access_key_id,
        secret_access_key=secret("Secret access key") if access_key_id is not None else None,
    )
    made = session_of(context).tenant.storages.put(name, S3StorageSettings.model_validate(settings))
    output(json, csv).one(made)


@storages.command("remove")
def remove_storage(context: typer.Context, name: Name, yes: Yes = False) -> None:
    """Forget a storage. Its files stay where they are."""
    confirm(f"Forget storage {name}?", yes)
    session_of(context).tenant.storages.delete(name)
