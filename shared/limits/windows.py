"""The arithmetic of an account's sending limits: sliding windows, priority shares, permits. Pure.

A permit allows so many sends until it expires, and counts in full until then; its user reports later what it used and
when the last was, which lets go of the rest. Counted that way, what the relay sees in any interval as long as a window
never exceeds the limit: a send lies at or before the end of the permit that counts for it.

Priority shares are cumulative, so that a newsletter cannot eat the budget of the password resets: low may use at most
70 % of a window, low and medium together 85 %, all but immediate 95 %, each of these at least 1.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from shared.clock import Millis
from shared.messages.model import Priority

DEFAULT_SHARES = (100, 95, 85, 70)  # percent of a window, for a priority and all below it

# How finely usages are kept apart, as a part of the shortest window that still counts them. Ends are rounded up:
# counted up to that much longer, never shorter.
_PARTS = 60


@dataclass(frozen=True, slots=True)
class Window:
    """At most `limit` in any interval of `length`."""

    length: Millis
    limit: int


@dataclass(frozen=True, slots=True)
class Usage:
    """`count` sends of one priority, the last at or before `end`. `permit` is empty once its use is reported."""

    end: Millis
    priority: Priority
    count: int
    permit: str = ""


@dataclass(frozen=True, slots=True)
class Granted:
    """May be less than was asked for, never less than the least that was asked for."""

    permit: str
    count: int
    expires_at: Millis


@dataclass(frozen=True, slots=True)
class NotBefore:
    """The budget is spent until then."""

    at: Millis
    window: Window


def share_of(window: Window, priority: Priority, shares: Sequence[int] = DEFAULT_SHARES) -> int:
    """How much of the window `priority` and all priorities below it may use together."""
    return max(1, window.limit * shares[priority] // 100)


def reserve(
    usages: Iterable[Usage],
    windows: Sequence[Window],
    *,
    permit: str,
    priority: Priority,
    least: int,
    most: int,
    lifetime: Millis,
    now: Millis,
    shares: Sequence[int] = DEFAULT_SHARES,
) -> Granted | NotBefore:
    """As much of `most` as all windows leave, if that is at least `least`."""
    usages = list(usages)
    free = most
    blocked: NotBefore | None = None
    for window in windows:
        for group in range(priority + 1):  # every group that this priority belongs to, down to "all"
            cap = share_of(window, Priority(group), shares)
            counted = sorted(
                (each for each in usages if each.priority >= group and each.end > now - window.length),
                key=lambda each: each.end,
            )
            left = cap - sum(each.count for each in counted)
            free = min(free, left)
            if left < least:
                at = _when_free(counted, least - left, window)
                if blocked is None or at > blocked.at:
                    blocked = NotBefore(at, window)
    if blocked is not None:
        return blocked
    return Granted(permit, free, now + lifetime)


def _when_free(counted: Sequence[Usage], missing: int, window: Window) -> Millis:
    """When the oldest usages that make up what is missing have left the window."""
    at = 0
    for each in counted:
        at = each.end + window.length
        missing -= each.count
        if missing <= 0:
            break
    return at


def with_grant(usages: Iterable[Usage], granted: Granted, priority: Priority) -> list[Usage]:
    """The permit counts in full, until its user reports."""
    return [*usages, Usage(granted.expires_at, priority, granted.count, granted.permit)]


def with_report(usages: Iterable[Usage], permit: str, *, used: int, last_at: Millis) -> list[Usage]:
    """What the permit was used for, and when the last send was; the rest is free again."""
    reported = (
        replace(each, end=min(last_at, each.end), count=used, permit="") if each.permit == permit else each
        for each in usages
    )
    return [each for each in reported if each.count > 0]


def compacted(usages: Iterable[Usage], windows: Sequence[Window], now: Millis) -> list[Usage]:
    """The same usages in fewer entries: old ones forgotten, others merged at the resolution of their age."""
    horizon = now - max((window.length for window in windows), default=0)
    merged: dict[tuple[Millis, Priority, str], int] = {}
    for each in usages:
        if each.end <= horizon:
            continue
        end = each.end if each.permit else _rounded_up(each.end, windows, now)
        key = (end, each.priority, each.permit)
        merged[key] = merged.get(key, 0) + each.count
    return [Usage(end, priority, count, permit) for (end, priority, permit), count in sorted(merged.items())]


def _rounded_up(end: Millis, windows: Sequence[Window], now: Millis) -> Millis:
    resolution = min(window.length for window in windows if end > now - window.length) // _PARTS
    return -(-end // resolution) * resolution


def smallest_cap(windows: Iterable[Window], priority: Priority, shares: Sequence[int] = DEFAULT_SHARES) -> int | None:
    """The most that one send may ever count in the tightest window; None without limits."""
    return min((share_of(window, priority, shares) for window in windows), default=None)
