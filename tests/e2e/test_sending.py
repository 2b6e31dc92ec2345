"""The way of a message over the deployed template: from HTTPS to the inbox, and its report back."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from localstack.demo.run import run as run_demo
from localstack.demo.screen import Screen
from localstack.deploy import Deployment
from localstack.inbox import DEVELOPMENT_RULES, Credentials, Inbox, Tls, TlsMode, local_certificate
from localstack.receiver import BearerAuth, Receiver
from localstack.system import LocalSystem
from tests.e2e.conftest import Tenant, message, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


def test_everything_that_the_demo_submits_arrives_as_meant_and_is_reported(deployment: Deployment) -> None:
    import trustme

    credentials = Credentials("shop", "secret")
    tls = Tls(TlsMode.STARTTLS_REQUIRED, local_certificate(trustme.CA()))
    with (
        Inbox(rules=DEVELOPMENT_RULES, tls=tls, credentials=credentials) as inbox,
        Receiver(auth=BearerAuth("token")) as receiver,
    ):
        system = LocalSystem(
            deployment=deployment,
            inbox=inbox,
            inbox_url="",
            receiver=receiver,
            account_settings={
                "host": inbox.host,
                "port": inbox.port,
                "tls": "starttls",
                "verify_certificate": False,
                "username": credentials.username,
                "password": credentials.password,
            },
            tenant_settings={
                "client_base_url": receiver.url,
                "client_auth": {"method": "bearer", "token": "token"},
            },
        )

        all_is_well = run_demo(system, Screen())

    assert all_is_well


def test_two_hundred_mails_of_an_account_arrive_in_the_order_of_their_submission(tenant: Tenant) -> None:
    names = [f"mail-{number:03d}" for number in range(200)]

    tenant.submit(*(message(name) for name in names))
    tenant.wait_for_mails(200, timeout=120)
    reported = tenant.wait_for_finals(200, timeout=60)

    assert tenant.subjects() == names
    assert reported == names


def test_mails_submitted_one_by_one_keep_their_order_too(tenant: Tenant) -> None:
    names = [f"single-{number:02d}" for number in range(20)]

    for name in names:
        tenant.submit(message(name, priority="high"))
    tenant.wait_for_mails(20, timeout=60)

    assert tenant.subjects() == names


def test_a_relay_outage_keeps_the_order_uses_no_attempt_and_loses_nothing(
    tenant: Tenant, waits_of: Callable[[str, str], int]
) -> None:
    names = [f"outage-{number:02d}" for number in range(15)]
    tenant.inbox.go_down()

    tenant.submit(*(message(name, priority="immediate") for name in names))
    wait_until(lambda: waits_of("immediate", tenant.id) >= 2, timeout=60, waiting_for="two waits of the line")
    assert {tenant.mail(name)["attempts"] for name in names} == {0}
    tenant.inbox.come_back()
    tenant.wait_for_mails(15, timeout=60)
    tenant.wait_for_finals(15, timeout=60)

    assert tenant.subjects() == names
    assert {tenant.mail(name)["attempts"] for name in names} == {1}


def test_a_cancelled_mail_is_not_sent_and_is_reported_as_cancelled(tenant: Tenant) -> None:
    in_a_minute = int(time.time()) + 60
    tenant.submit(message("regretted", send_at=in_a_minute), message("kept"))

    answer = tenant.api.post(f"/v1/tenants/{tenant.id}/messages/regretted/cancel")
    tenant.wait_for_finals(2, timeout=60)

    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "cancelled"
    assert tenant.subjects() == ["kept"]


def test_the_api_runs_under_uvicorn_against_the_same_deployment(deployment: Deployment, tenant: Tenant) -> None:
    with _uvicorn(deployment) as url, httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
        client.headers["X-API-Token"] = tenant.api.headers["Authorization"].removeprefix("Bearer ")

        docs = client.get("/docs")
        answer = client.post(f"/v1/tenants/{tenant.id}/messages", json={"messages": [message("by-uvicorn")]})
        tenant.wait_for_mails(1, timeout=60)

    assert docs.status_code == 200
    assert answer.status_code == 202, answer.text
    assert tenant.subjects() == ["by-uvicorn"]


@contextmanager
def _uvicorn(deployment: Deployment) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "functions.api.app:app", "--port", str(port), "--log-level", "warning"]
    environment = {"PATH": os.defpath, **deployment.environment}
    with subprocess.Popen(command, env=environment) as server:
        try:
            wait_until(lambda: _answers(port), timeout=60, waiting_for="uvicorn")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
