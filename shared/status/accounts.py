"""How a tenant's accounts fare: what waits in their lanes and why, what they sent, whether their relays can be used."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from shared.accounts.counters import CounterTable, Counts
from shared.accounts.health import Fault, HealthTable
from shared.accounts.model import Account
from shared.clock import Clock, Millis
from shared.lines.head import Head, Heads
from shared.lines.line import LANES, Line, LineKind
from shared.messages.depths import Depth, Depths

type AccountName = tuple[str, str]  # tenant, account


@dataclass(frozen=True, slots=True)
class LaneStatus:
    """`waits_until` is when the first of the lane's `waiting_lines` is tried again, `reason` what it waits for."""

    lane: LineKind
    depth: Depth
    waiting_lines: int = 0
    waits_until: Millis | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class AccountFigures:
    """What was counted of an account since it was made, and in the last 24 hours; `fault` while something is wrong."""

    total: Counts
    last_day: Counts
    fault: Fault | None


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """One account, its lanes in order of priority."""

    account_id: str
    figures: AccountFigures
    lanes: tuple[LaneStatus, ...]


class AccountsReader:
    """For n accounts with l lines, of which w have work: l/100 + n/100 × 26 batches of reads, and w queries, at most
    `MAX_READS` of them."""

    def __init__(
        self, *, heads: Heads, depths: Depths, counters: CounterTable, health: HealthTable, clock: Clock
    ) -> None:
        self._heads = heads
        self._depths = depths
        self._counters = counters
        self._health = health
        self._clock = clock

    def figures(self, accounts: Sequence[AccountName]) -> dict[AccountName, AccountFigures]:
        """By (tenant, account)."""
        totals = self._counters.totals(accounts)
        days = self._counters.last_days(accounts, self._clock())
        faults = self._health.faults_of(accounts)
        return {each: AccountFigures(totals[each], days[each], faults.get(each)) for each in accounts}

    def statuses(
        self, accounts: Sequence[Account], aside: Iterable[str]
    ) -> tuple[list[AccountStatus], dict[str, Depth]]:
        """The accounts of one tenant, and how deep the partitions `aside` are; all within one bound of reads."""
        lines = [line for account in accounts for line in account.lines]
        heads = self._heads.read(lines)
        # A head without `wake_at` is that of an empty line.
        working = [line for line, head in heads.items() if head.wake_at is not None]
        depths = self._depths.of([*(line.partition for line in working), *aside])
        figures = self.figures([(each.tenant_id, each.id) for each in accounts])
        now = self._clock()
        statuses = [
            AccountStatus(
                each.id,
                figures[each.tenant_id, each.id],
                tuple(lane_status(lane, _of_lane(each.lines, lane), heads, depths, now) for lane in LANES),
            )
            for each in accounts
        ]
        return statuses, {each: depths[each] for each in aside}


def lane_status(
    lane: LineKind, lines: Iterable[Line], heads: Mapping[Line, Head], depths: Mapping[str, Depth], now: Millis
) -> LaneStatus:
    """Of one lane, from what was read of its lines; one whose depth was not asked for is empty."""
    lines = list(lines)
    waits = [(until, heads[line]) for line in lines if line in heads and (until := heads[line].waits_until(now))]
    until, first = min(waits, key=lambda wait: wait[0], default=(None, None))
    depth = sum((depths[line.partition] for line in lines if line.partition in depths), Depth())
    return LaneStatus(lane, depth, len(waits), until, first.reason if first else None)


def _of_lane(lines: Iterable[Line], lane: LineKind) -> list[Line]:
    return [line for line in lines if line.kind is lane]
