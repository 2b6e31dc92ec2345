"""The arithmetic of an account's connections, whose number is a total over all lanes. Pure.

With one or more for each line (a lane's, or a part of it where the account is spread), each line has its fixed part.
With fewer they are leased. A worker that finds none leaves word: the holder of one in a lower lane then ends after its
mail, and whoever comes next lets those go before that have waited in its lane or a more urgent one.
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
class Place:
    """Which of an account's lines it is, and how its lines are: `parallelism` in each lane, and `parts` of which some
    may be left from when that was higher."""

    priority: Priority
    part: int = 0
    parallelism: int = 1
    parts: int = 1


@dataclass(frozen=True, slots=True)
class Waiting:
    """A worker of that line wanted a connection and found none. In order of who came first."""

    priority: Priority
    part: int
    until: Millis

    def is_of(self, place: Place) -> bool:
        return (self.priority, self.part) == (place.priority, place.part)


def fixed_part(max_connections: int, place: Place) -> int | None:
    """The line's own connections; None when there are too few to give each line one."""
    lines = _LANES * place.parts
    if max_connections < lines:
        return None
    each, rest = divmod(max_connections, lines)
    return each + (1 if place.part * _LANES + place.priority < rest else 0)


def leased_part(max_connections: int, place: Place) -> int:
    """How many the line may lease at a time."""
    return max(1, max_connections // (_LANES * place.parallelism))


def free_connections(leases: Iterable[Lease], *, holder: str, max_connections: int, now: Millis) -> int:
    """What nobody else holds."""
    held = sum(lease.count for lease in leases if lease.until > now and lease.holder != holder)
    return max(0, max_connections - held)


def with_lease(leases: Iterable[Lease], lease: Lease, now: Millis) -> list[Lease]:
    """The holder's lease replaced, those that ran out forgotten. A count of 0 gives it up."""
    others = [each for each in leases if each.until > now and each.holder != lease.holder]
    return [*others, lease] if lease.count > 0 else others


def with_word(waiting: Iterable[Waiting], place: Place, now: Millis) -> list[Waiting]:
    """Word left, or renewed, that the line at `place` waits."""
    word = Waiting(place.priority, place.part, now + WORD_LEFT)
    standing = [each for each in waiting if each.until > now]
    if any(each.is_of(place) for each in standing):
        return [word if each.is_of(place) else each for each in standing]
    return [*standing, word]


def without_word(waiting: Iterable[Waiting], place: Place, now: Millis) -> list[Waiting]:
    """The word taken back: the line has what it waited for."""
    return [each for each in waiting if each.until > now and not each.is_of(place)]


def waiting_before(waiting: Iterable[Waiting], place: Place, now: Millis) -> int:
    """How many are to have a connection before the line at `place`: the more urgent, and those that came before it."""
    before, own_turn = 0, False
    for each in waiting:
        own_turn = own_turn or each.is_of(place)
        is_equal_and_first = each.priority == place.priority and not own_turn
        if each.until > now and (each.priority < place.priority or is_equal_and_first):
            before += 1
    return before


def must_yield(waiting: Sequence[Waiting], priority: Priority, now: Millis) -> bool:
    """Whether somebody more urgent waits for a connection."""
    return any(each.until > now and each.priority < priority for each in waiting)
