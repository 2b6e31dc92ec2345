"""Ten accounts side by side, three of which have a relay that is slow, silent or gone: what the other seven notice."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from localstack.inbox import Inbox, Reply, Stage, answer
from shared.lines.attendance import Disposition
from shared.lines.line import LineKind, account_line
from tests.integration.delivery.raw_relay import RawRelay
from tests.integration.lane_driver import TENANT, Driver, Relay, System
from tests.integration.proofs.sizes import size

MAILS = size(20, full=500)
WELL = [f"well{number}" for number in range(7)]
_WITHIN_SECONDS = size(60, full=600)


@pytest.fixture
def well() -> Iterator[dict[str, Inbox]]:
    with ExitStack() as running:
        yield {name: running.enter_context(Inbox()) for name in WELL}


@pytest.fixture
def sick() -> Iterator[dict[str, Relay]]:
    with ExitStack() as running:
        slow = running.enter_context(Inbox(rules=[answer(Stage.RCPT, Reply("250 2.1.5 ok", delay_seconds=600))]))
        silent = running.enter_context(RawRelay({"greeting": b""}))
        with Inbox() as gone:
            pass
        yield {"slow": slow, "silent": silent, "gone": gone}


async def test_send_all_they_have_in_one_visit_each_while_the_three_are_still_at_their_first_mail(
    system: System, driver: Driver, well: dict[str, Inbox], sick: dict[str, Relay], proven: Callable[..., None]
) -> None:
    system.add_tenant()
    for name, relay in (sick | well).items():
        system.add_account(relay, name)
        system.submit(*({"id": f"{name}-{number}", "account_id": name} for number in range(MAILS)))

    working: dict[str, asyncio.Task[Disposition]] = {}
    while (received := driver.receive([LineKind.MEDIUM])) is not None:
        working[received.line.account_id] = asyncio.create_task(driver.work(received))
    done, _ = await asyncio.wait([working[name] for name in WELL], timeout=_WITHIN_SECONDS)

    assert len(done) == len(WELL)
    assert {each.result() for each in done} == {Disposition.ACKNOWLEDGE}
    assert not working["slow"].done()
    assert not working["silent"].done()
    for name, inbox in well.items():
        assert [mail.header("Subject") for mail in inbox.mailbox.mails.all()] == [f"{name}-{n}" for n in range(MAILS)]
        assert inbox.connections == -(-MAILS // 100)
    for name in sick:
        assert len(system.slices_of(account_line(LineKind.MEDIUM, TENANT, name))) == -(-MAILS // 90)
    for task in working.values():
        task.cancel()
    await asyncio.gather(*working.values(), return_exceptions=True)
    proven(accounts=len(well), mails_of_each=MAILS, visits_of_each=1, sick=len(sick))
