"""`make dev`: keeps the whole system running on this machine until Ctrl-C, and says how to use it."""

import contextlib
import json
import os
import shlex
import sys
import threading
from collections.abc import Iterator
from typing import Final

from pydantic import BaseModel, JsonValue, ValidationError

from localstack import STATE_DIRECTORY
from localstack.demo.screen import Screen
from localstack.system import START_ERRORS, LocalSystem, Stopped, ended_by_signals, local_system

SESSION_FILE: Final = STATE_DIRECTORY / "dev.json"


class NoSessionError(RuntimeError):
    """No `make dev` runs here; the message says what to do."""


class DevSession(BaseModel):
    """What other programs may want to know of a running `make dev`; `.local/dev.json` holds it."""

    pid: int
    endpoint_url: str
    api_url: str
    docs_url: str
    inbox_url: str
    receiver_url: str
    smtp_port: int


def running_session() -> DevSession:
    """Return what the running `make dev` tells of itself; raises `NoSessionError` when none runs."""
    try:
        session = DevSession.model_validate_json(SESSION_FILE.read_text())
        os.kill(session.pid, 0)
    except (FileNotFoundError, ValidationError, ProcessLookupError) as error:
        raise NoSessionError("nothing is running here: start it with `make dev` in another terminal") from error
    return session


def main() -> int:
    """Run until a signal ends it; return the exit status."""
    screen = Screen()
    try:
        with (
            ended_by_signals(),
            local_system("dev", screen.step) as system,
            _described(system),
        ):
            for line in instructions(system):
                screen.say(line)
            threading.Event().wait()
    except START_ERRORS as error:
        screen.failures("The local system could not be started:", [str(error)])
        return 1
    except Stopped:
        screen.say("stopped")
    return 0


def instructions(system: LocalSystem) -> list[str]:
    """Return what a developer needs: addresses, the admin token, and commands to paste."""
    deployment = system.deployment
    mail: JsonValue = {
        "id": "hello-1",
        "account_id": "main",
        "from": "shop@example.org",
        "to": ["anna@example.net"],
        "subject": "Hello",
        "text": "Good morning.",
    }
    environment = " ".join(f"{name}={shlex.quote(value)}" for name, value in deployment.environment.items())
    return [
        "",
        f"API          {deployment.api_url}",
        f"API docs     {deployment.docs_url}",
        f"inbox        {system.inbox_url}",
        f"reports      {system.receiver.url}",
        f"AWS          {deployment.endpoint_url}",
        f"admin token  {deployment.admin_token}",
        "",
        "# create a tenant with its relay, and submit a mail:",
        _curl(system, "PUT", "/v1/tenants/acme", system.tenant_settings),
        _curl(system, "PUT", "/v1/tenants/acme/accounts/main", system.account_settings),
        _curl(system, "POST", "/v1/tenants/acme/messages", {"messages": [mail]}),
        "",
        "# the API in a process of its own, reloaded at each change:",
        f"env {environment} .venv/bin/python -m uvicorn functions.api.app:app --reload",
        "",
        "`make redeploy` brings changed code into the functions. Ctrl-C stops everything.",
    ]


def _curl(system: LocalSystem, method: str, path: str, body: JsonValue) -> str:
    command = [
        "curl",
        "-sS",
        "-X",
        method,
        f"{system.deployment.api_url}{path}",
        "-H",
        f"Authorization: Bearer {system.deployment.admin_token}",
        "-H",
        "Content-Type: application/json",
        "-d",
        json.dumps(body, ensure_ascii=False),
    ]
    return shlex.join(command)


@contextlib.contextmanager
def _described(system: LocalSystem) -> Iterator[None]:
    """Tell other programs of the system for as long as it runs."""
    description = DevSession(
        pid=os.getpid(),
        endpoint_url=system.deployment.endpoint_url,
        api_url=system.deployment.api_url,
        docs_url=system.deployment.docs_url,
        inbox_url=system.inbox_url,
        receiver_url=system.receiver.url,
        smtp_port=system.inbox.port,
    )
    SESSION_FILE.parent.mkdir(parents=True, exist_ok=True)
    SESSION_FILE.write_text(description.model_dump_json(indent=2) + "\n")
    try:
        yield
    finally:
        SESSION_FILE.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
