"""The arithmetic of an account's connections, whose number is a total over all lanes. Pure.

From four on, each lane has its fixed part. Below, there is not one for each lane: they are leased, and a worker of a
higher lane that finds none leaves word, so that the holder of one in a lower lane ends after its mail.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shared.clock import SECOND, Millis
from shared.messages.model import Priority

WORD_LEFT: Millis = 5 * SECOND  # how long a worker that waits for a connection is remembered
_LANES = len(Priority)


@dataclass(frozen=True, slots=True)
class Lease:
    """`count` connections in the hands of `holder` until `until`."""

    holder: str
    priority: Priority
    count: int
    until: Millis


@dataclass(frozen=True, slots=True)
class Waiting:
    """A worker of `priority` wanted a connection and found none."""

    priority: Priority
    until: Millis


def fixed_part(max_connections: int, priority: Priority) -> int | None:
    """The lane's own connections; None when there are too few to give each lane one."""
    if max_connections < _LANES:
        return None
    each, rest = divmod(max_connections, _LANES)
    return each + (1 if priority < rest else 0)


def free_connections(leases: Iterable[Lease], *, holder: str, max_connections: int, now: Millis) -> int:
    """What nobody else holds."""
    held = sum(lease.count for lease in leases if lease.until > now and lease.holder != holder)
    return max(0, max_connections - held)


def with_lease(leases: Iterable[Lease], lease: Lease, now: Millis) -> list[Lease]:
    """The holder's lease replaced, those that ran out forgotten. A count of 0 gives it up."""
    others = [each for each in leases if each.until > now and each.holder != lease.holder]
    return [*others, lease] if lease.count > 0 else others


def with_word(waiting: Iterable[Waiting], priority: Priority, now: Millis) -> list[Waiting]:
    """Word left that `priority` waits."""
    others = [each for each in waiting if each.until > now and each.priority != priority]
    return [*others, Waiting(priority, now + WORD_LEFT)]


def without_word(waiting: Iterable[Waiting], priority: Priority, now: Millis) -> list[Waiting]:
    """The word of `priority` taken back: it has what it waited for."""
    return [each for each in waiting if each.until > now and each.priority != priority]


def must_yield(waiting: Sequence[Waiting], priority: Priority, now: Millis) -> bool:
    """Whether somebody more urgent waits for a connection."""
    return any(each.until > now and each.priority < priority for each in waiting)
