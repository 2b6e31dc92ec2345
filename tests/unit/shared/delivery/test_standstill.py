"""When a line stands still, when a slice is set aside, and how old what is known of it may be."""

import pytest

from shared.clock import SECOND
from shared.delivery.standing import Standing, StandingReader
from shared.delivery.standstill import StandingWatch, is_suspended, standstill
from shared.instance.model import Instance
from shared.lines.line import Line, LineKind, account_line
from shared.messages.slices import Entry, Slice
from shared.tenants.model import Tenant
from tests.unit.clock import NOON, SettableClock

LINE = account_line(LineKind.MEDIUM, "acme", "main")
TENANT = Tenant(id="acme", created_at=NOON, updated_at=NOON)


def standing(*, paused: bool = False, **tenant: object) -> Standing:
    return Standing(TENANT.model_copy(update=tenant), None, Instance(), paused=paused)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (standing(), None),
        (standing(suspended_batches=["x"]), None),
        (Standing(None, None, Instance()), None),
        (standing(active=False), "the tenant is not active"),
        (standing(suspended=True), "the tenant is suspended"),
        (standing(paused=True), "the instance is paused"),
        (Standing(None, None, Instance(), paused=True), "the instance is paused"),
    ],
)
def test_nothing_is_sent_while_somebody_has_switched_it_off(found: Standing, reason: str | None) -> None:
    assert standstill(found) == reason


def found(batch_code: str | None, claimed_by: str | None = None) -> Slice:
    return Slice(LINE, "k", (Entry("m", 1),), batch_code=batch_code, claimed_by=claimed_by)


def test_only_unclaimed_slices_of_a_suspended_batch_are_set_aside() -> None:
    suspended = standing(suspended_batches=["x"])
    assert is_suspended(found("x"), suspended)
    assert not is_suspended(found("y"), suspended)
    assert not is_suspended(found(None), suspended)
    assert not is_suspended(found("x"), standing())
    assert not is_suspended(found("x", claimed_by="w"), suspended)
    assert not is_suspended(found("x"), Standing(None, None, Instance()))


class Counting(StandingReader):
    def __init__(self) -> None:
        self.reads = 0

    def read(self, line: Line) -> Standing:
        self.reads += 1
        return standing()


async def test_it_is_read_again_after_a_second_or_when_asked_to(clock: SettableClock) -> None:
    reader = Counting()
    watch = StandingWatch(reader, LINE, clock)
    for _ in range(3):
        await watch.now()
    assert reader.reads == 1
    clock.advance(SECOND)
    await watch.now()
    await watch.now()
    assert reader.reads == 2
    await watch.anew()
    assert reader.reads == 3
