"""A sender killed again and again in the middle of its work: nothing is lost, what comes twice is bounded and told."""

import random
from collections import Counter
from collections.abc import AsyncIterator, Callable

import pytest

from localstack.inbox import Inbox, Occasion, Stage
from shared.clock import MINUTE
from shared.lines.line import LineKind, account_line
from tests.integration.lane_driver import ACCOUNT, TENANT, System
from tests.integration.proofs.killable import KillableDriver
from tests.integration.proofs.sizes import size

LINE = account_line(LineKind.MEDIUM, TENANT, ACCOUNT)
MAILS = size(100, full=2_000)
KILLS = size(3, full=20)


@pytest.fixture
async def driver(system: System) -> AsyncIterator[KillableDriver]:
    driving = KillableDriver(system)
    yield driving
    await driving.close()
    assert driving.crashes == []


class Killer:
    """Kills the sender at moments that are drawn: as the relay hears or answers it, or around a call to AWS."""

    def __init__(self, driver: KillableDriver, inbox: Inbox, seed: int) -> None:
        self._driver = driver
        self._inbox = inbox
        self._draws = random.Random(seed)
        self._places = sorted(self._draws.sample(range(5, MAILS - 5), KILLS))
        self._steps = 0
        self._draw_next()

    def _draw_next(self) -> None:
        """In the course of that mail: at one of the relay's steps, or at one of the next calls to AWS."""
        self._stage = self._draws.choice([Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.FINAL_DOT, None, None])
        self._calls_left = self._draws.randint(0, 12)

    def at_the_relay(self, occasion: Occasion) -> None:
        self._kill_if(self._stage is occasion.stage)

    def at_aws(self) -> None:
        if self._stage is None and self._is_time:
            self._calls_left -= 1
        self._kill_if(self._stage is None and self._calls_left < 0)

    @property
    def _is_time(self) -> bool:
        return bool(self._places) and len(self._inbox.mailbox.mails.all()) >= self._places[0]

    def _kill_if(self, is_the_moment: bool) -> None:
        if is_the_moment and self._is_time:
            self._places.pop(0)
            self._driver.kill()
            self._draw_next()


@pytest.mark.parametrize("sessions", [1, 4])
async def test_no_mail_is_lost_and_those_that_come_twice_are_at_most_two_a_session_and_told(
    system: System, driver: KillableDriver, inbox: Inbox, sessions: int, proven: Callable[..., None]
) -> None:
    seed = random.randrange(10_000)
    print(f"seed {seed}")  # noqa: T201 - pytest shows it with a failure
    system.add_tenant()
    system.add_account(inbox, max_connections=None if sessions == 1 else 4 * sessions)
    names = [f"m{number:04}" for number in range(MAILS)]
    for start in range(0, MAILS, 500):
        system.submit(*({"id": name} for name in names[start : start + 500]))
    killer = Killer(driver, inbox, seed)
    inbox.script.add(killer.at_the_relay)
    driver.called = killer.at_aws

    while system.slices_of(LINE):
        await driver.pass_time(3 * MINUTE, LineKind.MEDIUM)

    arrived = Counter(mail.header("Subject") for mail in inbox.mailbox.mails.all())
    assert driver.kills == KILLS
    assert set(system.statuses().values()) == {"sent"}
    assert set(arrived) == set(names)
    twice = {name for name, times in arrived.items() if times > 1}
    assert arrived.total() - MAILS <= 2 * sessions * KILLS
    told = {event.id: event for event in system.events()}
    assert set(told) == set(names)
    told_twice = {name for name, event in told.items() if event.possible_duplicate}
    assert twice <= told_twice
    identities = {(mail.header("Subject"), mail.header("Message-ID")) for mail in inbox.mailbox.mails.all()}
    assert len(identities) == MAILS
    if sessions == 1:
        first = list(dict.fromkeys(mail.header("Subject") for mail in inbox.mailbox.mails.all()))
        assert first == names
    proven(mails=MAILS, kills=KILLS, lost=0, copies=arrived.total() - MAILS, told=len(told_twice))
