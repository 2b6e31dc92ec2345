"""`mail-proxy`: the root of the command line. Errors are told in words, not by a traceback.

Exit codes: 0 it is done; 1 the instance refused, or it did not come to its end; 2 the call of the program is wrong.
"""

import os
from pathlib import Path
from typing import Annotated, Any, override

import typer
from pydantic import ValidationError
from typer.core import TyperGroup

from mail_proxy.cli import accounts, contexts, holding, live, mailboxes, messages, send, status, tenants, watching
from mail_proxy.cli.instances import Instances, system_keyring
from mail_proxy.cli.output import Output
from mail_proxy.cli.session import Session, session_of
from mail_proxy.errors import ApiError, InvalidArgument, MailProxyError, NothingAccepted


class Commands(TyperGroup):
    """Tells errors in words."""

    @override
    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except InvalidArgument as error:
            raise typer.BadParameter(str(error)) from error
        except ValidationError as error:
            raise typer.BadParameter(in_words(error)) from error
        except MailProxyError as error:
            tell(error)
            raise typer.Exit(1) from error


def in_words(error: ValidationError) -> str:
    """What is wrong with values that were given, without the values: some are secrets."""
    return "; ".join(
        f"{'/'.join(str(part) for part in each['loc'])}: {each['msg']}"
        for each in error.errors(include_input=False, include_url=False)
    )


def tell(error: MailProxyError) -> None:
    """An error of the instance, with what helps to mend it."""
    output = Output()
    output.say(f"error: {error}")
    if isinstance(error, ApiError):
        for broken in error.errors:
            output.say(f"  {broken.pointer}: {broken.detail}")
        if error.request_id:
            output.say(f"  request {error.request_id}")
    if isinstance(error, NothingAccepted):
        for refused in error.rejected:
            output.say(f"  {refused.id or refused.index}: {refused.code}: {refused.detail}")


app = typer.Typer(
    name="mail-proxy",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def root(
    context: typer.Context,
    instance: Annotated[str | None, typer.Option("--instance", "-i", help="Talk to this one instead.")] = None,
    tenant: Annotated[str | None, typer.Option("--tenant", "-t", help="The tenant that it is about.")] = None,
) -> None:
    """Command line of Serverless Mail Proxy."""
    if context.obj is None:
        folder = Path(os.environ.get("MAIL_PROXY_CONFIG_DIR") or typer.get_app_dir("mail-proxy"))
        context.obj = Session(Instances(folder, os.environ, system_keyring()))
    session = session_of(context)
    session.instance = instance or session.instance
    session.tenant_id = tenant or session.tenant_id
    context.call_on_close(session.close)


app.command("use")(contexts.use)
app.command("current")(contexts.current)
app.add_typer(contexts.instances, name="instances")
app.add_typer(tenants.tenants, name="tenants")
app.add_typer(tenants.token, name="token")
app.add_typer(accounts.accounts, name="accounts")
app.add_typer(messages.messages, name="messages")
app.command("send")(send.send)
app.add_typer(holding.batches, name="batches")
app.add_typer(holding.suppressions, name="suppressions")
app.add_typer(holding.storages, name="storages")
app.add_typer(watching.dlq, name="dlq")
app.add_typer(watching.commands, name="commands")
app.add_typer(watching.reports, name="reports")
app.add_typer(mailboxes.mailboxes, name="mailboxes")
app.command("sync")(watching.sync)
app.command("run-now")(watching.run_now)
app.command("status")(status.status)
watching.reports.command("tail")(live.tail)
app.command("shell")(live.shell)
app.command("metrics")(watching.metrics)
app.command("pause")(watching.pause)
app.command("resume")(watching.resume)
