"""The figures that are scraped: what was counted of every account, and how many mails wait."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from shared.accounts.counters import CounterTable, Counts
from shared.accounts.table import AccountTable
from shared.lines.head import Heads
from shared.messages.depths import Depth, Depths
from shared.status.accounts import AccountName
from shared.status.instance import InstanceReader

_CHUNK = 500
_AT_A_TIME = 8


@dataclass(frozen=True, slots=True)
class Figures:
    """`counts` of each account since it was made, in order of tenant and account; `pending` unsent mails in lines."""

    counts: dict[AccountName, Counts]
    pending: Depth


class FiguresReader:
    """For n accounts: n/500 queries of the index, n/100 batches of reads, and what the depths of the lines cost."""

    def __init__(
        self,
        *,
        accounts: AccountTable,
        counters: CounterTable,
        heads: Heads,
        depths: Depths,
        instance: InstanceReader,
    ) -> None:
        self._accounts = accounts
        self._counters = counters
        self._heads = heads
        self._depths = depths
        self._instance = instance

    def of_all(self, *, limit: int) -> Figures | None:
        """None when there are more than `limit` accounts."""
        names: list[AccountName] = []
        after: AccountName | None = None
        while True:
            page = self._accounts.names(after=after)
            names += page.names
            if len(names) > limit:
                return None
            if page.next is None:
                break
            after = page.next
        lanes = self._instance.lane_depths(self._instance.lines_with_work())
        return Figures(self._counts(names), sum(lanes.values(), Depth()))

    def of_tenant(self, tenant_id: str) -> Figures:
        accounts = self._accounts.all(tenant_id)
        heads = self._heads.read(line for account in accounts for line in account.lines)
        depths = self._depths.of(line.partition for line, head in heads.items() if head.wake_at is not None)
        return Figures(self._counts([(tenant_id, each.id) for each in accounts]), sum(depths.values(), Depth()))

    def _counts(self, names: Sequence[AccountName]) -> dict[AccountName, Counts]:
        chunks = [names[start : start + _CHUNK] for start in range(0, len(names), _CHUNK)]
        with ThreadPoolExecutor(max_workers=_AT_A_TIME) as threads:
            return {
                name: counts for each in threads.map(self._counters.totals, chunks) for name, counts in each.items()
            }
