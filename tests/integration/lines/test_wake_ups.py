"""How many wake-ups a line has, whatever is added to it and whatever gets lost."""

import pytest

from localstack.inbox import Inbox, Stage
from shared.clock import HOUR, MINUTE, SECOND
from shared.lines.line import LineKind, account_line
from tests import boto
from tests.integration.lane_driver import ACCOUNT, TENANT, Driver, System

LINE = account_line(LineKind.MEDIUM, TENANT, ACCOUNT)


@pytest.fixture(autouse=True)
def tenant(system: System, inbox: Inbox) -> None:
    system.add_tenant()
    system.add_account(inbox)


def queued(system: System) -> int:
    """Wake-ups in the lane, those in hand too."""
    url = system.queue_urls[LineKind.MEDIUM]
    found = boto.sqs().get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return int(found["ApproximateNumberOfMessages"]) + int(found["ApproximateNumberOfMessagesNotVisible"])


def test_many_submissions_have_one_wake_up(system: System) -> None:
    for number in range(30):
        system.submit({"id": f"m{number}"})

    assert queued(system) == 1


async def test_a_line_worked_for_long_while_more_is_added_gains_at_most_one_wake_up_a_visit(
    system: System, driver: Driver, inbox: Inbox
) -> None:
    """Each mail takes ten seconds of the worker's time and brings another: visit after visit runs out of time. A
    wake-up that waits for longer than a minute behind the one in hand is taken for lost, so a second is sent then."""
    added = iter(range(22))

    def time_passes_and_work_comes() -> None:
        system.clock.advance(10 * SECOND)
        number = next(added, None)
        if number is not None:
            system.submit({"id": f"more-{number}"})

    inbox.script.add(lambda occasion: time_passes_and_work_comes() if occasion.stage is Stage.MAIL else None)
    system.submit({"id": "first"}, {"id": "second"})

    while await driver.run_one(LineKind.MEDIUM):
        assert queued(system) <= 1 + len(driver.worked)

    assert len(inbox.mailbox.mails.all()) == 24
    assert queued(system) == 0


async def test_a_line_at_rest_has_none_and_costs_the_scheduler_nothing(system: System, driver: Driver) -> None:
    system.submit({"id": "m1"})
    await driver.pass_time(3 * MINUTE)
    worked = len(driver.worked)

    await driver.pass_time(HOUR)

    assert queued(system) == 0
    assert len(driver.worked) == worked


async def test_a_line_whose_every_wake_up_gets_lost_is_still_worked_each_minute(
    system: System, driver: Driver, inbox: Inbox
) -> None:
    for number in range(3):
        system.submit({"id": f"m{number}"})
        driver.lose_wake_ups()
        await driver.pass_time(MINUTE)

    assert len(inbox.mailbox.mails.all()) == 3


async def test_corrected_settings_are_tried_at_once_although_the_line_is_blocked_for_long(
    system: System, driver: Driver, inbox: Inbox
) -> None:
    inbox.go_down()
    system.submit({"id": "m1"})
    await driver.pass_time(30 * MINUTE)
    assert system.head_of(LINE).is_blocked(system.clock() + MINUTE)

    inbox.come_back()
    system.unblock_account()
    await driver.run()

    assert system.statuses() == {"m1": "sent"}
