"""Time as the project counts it: whole milliseconds since the epoch, UTC. Clocks are passed in: decisions stay pure."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

type Millis = int
type Clock = Callable[[], Millis]

SECOND: Millis = 1_000
MINUTE: Millis = 60 * SECOND
HOUR: Millis = 60 * MINUTE
DAY: Millis = 24 * HOUR

LAST_INSTANT: Millis = 10**13 - 1  # with as many digits as all others since 2001: keys sort by it; in the year 2286


def system_clock() -> Millis:
    """The wall clock."""
    return time.time_ns() // 1_000_000


def iso8601(instant: Millis) -> str:
    """`instant` as the API shows it, such as 2026-01-31T10:00:00.000Z."""
    moment = datetime.fromtimestamp(instant / SECOND, tz=UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ttl_seconds(instant: Millis) -> int:
    """`instant` as DynamoDB's TTL wants it: whole seconds, rounded up."""
    return -(-instant // SECOND)
