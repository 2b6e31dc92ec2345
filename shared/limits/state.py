"""What is stored of limits and leases: one item an account or tenant, written whole if nobody else did meanwhile."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from shared.aws.attributes import Item
from shared.aws.dynamodb import Attr, Condition, ItemKey, Table
from shared.clock import DAY, Millis, ttl_seconds
from shared.errors import ConditionFailed, StorageUnavailable
from shared.limits.connections import Lease, Waiting
from shared.limits.windows import Usage
from shared.messages.model import Priority

_SORT_KEY = "RATE"
_KEPT: Millis = 3 * DAY  # after the last write: longer than any window
_TRIES = 10
_MAX_SEEN = 1_000


@dataclass(frozen=True, slots=True)
class LimitState:
    """`revision` counts writes."""

    revision: int = 0
    usages: tuple[Usage, ...] = ()
    leases: tuple[Lease, ...] = ()
    waiting: tuple[Waiting, ...] = ()


@dataclass(slots=True)
class LimitTable:
    """Remembers each item as it last saw it, so that a change mostly costs one write and no read."""

    messages: Table
    _seen: dict[ItemKey, LimitState] = field(default_factory=dict)

    def change[T](self, key: ItemKey, decide: Callable[[LimitState], tuple[LimitState, T]], now: Millis) -> T:
        """Applies `decide` to the item as it is; what it returned for the state that was written.

        `decide` may be called again when somebody else wrote in between, and must be pure. Where it leaves the state
        as it is, nothing is written if the item was read fresh. Raises StorageUnavailable after ten lost races.
        """
        state, fresh = self._last_seen(key)
        for _ in range(_TRIES):
            changed, result = decide(state)
            if changed == state:
                if fresh:
                    return result
                state, fresh = _from_item(self.messages.get(key)), True  # an old "no" may be a "yes" by now
                continue
            written = replace(changed, revision=state.revision + 1)
            try:
                self.messages.put(_to_item(key, written, now), condition=_unchanged(state))
            except ConditionFailed as failed:
                state, fresh = _from_item(failed.item), True
                continue
            if len(self._seen) >= _MAX_SEEN:
                self._seen.clear()
            self._seen[key] = written
            return result
        raise StorageUnavailable(f"the limits of {key.pk} are contended: ten others wrote in between")

    def _last_seen(self, key: ItemKey) -> tuple[LimitState, bool]:
        seen = self._seen.get(key)
        if seen is not None:
            return seen, False
        return _from_item(self.messages.get(key)), True


def account_limits_key(tenant_id: str, account_id: str) -> ItemKey:
    """Of one account."""
    return ItemKey(f"ACCOUNT#{tenant_id}#{account_id}", _SORT_KEY)


def tenant_limits_key(tenant_id: str) -> ItemKey:
    """Of a tenant, over all its accounts."""
    return ItemKey(f"TENANT#{tenant_id}", _SORT_KEY)


def _unchanged(state: LimitState) -> Condition:
    return Attr("revision").eq(state.revision) if state.revision else Attr("pk").not_exists()


def _to_item(key: ItemKey, state: LimitState, now: Millis) -> Item:
    """Packed into text: lists of lists would be several times as large, and an item costs by its size."""
    item: Item = {
        "revision": state.revision,
        "usages": _packed((each.end, each.priority, each.count, each.permit) for each in state.usages),
        "leases": _packed((each.holder, each.priority, each.count, each.until) for each in state.leases),
        "waiting": _packed((each.priority, each.part, each.until) for each in state.waiting),
    }
    return key.item | item | {"ttl": ttl_seconds(now + _KEPT)}


def _from_item(item: object) -> LimitState:
    if not isinstance(item, dict):
        return LimitState()
    return LimitState(
        revision=item["revision"],
        usages=tuple(
            Usage(int(end), Priority(int(priority)), int(count), permit)
            for end, priority, count, permit in _unpacked(item["usages"])
        ),
        leases=tuple(
            Lease(holder, Priority(int(priority)), int(count), int(until))
            for holder, priority, count, until in _unpacked(item["leases"])
        ),
        waiting=tuple(
            Waiting(Priority(int(priority)), int(part), int(until))
            for priority, part, until in _unpacked(item["waiting"])
        ),
    )


def _packed(rows: Iterable[tuple[int | str, ...]]) -> str:
    return ";".join(",".join(str(field) for field in row) for row in rows)


def _unpacked(text: str) -> Iterator[list[str]]:
    return (row.split(",") for row in text.split(";") if row)
