"""Ten accounts side by side, three of which have a relay that is slow, silent or gone: what the other seven notice."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from localstack.inbox import Inbox, Reply, Stage, answer
from shared.lines.line import LineKind
from tests.integration.delivery.raw_relay import RawRelay
from tests.integration.lane_driver import Driver, Relay, System
from tests.integration.proofs.sizes import size

MAILS = size(20, full=500)
WELL = [f"well{number}" for number in range(7)]
SICK = ["slow", "silent", "gone"]
_WITHIN_SECONDS = 60.0


@pytest.fixture
def relays() -> Iterator[dict[str, Relay]]:
    with ExitStack() as running:
        found: dict[str, Relay] = {name: running.enter_context(Inbox()) for name in WELL}
        slow = running.enter_context(Inbox(rules=[answer(Stage.RCPT, Reply("250 2.1.5 ok", delay_seconds=600))]))
        silent = running.enter_context(RawRelay({"greeting": b""}))
        with Inbox() as gone:
            pass
        yield found | {"slow": slow, "silent": silent, "gone": gone}


async def visits_of_the_well(
    system: System, driver: Driver, relays: dict[str, Relay], names: list[str]
) -> Counter[str]:
    """How often each of the seven was visited until all of its mail was out, with mail for all of `names`."""
    for name in names:
        system.add_account(relays[name], name)
        system.submit(*({"id": f"{name}-{number}", "account_id": name} for number in range(MAILS)))
    working = asyncio.create_task(driver.run_side_by_side(LineKind.MEDIUM))
    async with asyncio.timeout(_WITHIN_SECONDS):
        while any(len(inbox.mailbox.mails.all()) < MAILS for name in WELL if isinstance(inbox := relays[name], Inbox)):
            await asyncio.sleep(0.01)
    if names != WELL:
        assert not working.done()  # the sick are still at it
        working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    return Counter(line.account_id for line, _ in driver.worked if line.account_id in WELL)


async def test_the_others_send_as_much_in_as_many_visits_over_as_many_connections(
    system: System, driver: Driver, relays: dict[str, Relay]
) -> None:
    system.add_tenant()
    with_the_sick = await visits_of_the_well(system, driver, relays, SICK + WELL)
    connections = {name: inbox.connections for name in WELL if isinstance(inbox := relays[name], Inbox)}

    assert set(connections.values()) == {-(-MAILS // 100)}
    for name in WELL:
        inbox = relays[name]
        assert isinstance(inbox, Inbox)
        assert [mail.header("Subject") for mail in inbox.mailbox.mails.all()] == [f"{name}-{n}" for n in range(MAILS)]
    assert set(with_the_sick) <= set(WELL)
    assert set(with_the_sick.values()) <= {1}
