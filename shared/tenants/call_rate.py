"""How many calls a minute a token may make of the API: one budget for all functions, leased by each in portions.

A window is a minute of the clock. No more than the limit is admitted in it, over all functions. What a function leased
and did not use is lost to the others, so portions begin small, double, and shrink as the budget runs low.
"""

from dataclasses import dataclass
from threading import Lock

from shared.aws.dynamodb import Attr, ItemKey, Table, Update
from shared.clock import MINUTE, SECOND, Clock, Millis, ttl_seconds
from shared.errors import ConditionFailed, TooManyCalls
from shared.instance.table import INSTANCE_KEY, instance_from_item
from shared.tenants.keys import tenant_key

WINDOW: Millis = MINUTE
_KEPT: Millis = 5 * MINUTE
_FIRST_PORTION = 8
_PORTIONS = 16  # a portion is at most this part of what is left
_TRIES = 3
_MAX_KNOWN = 1_000


@dataclass(slots=True)
class _Leased:
    """What this process has of a window."""

    window: int
    limit: int
    left: int = 0
    portion: int = _FIRST_PORTION
    spent: bool = False


class CallRate:
    """Raises StorageUnavailable when DynamoDB cannot be reached and a portion is needed."""

    def __init__(self, *, registry: Table, messages: Table, clock: Clock) -> None:
        self._registry = registry
        self._messages = messages
        self._clock = clock
        self._lock = Lock()
        self._known: dict[str | None, _Leased] = {}

    def admit(self, tenant_id: str | None) -> None:
        """Counts one call of the tenant, or (None) of the admin. Raises TooManyCalls, which then costs no write."""
        now = self._clock()
        window = now // WINDOW
        with self._lock:
            known = self._known.get(tenant_id)
            if known is None or known.window != window:
                known = None
            elif known.left > 0:
                known.left -= 1
                return
            elif known.spent:
                raise _refusal(known.limit, now)
        if known is None:
            known = self._new(tenant_id, window)
        leased = self._lease(tenant_id, known)
        with self._lock:
            if leased == 0:
                known.spent = True
                raise _refusal(known.limit, now)
            known.left += leased - 1

    def _new(self, tenant_id: str | None, window: int) -> _Leased:
        """The limit is read anew in each window."""
        keys = [INSTANCE_KEY] if tenant_id is None else [INSTANCE_KEY, tenant_key(tenant_id)]
        found = self._registry.batch_get(keys)
        own = found.get(keys[-1], {}).get("calls_per_minute")
        limit = own if isinstance(own, int) else instance_from_item(found.get(INSTANCE_KEY)).calls_per_minute
        new = _Leased(window, limit)
        with self._lock:
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            self._known[tenant_id] = new
        return new

    def _lease(self, tenant_id: str | None, known: _Leased) -> int:
        """How many calls more this process may admit; 0 when the budget is spent."""
        portion = max(1, min(known.portion, known.limit // _PORTIONS))
        key = ItemKey(f"CALLS#{'admin' if tenant_id is None else f'tenant#{tenant_id}'}", str(known.window))
        for _ in range(_TRIES):
            fits = Attr("leased").not_exists() | Attr("leased").lte(known.limit - portion)
            ttl = ttl_seconds(known.window * WINDOW + _KEPT)
            try:
                item = self._messages.update(Update(key, set={"ttl": ttl}, add={"leased": portion}, condition=fits))
            except ConditionFailed as failed:
                leased = failed.item.get("leased") if failed.item else None
                rest = known.limit - leased if isinstance(leased, int) else 0
                if rest <= 0:
                    return 0
                portion = max(1, rest // _PORTIONS)
                continue
            leased = item["leased"]
            rest = known.limit - leased if isinstance(leased, int) else 0
            known.portion = max(1, min(known.portion * 2, rest // _PORTIONS))
            return portion
        return 0


def _refusal(limit: int, now: Millis) -> TooManyCalls:
    wait = -(-(WINDOW - now % WINDOW) // SECOND)
    return TooManyCalls(
        f"more than {limit} calls a minute with this token: try again in {wait} seconds", retry_after_seconds=wait
    )
