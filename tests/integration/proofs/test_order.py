"""Thousands of mails of one account in each of the four lanes, worked side by side: the order that the relay saw."""

from collections.abc import Callable

from localstack.inbox import Inbox
from shared.lines.line import LANES
from tests.integration.lane_driver import Driver, System
from tests.integration.proofs.sizes import size

MAILS = size(200, full=5_000)  # in each lane
A_CALL = 50  # of each lane


async def test_each_lane_sends_in_the_order_of_submission(
    system: System, driver: Driver, inbox: Inbox, proven: Callable[..., None]
) -> None:
    system.add_tenant()
    system.add_account(inbox)
    names = {lane: [f"{lane}-{number:04}" for number in range(MAILS)] for lane in LANES}
    for start in range(0, MAILS, A_CALL):
        mixed = zip(*(names[lane][start : start + A_CALL] for lane in LANES), strict=True)
        system.submit(
            *({"id": name, "priority": lane.value} for each in mixed for lane, name in zip(LANES, each, strict=True))
        )

    await driver.run_side_by_side(*LANES)

    arrived = [mail.header("Subject") or "" for mail in inbox.mailbox.mails.all()]
    assert len(arrived) == len(LANES) * MAILS
    for lane in LANES:
        assert [each for each in arrived if each.startswith(f"{lane}-")] == names[lane]
    proven(lanes=len(LANES), mails_in_each=MAILS, out_of_order=0)
