"""What was sent through an account, counted: in all, and hour by hour. Statistics, not bookkeeping: a visit of the
sender adds what it did in one write each, and what a crash or a lost answer does to that is accepted."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import UTC, datetime

from shared.aws.attributes import Item
from shared.aws.dynamodb import ItemKey, Table, Update
from shared.clock import DAY, HOUR, SECOND, Millis, ttl_seconds
from shared.messages.model import Status

_HOURS_KEPT: Millis = 8 * DAY
_HOUR = "HOUR#"
_HOURS_OF_A_DAY = 24


@dataclass(frozen=True, slots=True)
class Counts:
    """`sent` and `errors` are mails, `deferred` tries that put a mail off, `rate_limited` the times that a sending
    limit held a mail back or refused it."""

    sent: int = 0
    errors: int = 0
    deferred: int = 0
    rate_limited: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(Counts)))


@dataclass(slots=True)
class Tally:
    """The counts of one visit while it goes on."""

    sent: int = 0
    errors: int = 0
    deferred: int = 0
    rate_limited: int = 0

    def note(self, status: Status, written: "asyncio.Future[None]") -> None:
        """Counts a mail's outcome if it was written."""
        if written.cancelled() or written.exception() is not None:
            return
        match status:
            case Status.SENT:
                self.sent += 1
            case Status.ERROR:
                self.errors += 1
            case Status.DEFERRED:
                self.deferred += 1
            case _:
                raise ValueError(f"{status} is no outcome of a try")


class CounterTable:
    """Raises StorageUnavailable when DynamoDB cannot be reached."""

    def __init__(self, messages: Table) -> None:
        self._table = messages

    def add(self, tenant_id: str, account_id: str, tally: Tally, now: Millis) -> None:
        """Two writes, or none where there is nothing to count."""
        counted = {each.name: int(getattr(tally, each.name)) for each in fields(Counts)}
        added = {name: count for name, count in counted.items() if count}
        if not added:
            return
        expiry: Item = {"ttl": ttl_seconds(now + _HOURS_KEPT)}
        self._table.update(Update(_total_key(tenant_id, account_id), add=added))
        self._table.update(Update(_hour_key(tenant_id, account_id, now), set=expiry, add=added))

    def totals(self, accounts: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Counts]:
        """Since the account was made, by (tenant, account). Zeros for accounts that never sent."""
        keys = {each: _total_key(*each) for each in accounts}
        found = self._table.batch_get(keys.values())
        return {each: _counts(found[key]) if key in found else Counts() for each, key in keys.items()}

    def last_day(self, tenant_id: str, account_id: str, now: Millis) -> Counts:
        """Of the 24 hours that end with the running one."""
        return self.last_days([(tenant_id, account_id)], now)[tenant_id, account_id]

    def last_days(self, accounts: Iterable[tuple[str, str]], now: Millis) -> dict[tuple[str, str], Counts]:
        """The same of many, by (tenant, account). Reads 24 items of each."""
        hours = {each: [_hour_key(*each, now - ago * HOUR) for ago in range(_HOURS_OF_A_DAY)] for each in accounts}
        found = self._table.batch_get(key for keys in hours.values() for key in keys)
        return {
            each: sum((_counts(found[key]) for key in keys if key in found), Counts()) for each, keys in hours.items()
        }

    def forget(self, tenant_id: str, account_id: str) -> None:
        """The totals, with the account; the hours leave by themselves."""
        self._table.delete(_total_key(tenant_id, account_id))


def _counts(item: Item) -> Counts:
    return Counts(**{each.name: int(str(item.get(each.name, 0))) for each in fields(Counts)})


def _total_key(tenant_id: str, account_id: str) -> ItemKey:
    return ItemKey(f"ACCOUNT#{tenant_id}#{account_id}", "TOTAL")


def _hour_key(tenant_id: str, account_id: str, at: Millis) -> ItemKey:
    hour = datetime.fromtimestamp(at / SECOND, tz=UTC)
    return ItemKey(f"ACCOUNT#{tenant_id}#{account_id}", f"{_HOUR}{hour:%Y%m%d%H}")
