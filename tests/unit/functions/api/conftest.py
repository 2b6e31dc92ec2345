"""The API over AWS in-process, built by its own composition root, with one tenant and one account to begin with."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from functions.api.app import create_app
from functions.api.services import Services, build_services
from shared.aws.dynamodb import Table
from shared.aws.s3 import Bucket
from shared.clock import Clock
from shared.lines.line import LineKind
from shared.settings import ApiSettings
from tests import boto
from tests.unit.functions.api.caller import ADMIN_TOKEN, Api, CheckProblem, Keys, MakeMessage


@pytest.fixture
def message() -> MakeMessage:
    """A valid message, with fields replaced or (None) left out."""

    def make(message_id: str = "MSG-1", **fields: object) -> dict[str, object]:
        base: dict[str, object] = {
            "id": message_id,
            "account_id": "main",
            "from": "Acme <no-reply@acme.example>",
            "to": ["anna@example.com"],
            "subject": "Hello",
            "text": "Hello Anna",
        }
        given = {name.rstrip("_"): value for name, value in fields.items()}
        return {name: value for name, value in (base | given).items() if value is not None}

    return make


@pytest.fixture(autouse=True)
def no_name_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever host an account is given, nothing leaves this machine when it is verified."""
    look_up = socket.getaddrinfo

    def only_of_this_machine(host: str, *args: Any, **kwargs: Any) -> object:
        if host not in ("127.0.0.1", "localhost"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return look_up(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", only_of_this_machine)


@pytest.fixture
def services(
    registry: Table,
    messages: Table,
    queue_urls: dict[LineKind, str],
    dead_letters_urls: dict[LineKind, str],
    kms_key_id: str,
    payloads_bucket: Bucket,
    clock: Clock,
) -> Services:
    secret = boto.secrets_manager().create_secret(Name="admin-token", SecretString=ADMIN_TOKEN)
    settings = ApiSettings(
        registry_table=registry.name,
        messages_table=messages.name,
        lane_immediate_queue_url=queue_urls[LineKind.IMMEDIATE],
        lane_high_queue_url=queue_urls[LineKind.HIGH],
        lane_medium_queue_url=queue_urls[LineKind.MEDIUM],
        lane_low_queue_url=queue_urls[LineKind.LOW],
        reports_queue_url=queue_urls[LineKind.REPORTS],
        mailboxes_queue_url=queue_urls[LineKind.MAILBOX],
        mailbox_kinds="bounces,pec",
        lane_immediate_dead_letters_url=dead_letters_urls[LineKind.IMMEDIATE],
        lane_high_dead_letters_url=dead_letters_urls[LineKind.HIGH],
        lane_medium_dead_letters_url=dead_letters_urls[LineKind.MEDIUM],
        lane_low_dead_letters_url=dead_letters_urls[LineKind.LOW],
        reports_dead_letters_url=dead_letters_urls[LineKind.REPORTS],
        mailboxes_dead_letters_url=dead_letters_urls[LineKind.MAILBOX],
        kms_key_id=kms_key_id,
        payloads_bucket=payloads_bucket.name,
        admin_token_secret_id=secret["ARN"],
        worker_timeout_seconds=120,
        outgoing_allowed_hosts="127.0.0.1,localhost",
        attachment_buckets="shared-files,tenants-files/{tenant_id}",
    )
    return build_services(settings, clock)


@pytest.fixture
def client(services: Services) -> Iterator[TestClient]:
    with TestClient(create_app(lambda: services), raise_server_exceptions=True) as client:
        yield client


@pytest.fixture
def empty(client: TestClient) -> Api:
    """The API as the admin reaches it, with nothing in it."""
    return Api(client)


@pytest.fixture
def keys(empty: Api) -> Keys:
    """Two tenants, each with an account `main`."""
    found: dict[str, str] = {}
    for tenant in ("acme", "other"):
        created = empty.put(f"/v1/tenants/{tenant}", {"client_base_url": f"https://{tenant}.example"})
        assert created.status_code == 201, created.text
        found[tenant] = created.json()["api_key"]
        account = {"host": "smtp.example.com", "port": 587, "tls": "starttls", "username": "u", "password": "pw-1"}
        assert empty.put(f"/v1/tenants/{tenant}/accounts/main", account).status_code == 201
    return Keys(**found)


@pytest.fixture
def admin(empty: Api, keys: Keys) -> Api:
    """The API as the admin reaches it, with the tenants of `keys`."""
    return empty


@pytest.fixture
def acme(client: TestClient, keys: Keys) -> Api:
    """The API as the tenant acme reaches it."""
    return Api(client, keys.acme)


@pytest.fixture
def problem() -> CheckProblem:
    """Checks that an answer is a problem document of this status and code, and gives it."""

    def check(answer: Response, status: int, code: str) -> dict[str, object]:
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        document: dict[str, object] = answer.json()
        assert document["status"] == status
        assert document["code"] == code
        assert document["type"] == f"urn:problem-type:{code}"
        assert document["title"]
        assert document["detail"]
        assert str(document["instance"]).startswith("/")
        return document

    return check
