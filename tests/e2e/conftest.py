"""The deployed template on one embedded AWS for all tests here; each has its own tenant, relay and endpoint."""

import itertools
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import httpx
import pytest

from localstack import aws
from localstack.deploy import Deployment, deploy
from localstack.emulator import Emulator
from localstack.inbox import Inbox
from localstack.receiver import Receiver

type Json = dict[str, object]

# The first call of each function starts an interpreter, on a machine that may be busy.
_HTTP_SECONDS = 60.0
_numbers = itertools.count(1)


def wait_until(condition: Callable[[], bool], *, timeout: float, waiting_for: str) -> None:
    """Looks ten times a second. Fails after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"no {waiting_for} within {timeout:g} s"
        time.sleep(0.1)


@pytest.fixture(scope="session")
def deployment() -> Iterator[Deployment]:
    with Emulator("e2e") as emulator:
        yield deploy(emulator.endpoint_url, event_bus=True)


@pytest.fixture(scope="session")
def admin(deployment: Deployment) -> Iterator[httpx.Client]:
    with _client(deployment.api_url, deployment.admin_token) as client:
        yield client


def _client(api_url: str, token: str) -> httpx.Client:
    return httpx.Client(
        base_url=api_url, headers={"Authorization": f"Bearer {token}"}, timeout=_HTTP_SECONDS, trust_env=False
    )


@dataclass(frozen=True)
class Tenant:
    """A tenant with one account, its relay and its sync endpoint."""

    id: str
    api: httpx.Client
    inbox: Inbox
    receiver: Receiver

    def submit(self, *messages: Json) -> Json:
        """Submits, and expects everything to be accepted."""
        answer = self.api.post(f"/v1/tenants/{self.id}/messages", json={"messages": messages})
        assert answer.status_code == 202, answer.text
        body: Json = answer.json()
        assert body["rejected"] == []
        return body

    def mail(self, mail_id: str) -> Json:
        """What the API tells of a mail."""
        answer = self.api.get(f"/v1/tenants/{self.id}/messages/{mail_id}")
        assert answer.status_code == 200, answer.text
        body: Json = answer.json()
        return body

    def subjects(self) -> list[str]:
        """Of the mails in the inbox, in the order of their arrival."""
        return [mail.header("Subject") or "" for mail in self.inbox.mailbox.mails.all()]

    def wait_for_mails(self, count: int, *, timeout: float) -> None:
        self.inbox.mailbox.mails.wait_for(count, timeout=timeout)

    def wait_for_finals(self, count: int, *, timeout: float) -> list[str]:
        """The ids of the mails whose final event arrived, in the order of arrival."""
        events = self.receiver.events.wait_until(
            lambda seen: sum(each.event.kind.is_final for each in seen) >= count,
            timeout=timeout,
            waiting_for=f"{count} final events",
        )
        return [each.event.id or "" for each in events if each.event.kind.is_final]


def message(mail_id: str, **fields: object) -> Json:
    """A small mail whose subject is its id."""
    return {
        "id": mail_id,
        "from": "shop@example.org",
        "to": "you@example.net",
        "subject": mail_id,
        "text": "Hello",
    } | fields


@pytest.fixture
def new_tenant(deployment: Deployment, admin: httpx.Client) -> Iterator[Callable[[], Tenant]]:
    with ExitStack() as running:
        yield lambda: start_tenant(deployment, admin, running)


@pytest.fixture
def tenant(new_tenant: Callable[[], Tenant]) -> Tenant:
    return new_tenant()


def start_tenant(deployment: Deployment, admin: httpx.Client, running: ExitStack) -> Tenant:
    """A tenant named like nobody else, ready to submit."""
    tenant_id = f"tenant-{os.getpid()}-{next(_numbers)}"
    inbox = running.enter_context(Inbox())
    receiver = running.enter_context(Receiver())
    created = admin.put(f"/v1/tenants/{tenant_id}", json={"client_base_url": receiver.url, "default_account": "main"})
    assert created.status_code == 201, created.text
    api = running.enter_context(_client(deployment.api_url, created.json()["api_key"]))
    account = api.put(
        f"/v1/tenants/{tenant_id}/accounts/main", json={"host": inbox.host, "port": inbox.port, "tls": "none"}
    )
    assert account.status_code == 201, account.text
    return Tenant(tenant_id, api, inbox, receiver)


@pytest.fixture
def waits_of(deployment: Deployment) -> Callable[[str, str], int]:
    """How often in a row a tenant's line in a lane has waited: only its head tells."""
    client = aws.session().client("dynamodb", endpoint_url=deployment.endpoint_url, config=aws.CONFIG)

    def waits(lane: str, tenant_id: str) -> int:
        key = {"pk": {"S": f"LINE#{lane}#{tenant_id}#main"}, "sk": {"S": "HEAD"}}
        item = client.get_item(TableName=deployment.messages_table, Key=key, ConsistentRead=True).get("Item", {})
        return int(item.get("waits", {"N": "0"})["N"])

    return waits
