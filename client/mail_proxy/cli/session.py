"""What each command works with: the chosen instance, the tenant, and where to write."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Final

import typer

from mail_proxy.cli.instances import Instances, Target
from mail_proxy.cli.output import Format, Output
from mail_proxy.client import MailProxy
from mail_proxy.errors import InvalidArgument
from mail_proxy.resources.tenants import Tenant
from mail_proxy.transports import BlockingTransport

type Connect = Callable[[str, str], MailProxy]

AsJson = Annotated[bool, typer.Option("--json", help="Write JSON.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Write CSV.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="How many at most.")]

DEFAULT_LIMIT: Final = 50


@dataclass
class Session:
    """One run of the program. `connect` makes a client of URL and token; `sleep` waits some seconds."""

    instances: Instances
    connect: Connect = MailProxy
    instance: str | None = None
    tenant_id: str | None = None
    sleep: Callable[[float], None] = time.sleep
    _proxy: MailProxy | None = field(default=None, repr=False)

    @property
    def target(self) -> Target:
        return self.instances.target(self.instance)

    @property
    def proxy(self) -> MailProxy:
        """The instance. Raises InvalidArgument when none is chosen."""
        if self._proxy is None:
            target = self.target
            self._proxy = self.connect(target.url, target.token)
        return self._proxy

    @property
    def tenant(self) -> Tenant[BlockingTransport]:
        """The tenant of `--tenant`, or whose key the token is. Raises InvalidArgument when neither says."""
        chosen = self.tenant_id or self.target.tenant
        if chosen is None:
            raise InvalidArgument("which tenant? Give `mail-proxy --tenant ID …`, or add the instance with its tenant")
        return self.proxy.tenant(chosen)

    def close(self) -> None:
        if self._proxy is not None:
            self._proxy.close()


def session_of(context: typer.Context) -> Session:
    """The session that the program began with."""
    session = context.find_object(Session)
    if session is None:
        raise RuntimeError("the program was not begun by its root command")
    return session


def output(json: bool, csv: bool) -> Output:
    """Raises typer.BadParameter when both are asked for."""
    if json and csv:
        raise typer.BadParameter("--json and --csv exclude each other")
    return Output(Format.JSON if json else Format.CSV if csv else Format.TABLE)


def confirm(question: str, yes: bool) -> None:
    """Asks before something is lost. Raises typer.Abort on a no, and without a terminal to ask on."""
    if not yes:
        typer.confirm(question, abort=True, err=True)


def secret(what: str) -> str:
    """A secret, asked for without showing it; or a line of standard input, when that is no terminal."""
    stdin = typer.get_text_stream("stdin")
    if stdin.isatty():
        given: str = typer.prompt(what, hide_input=True, err=True)
    else:
        given = stdin.readline().rstrip("\r\n")
    if not given:
        raise typer.BadParameter(f"no {what.lower()} was given: type it, or pass it on standard input")
    return given
