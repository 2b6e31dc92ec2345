"""Runs the whole system on this machine for the time of a block: AWS, deployment, relay, a tenant's endpoint.

`make demo` and `make dev` live in one. Whatever was started is stopped when the block ends, also by a signal.
"""

import contextlib
import os
import secrets
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import FrameType
from typing import Final

import trustme
from pydantic import JsonValue

from infra.bundle import BundleError
from localstack.deploy import Deployment, DeploymentError, deploy
from localstack.emulator import Emulator, EmulatorError
from localstack.inbox import (
    DEVELOPMENT_RULES,
    Credentials,
    Inbox,
    Tls,
    TlsMode,
    inbox_application,
    local_certificate,
)
from localstack.receiver import BearerAuth, Receiver
from localstack.template import SynthesisError
from localstack.web import WebServer

START_ERRORS: Final = (EmulatorError, SynthesisError, BundleError, DeploymentError)
"""What starting and deploying may raise; each message says what to do."""

CONTAINER_HOST: Final = "host.docker.internal"
"""This machine, as functions in Docker's containers see it."""

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

type Step = Callable[[str], AbstractContextManager[None]]
"""Shows the user what is being done while it is."""


@dataclass(frozen=True, slots=True)
class LocalSystem:
    """Everything that runs, and how a client of the proxy has to describe it to the API."""

    deployment: Deployment
    inbox: Inbox
    inbox_url: str
    receiver: Receiver
    account_settings: dict[str, JsonValue]
    """The inbox as an SMTP account."""
    tenant_settings: dict[str, JsonValue]
    """The receiver as a tenant's sync endpoint."""


@contextlib.contextmanager
def local_system(name: str, step: Step) -> Iterator[LocalSystem]:
    """Start the system and yield it; stop it at the end. `name` tells the logs of several apart.

    With `AWS_ENDPOINT_URL` set, that AWS is used and left running; else the embedded one is started.
    The relay wants STARTTLS and a password, the sync endpoint a bearer token, as real ones do.
    Raises one of `START_ERRORS`, with a message for the user.
    """
    with contextlib.ExitStack() as running:
        deployment = _deployed(name, step, running)
        with step("starting the inbox and the tenant's sync endpoint"):
            credentials = Credentials("shop", secrets.token_urlsafe(12))
            tls = Tls(TlsMode.STARTTLS_REQUIRED, local_certificate(trustme.CA()))
            inbox = running.enter_context(Inbox(rules=DEVELOPMENT_RULES, tls=tls, credentials=credentials))
            page = running.enter_context(WebServer(inbox_application(inbox.mailbox), name="inbox-web"))
            token = secrets.token_urlsafe(12)
            receiver = running.enter_context(Receiver(auth=BearerAuth(token)))
        here = CONTAINER_HOST if _other_endpoint() else inbox.host
        running.callback(_ignore_signals)
        yield LocalSystem(
            deployment=deployment,
            inbox=inbox,
            inbox_url=page.url,
            receiver=receiver,
            account_settings={
                "host": here,
                "port": inbox.port,
                "tls": "starttls",
                "verify_certificate": False,
                "username": credentials.username,
                "password": credentials.password,
            },
            tenant_settings={
                "client_base_url": receiver.url.replace(inbox.host, here),
                "client_auth": {"method": "bearer", "token": token},
            },
        )


def _deployed(name: str, step: Step, running: contextlib.ExitStack) -> Deployment:
    endpoint_url = _other_endpoint()
    if endpoint_url is None:
        with step("starting the local AWS"):
            endpoint_url = running.enter_context(Emulator(name)).endpoint_url
    with step("synthesizing, bundling and deploying the stack"):
        return deploy(endpoint_url, in_containers=_other_endpoint() is not None)


def _other_endpoint() -> str | None:
    """A LocalStack that already runs, if the environment names one; its functions live in containers."""
    return os.environ.get("AWS_ENDPOINT_URL") or None


class Stopped(BaseException):
    """A signal asked the program to end. Like `KeyboardInterrupt` not an `Exception`, so that nothing keeps it."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_status = 128 + number
        """What a shell expects of a program that a signal ended."""


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Turn Ctrl-C, SIGTERM and SIGHUP into `Stopped`, so that every block in between cleans up.

    Further signals are ignored: cleaning up takes seconds, and to break it off would leave processes behind.
    """

    def end(number: int, _frame: FrameType | None) -> None:
        _ignore_signals()
        raise Stopped(number)

    before = {number: signal.signal(number, end) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore_signals() -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
