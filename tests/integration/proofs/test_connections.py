"""A relay that counts connections and refuses one too many, before an account whose mail is spread over many lines."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from localstack.inbox import Inbox, Occasion, Reply, Stage
from shared.clock import SECOND
from shared.delivery.pool import Pool
from shared.delivery.sender import SenderParts
from shared.lines.line import LANES
from tests.integration.lane_driver import LOCAL, System
from tests.integration.proofs.conftest import ProofDriver
from tests.integration.proofs.sizes import size

CAP = 3
MAILS = size(30, full=1_000)  # in each lane


class ManyWorkers(ProofDriver):
    """Each invocation has an environment of its own, and so a pool."""

    def _parts_of_a_worker(self) -> SenderParts:
        pool = Pool(guard=LOCAL, clock=self.system.clock)
        return replace(self.parts, pool=pool)


@pytest.fixture
async def driver(system: System) -> AsyncIterator[ManyWorkers]:
    driving = ManyWorkers(system)
    yield driving
    await driving.close()
    assert driving.crashes == []


@pytest.mark.parametrize("parallelism", [2, 3, 16])
async def test_the_relay_never_has_to_refuse_one(
    system: System, driver: ManyWorkers, inbox: Inbox, parallelism: int, proven: Callable[..., None]
) -> None:
    refused: list[int] = []

    def count(occasion: Occasion) -> Reply | None:
        if occasion.stage is Stage.MAIL:
            system.clock.advance(50)  # so that a worker's time passes as it sends
        if occasion.stage is Stage.CONNECT and inbox.open_connections > CAP:
            refused.append(inbox.open_connections)
            return Reply("421 4.7.0 too many connections")
        return None

    inbox.script.add(count)
    system.add_tenant()
    # Sixteen lines are left from when the account might have more connections.
    system.add_account(inbox, parallelism=parallelism, max_connections=max(CAP, parallelism))
    for lane in LANES:
        system.submit(*({"id": f"{lane}-{number}", "priority": lane.value} for number in range(MAILS)))
    system.add_account(inbox, parallelism=min(CAP, parallelism), max_connections=CAP)

    for _ in range(MAILS * 20):
        await driver.run_side_by_side(*LANES)
        if not (held := system.wake_ups.held):
            break
        system.clock.now = max(system.clock() + SECOND, min(held.values()))
        for wake_up in [each for each, until in held.items() if until <= system.clock()]:
            system.wake_ups.release(wake_up)

    assert refused == []
    assert set(system.statuses().values()) == {"sent"}
    assert len(inbox.mailbox.mails.all()) == len(LANES) * MAILS
    proven(lines=len(LANES) * parallelism, mails=len(LANES) * MAILS, connections=inbox.connections, refused=0)
