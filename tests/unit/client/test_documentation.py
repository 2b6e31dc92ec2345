"""Every example of docs/client.md and of the docstrings runs, against the API itself."""

import asyncio
import inspect
import json
import re
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from standardwebhooks import Webhook

import mail_proxy
from functions.api.app import create_app
from functions.api.services import Services
from mail_proxy import MailProxy
from mail_proxy import client as clients
from mail_proxy.resources import accounts, events, messages, tenants
from tests.unit.client.conftest import BASE_URL
from tests.unit.functions.api.caller import ADMIN_TOKEN

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs/client.md").read_text(encoding="utf-8")
SECRET = "whsec_YSBrZXkgb2YgdHdlbnR5LWZvdXIgYnl0ZXM="


@pytest.fixture
def names(client: TestClient, services: Services, proxy: MailProxy, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What an example finds: an instance to call, with the tenant acme, and what a reader would have of their own."""
    proxy.tenants.put("acme", mail_proxy.TenantSettings(default_account="main"))
    settings = mail_proxy.AccountSettings(host="smtp.example.com", port=587, tls="starttls")
    proxy.tenant("acme").accounts.put("main", settings)
    monkeypatch.setattr(httpx, "Client", lambda **_: Through(client))
    app = create_app(lambda: services)
    make_async = httpx.AsyncClient
    monkeypatch.setattr(httpx, "AsyncClient", lambda **_: make_async(transport=httpx.ASGITransport(app=app)))
    body = json.dumps({"delivery_report": []})
    now = datetime.now(UTC)
    headers = {
        "webhook-id": "call-1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("call-1", now, body),
    }
    return {
        "url": BASE_URL,
        "key": ADMIN_TOKEN,
        "admin_token": ADMIN_TOKEN,
        "wait": 0,
        "password": "a-password",
        "signing_secret": SECRET,
        "body": body.encode(),
        "headers": headers,
        "database": {},
        "waiting": [],
        "stored_cursor": None,
        "keep": lambda *_: None,
    }


class Through(httpx.Client):
    """A client of the application; the bucket that files are uploaded to takes all."""

    def __init__(self, application: TestClient) -> None:
        super().__init__(transport=httpx.MockTransport(self._answer))
        self._application = application

    def _answer(self, request: httpx.Request) -> httpx.Response:
        request.read()
        if request.url.host != "localhost":
            return httpx.Response(204)
        answer = self._application.send(request)
        headers = {
            name: value for name, value in answer.headers.items() if name != "content-encoding"
        }  # undone already
        return httpx.Response(answer.status_code, headers=headers, content=answer.content)


def test_every_example_of_the_guide_runs(names: dict[str, Any]) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    assert len(blocks) > 10
    for block in blocks:
        exec(compile(block, "docs/client.md", "exec"), names)
    asyncio.run(names["send_again"]())
    assert names["status"] == 200
    assert names["created"].id == "globex"
    assert names["answer"].rejected


DOCUMENTED: list[Callable[..., Any]] = [
    clients.MailProxy,
    accounts.Attachments.__dict__["upload"],
    events.Events.__dict__["page"],
    messages.Messages.__dict__["list"],
    messages.Messages.__dict__["send"],
    messages.Messages.__dict__["submit"],
    tenants.Tenant.__dict__["change"],
    tenants.Tenants.__dict__["put"],
]


def example(documented: Callable[..., Any]) -> str:
    """The indented part of a docstring."""
    text = inspect.cleandoc(documented.__doc__ or "")
    lines = [line for line in text.splitlines() if line.startswith("    ")]
    return textwrap.dedent("\n".join(lines))


@pytest.mark.parametrize("documented", DOCUMENTED)
def test_examples_of_docstrings_can_be_read(documented: Callable[..., Any]) -> None:
    code = example(documented)
    assert code
    compile(code, "docstring", "exec")


def test_the_readme_of_the_package_can_be_read() -> None:
    [block] = re.findall(
        r"^```python\n(.*?)^```", (ROOT / "client/README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    compile(block, "README.md", "exec")
