"""Runs the command line in this process, against a script of answers."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from typer.testing import CliRunner, Result

from mail_proxy import MailProxy, Retries
from mail_proxy.cli.app import app
from mail_proxy.cli.instances import Instances, TokenStore
from mail_proxy.cli.session import Session
from tests.unit.client.scripted import Script

URL = "https://proxy.example"
TOKEN = "a-token-of-these-tests"


@dataclass
class Program:
    """`mail-proxy` with a folder of its own, and an instance that answers from a script."""

    folder: Path
    script: Script = field(default_factory=lambda: Script([]))
    environment: Mapping[str, str] = field(default_factory=lambda: {"MAIL_PROXY_URL": URL, "MAIL_PROXY_TOKEN": TOKEN})
    keyring: TokenStore | None = None
    connect: Callable[[str, str], MailProxy] | None = None

    def run(self, *args: str, input: str | None = None) -> Result:
        instances = Instances(self.folder, self.environment, self.keyring)
        session = Session(instances, connect=self.connect or self._connect, sleep=self._sleep)
        result = CliRunner().invoke(app, list(args), input=input, obj=session, env={"COLUMNS": "200"})
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    def _sleep(self, seconds: float) -> None:
        """Ends what goes on until it is interrupted, when there is nothing more to answer."""
        self.script.sleep(seconds)
        if not self.script.answers:
            raise KeyboardInterrupt

    def _connect(self, url: str, token: str) -> MailProxy:
        http = httpx.Client(transport=httpx.MockTransport(self.script.answer))
        return MailProxy(url, token, http=http, retries=Retries(attempts=1))

    def answer(self, *answers: object) -> None:
        """What the instance says next."""
        for each in answers:
            self.script.answers.append(each if isinstance(each, httpx.Response) else httpx.Response(200, json=each))

    @property
    def asked(self) -> list[tuple[str, str]]:
        """The calls of the instance."""
        return [(each.method, each.url.raw_path.decode()) for each in self.script.requests]

    def body(self, number: int = -1) -> Any:
        return json.loads(self.script.requests[number].content)
