"""The audit log in the table `registry`: written by whoever changes something, read by the admin, left to its TTL.

A record lies in a partition for each tenant and month, and in one of four index partitions of its month, so that
neither one tenant's calls nor all of them together meet the limit of one partition. Records of a deleted tenant stay.
"""

import heapq
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from aws_lambda_powertools.metrics import EphemeralMetrics
from pydantic import JsonValue

from shared.audit.model import Command, Entry
from shared.aws.attributes import Item
from shared.aws.dynamodb import Condition, Key, Table
from shared.clock import DAY, MINUTE, SECOND, Clock, Millis, ttl_seconds
from shared.errors import StorageError
from shared.identifiers import OWNER_ID_PATTERN, due_at_of, new_ulid
from shared.instance.model import LONGEST_AUDIT
from shared.instance.table import InstanceTable
from shared.observability import NAMESPACE, MetricUnit, logger
from shared.tenants.table import BY_KIND_INDEX

SHARDS = 4
MAX_PAGE_BYTES = 1_500_000  # of JSON; a Lambda answer takes 6 MB, in which quotes and backslashes count twice
_WHOLE_INSTANCE = "@instance"  # no id of a tenant
_A_QUERY = 100
_SETTINGS_FOR: Millis = MINUTE


@dataclass(frozen=True, slots=True)
class CommandPage:
    """`next` is the place to go on after, None when there is nothing more."""

    commands: list[Command]
    next: str | None


class AuditLog:
    """Writes and reads records."""

    def __init__(self, registry: Table, instance: InstanceTable, clock: Clock) -> None:
        self._table = registry
        self._instance = instance
        self._clock = clock
        self._kept_for: tuple[Millis, Millis] | None = None

    def record(self, entry: Entry) -> None:
        """One write. What was done is done: if it cannot be recorded, that is told by an error in the log with who did
        what, and by the metric `CommandsNotRecorded`, never by an exception."""
        now = self._clock()
        try:
            self._table.put(_to_item(Command(new_ulid(now), now, entry), now + self._audit_period(now)))
        except StorageError as error:
            _report_loss(entry, error)

    def page(
        self,
        *,
        limit: int,
        tenant_id: str | None = None,
        since: Millis | None = None,
        until: Millis | None = None,
        after: str | None = None,
        latest_first: bool = True,
    ) -> CommandPage:
        """The records from `since` on and before `until`, beyond the place `after`; of one tenant, or of all.

        At most `limit`, and about `MAX_PAGE_BYTES`. Those of all come from an index: what was recorded a moment ago may
        be missing. Raises StorageUnavailable.
        """
        low, high = self._bounds(since, until)
        if after is not None:
            low, high = (low, min(high, after)) if latest_first else (max(low, after), high)
        commands: list[Command] = []
        size = 0
        for item in self._items(tenant_id, low, high, latest_first=latest_first):
            if item["sk"] == after:
                continue
            commands.append(_from_item(item))
            size += _size(item)
            if len(commands) >= limit or size >= MAX_PAGE_BYTES:
                return CommandPage(commands, str(item["sk"]))
        return CommandPage(commands, None)

    def _bounds(self, since: Millis | None, until: Millis | None) -> tuple[str, str]:
        """Places before and after all that may be there. Records that were kept for longer than the settings now say
        are found when they are asked for by time."""
        now = self._clock()
        first = now - self._audit_period(now) if since is None else max(since, now - LONGEST_AUDIT)
        last = now + DAY if until is None else min(until, now + DAY)
        return _before(first), _before(last)

    def _items(self, tenant_id: str | None, low: str, high: str, *, latest_first: bool) -> Iterator[Item]:
        """All between the two places, in order; none where the first lies behind the second."""
        if low > high:
            return
        months = _months(due_at_of(low), due_at_of(high))
        for month in reversed(months) if latest_first else months:
            if tenant_id is not None:
                fitting = Key("pk").eq(_partition(tenant_id, month)) & Key("sk").between(low, high)
                yield from self._stream(fitting, index=None, forward=not latest_first)
                continue
            streams = [
                self._stream(
                    Key("by_kind_pk").eq(_shard_partition(month, shard)) & Key("by_kind_sk").between(low, high),
                    index=BY_KIND_INDEX,
                    forward=not latest_first,
                )
                for shard in range(SHARDS)
            ]
            yield from heapq.merge(*streams, key=lambda item: str(item["sk"]), reverse=latest_first)

    def _stream(self, condition: Condition, *, index: str | None, forward: bool) -> Iterator[Item]:
        resume: Item | None = None
        while True:
            page = self._table.query(condition, index=index, limit=_A_QUERY, forward=forward, resume=resume)
            yield from page.items
            if page.resume is None:
                return
            resume = page.resume

    def _audit_period(self, now: Millis) -> Millis:
        """As the instance's settings say, read at most once a minute."""
        known = self._kept_for
        if known is None or not 0 <= now - known[1] < _SETTINGS_FOR:
            known = self._kept_for = (self._instance.get().audit_period, now)
        return known[0]


def _partition(tenant_id: str | None, month: str) -> str:
    return f"COMMANDS#{tenant_id or _WHOLE_INSTANCE}#{month}"


def _shard_partition(month: str, shard: int) -> str:
    return f"COMMANDS#{month}#{shard}"


def _month(instant: Millis) -> str:
    (month,) = _months(instant, instant)
    return month


def _months(first: Millis, last: Millis) -> list[str]:
    """Every month that the time from `first` to `last` touches, such as 2026-01."""
    ends = (datetime.fromtimestamp(instant / SECOND, tz=UTC) for instant in (first, last))
    start, stop = (12 * each.year + each.month - 1 for each in ends)
    return [f"{month // 12}-{month % 12 + 1:02d}" for month in range(start, stop + 1)]


def _before(instant: Millis) -> str:
    """The place before all records of `instant`."""
    return f"{max(instant, 0):013d}"


def _to_item(command: Command, ends_at: Millis) -> Item:
    entry, place, month = command.entry, command.place, _month(command.at)
    fields: Item = entry.model_dump(mode="json", exclude_none=True, exclude={"body", "result"})
    keys: Item = {
        "pk": _partition(entry.tenant_id, month),
        "sk": place,
        "by_kind_pk": _shard_partition(month, zlib.crc32(command.id.encode()) % SHARDS),
        "by_kind_sk": place,
        "ttl": ttl_seconds(ends_at),
    }
    return keys | fields | {name: _json(value) for name, value in _details(entry) if value is not None}


def _details(entry: Entry) -> Sequence[tuple[str, JsonValue]]:
    """What is kept as text: DynamoDB has no numbers that are not whole here."""
    return (("body", entry.body), ("result", entry.result))


def _json(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _from_item(item: Item) -> Command:
    details = {name: json.loads(str(item[name])) for name in ("body", "result") if name in item}
    place = str(item["sk"])
    return Command(place.partition("#")[2], due_at_of(place), Entry.model_validate(item | details))


def _size(item: Item) -> int:
    return 500 + sum(len(str(item.get(name, "")).encode()) for name in ("body", "result", "objects"))


def _report_loss(entry: Entry, error: StorageError) -> None:
    """Who did what, as far as it is neither a body nor perhaps an address."""
    facts: dict[str, object] = {f"actor_{name}": each for name, each in entry.actor.model_dump(mode="json").items()}
    facts |= entry.model_dump(include={"action", "tenant_id", "method", "route", "status", "code", "request_id"})
    facts["objects"] = {name: each for name, each in entry.objects.items() if re.fullmatch(OWNER_ID_PATTERN, each)}
    logger.error("command not recorded", extra=facts | {"reason": error.detail})
    # One of its own: under a development server calls run side by side, which the shared one is not made for.
    metrics = EphemeralMetrics(namespace=NAMESPACE)
    metrics.add_metric("CommandsNotRecorded", MetricUnit.Count, 1)
    metrics.flush_metrics()
