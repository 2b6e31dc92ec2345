"""The head of a line: one small item that says when to look at the line next. Heads are never deleted, but with their
tenant; what a worker that met one just before writes later does not bring it back.

`wake_at`        when the scheduler wakes the line; absent while nothing can be due (the head then leaves the index)
`woken_at`       when the wake-up now queued was sent, or comes back if held; absent once a worker has begun to look
`visited_until`  a worker is at the line, until this at the latest; absent once it has left orderly
`blocked_until`  nobody works the line before this
`unblocks`       counts unblockings, so that a worker cannot block a line with knowledge older than the last of them
`seq`            counts announcements of work, `announced_at` is the time of the last
`waits`          counts waits in a row, which the backoff grows with
`held`           the receipt handle of a wake-up that waits out its visibility, for whoever opens the line before
`reason`         of the last wait, for those who look at the line
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from shared.aws.attributes import Item
from shared.aws.dynamodb import Attr, Condition, Key, Table, Update
from shared.clock import MINUTE, Millis
from shared.errors import ConditionFailed, StorageUnavailable
from shared.lines.line import WOKEN, Line, LineKind, due_shard

DUE_INDEX = "due"
_TRIES = 5
_KINDS = frozenset(kind.value for kind in LineKind)
_MAX_REASON = 300
WAKE_AFTER: Millis = MINUTE  # how long a queued wake-up, or an announced piece of work, is waited for


@dataclass(frozen=True, slots=True)
class Head:
    """The head as a worker met it."""

    seq: int
    announced_at: Millis
    wake_at: Millis | None
    blocked_until: Millis | None
    unblocks: int
    waits: int
    held: str | None = None
    woken_at: Millis | None = None
    reason: str | None = None

    @classmethod
    def from_item(cls, item: Item) -> "Head":
        def number(name: str) -> int:
            value = item.get(name)
            return value if isinstance(value, int) else 0

        return cls(
            seq=number("seq"),
            announced_at=number("announced_at"),
            wake_at=number("wake_at") or None,
            blocked_until=number("blocked_until") or None,
            unblocks=number("unblocks"),
            waits=number("waits"),
            held=str(item["held"]) if "held" in item else None,
            woken_at=number("woken_at") or None,
            reason=str(item["reason"]) if "reason" in item else None,
        )

    def is_blocked(self, now: Millis) -> bool:
        return self.blocked_until is not None and self.blocked_until > now

    def waits_until(self, now: Millis) -> Millis | None:
        """When a line that must wait is tried again; None for one that need not."""
        if self.is_blocked(now):
            return self.blocked_until
        return self.woken_at if self.held is not None and self.woken_at is not None and self.woken_at > now else None


@dataclass(frozen=True, slots=True)
class DueHead:
    """What the due index tells of a line: eventually consistent, so to be acted on only conditionally."""

    line: Line
    wake_at: Millis
    blocked_until: Millis | None


@dataclass(frozen=True, slots=True)
class DuePage:
    """Some of the due lines of a shard; `resume` is the key to go on after, None on the last page."""

    heads: list[DueHead]
    resume: Item | None


class Heads:
    """Each method is one atomic step of `docs/lines.md`; two where DynamoDB has no minimum."""

    def __init__(self, messages: Table) -> None:
        self._table = messages

    def announce(self, line: Line, due_at: Millis, now: Millis) -> None:
        """Says that work due at `due_at` is about to be written. Lowers `wake_at`, never raises it.

        While a worker is at the line, `wake_at` covers it, and stays: the worker cannot put the head to rest without
        having looked again, and one that leaves work behind lowers `wake_at` itself.
        """
        wake_at = max(due_at, now + WAKE_AFTER)
        unvisited = Attr("visited_until").not_exists() | Attr("visited_until").lte(now)
        identity: Item = {"kind": line.kind.value, "owner": line.owner, "announced_at": now}
        lowered = Update(
            line.head_key,
            set=identity | {"wake_at": wake_at, "due_shard": line.due_shard},
            add={"seq": 1},
            condition=Attr("wake_at").not_exists() | (Attr("wake_at").gt(wake_at) & unvisited),
        )
        # Conditional as well: a worker may settle between the two, and the announced work would have no `wake_at`.
        covered = Attr("wake_at").exists() & Attr("visited_until").gt(now)
        kept = Update(line.head_key, set=identity, add={"seq": 1}, condition=Attr("wake_at").lte(wake_at) | covered)
        for _ in range(_TRIES):
            if self._changed(lowered) or self._changed(kept):
                return
        raise StorageUnavailable(f"the head of {line.partition} changes too fast")

    def record_wake_up(self, line: Line, now: Millis) -> bool:
        """Whether a wake-up is to be sent: not while the line is blocked, or one is queued that no worker has seen.

        Called after the work is written: a worker that takes the queued wake-up reads the line later than this. One
        that was sent while a worker is at the line waits for that worker's end, and is taken for lost only after it.
        """
        unvisited = Attr("visited_until").not_exists() | Attr("visited_until").lte(now)
        lost = Attr("woken_at").lt(now - WAKE_AFTER) & unvisited
        unseen = Attr("woken_at").not_exists() | lost
        condition = Attr("pk").exists() & unseen & _open(now)
        return self._changed(Update(line.head_key, set={"woken_at": now}, condition=condition))

    def visit(self, line: Line, *, wake_at: Millis) -> Head | None:
        """A worker begins to look: `wake_at` covers its death. None for a line that nobody ever announced."""
        covered: Item = {"wake_at": wake_at, "due_shard": line.due_shard}
        try:
            item = self._table.update(
                Update(
                    line.head_key,
                    set=covered | {"visited_until": wake_at} if line.kind in WOKEN else covered,
                    remove=("woken_at", "held"),
                    condition=Attr("pk").exists(),
                )
            )
        except ConditionFailed:
            return None
        return Head.from_item(item)

    def settle(self, line: Line, head: Head, *, next_due: Millis | None, now: Millis) -> Head | None:
        """Puts the head to rest, or to the first future work. None when done, else the head that was met instead.

        Refused while announced work may still be on its way; the head then wakes the line within a minute, or at
        `next_due` if that comes before.
        """
        quiet = Attr("seq").eq(head.seq) & Attr("announced_at").lt(now - line.grace)
        if next_due is None:
            change = Update(line.head_key, remove=("wake_at", "due_shard", "waits", "visited_until"), condition=quiet)
        else:
            rest: Item = {"wake_at": next_due, "due_shard": line.due_shard}
            change = Update(line.head_key, set=rest, remove=("waits", "visited_until"), condition=quiet)
        try:
            self._table.update(change)
        except ConditionFailed as failed:
            stands = Head.from_item(dict(failed.item)) if failed.item else None  # type: ignore[arg-type]
            if head.waits:
                self._reset_waits(line)
            if stands is not None and stands.seq != head.seq:
                return replace(stands, waits=0)
            self._lower(line, min(now + WAKE_AFTER, next_due or now + WAKE_AFTER))
        return None

    def hand_over(self, line: Line, head: Head, now: Millis) -> bool:
        """The worker leaves work behind. Whether it is to send a wake-up: not if one was sent since its visit, which
        waits for its end, nor if the line is blocked."""
        if head.waits:
            self._reset_waits(line)
        exists = Attr("pk").exists()
        left = Update(line.head_key, set={"woken_at": now}, remove=("visited_until",), condition=exists)
        to_send = self._changed(replace(left, condition=exists & Attr("woken_at").not_exists() & _open(now)))
        if not to_send:
            self._changed(left)
        self._lower(line, now + WAKE_AFTER)
        return to_send

    def _reset_waits(self, line: Line) -> None:
        """The worker got through: the next wait is the first again."""
        self._changed(Update(line.head_key, remove=("waits",), condition=Attr("pk").exists()))

    def record_wait(self, line: Line, head: Head, *, until: Millis, waits: int, held: str, reason: str = "") -> bool:
        """The wake-up, of receipt handle `held`, is kept by its visibility `until` then; False if the line was
        unblocked since `head` was read, and so must be tried."""
        rest: Item = {"wake_at": until + WAKE_AFTER, "due_shard": line.due_shard, "waits": waits, "held": held}
        rest["reason"] = reason[:_MAX_REASON]
        return self._changed(
            Update(
                line.head_key,
                set=rest | {"woken_at": until},
                remove=("visited_until",),
                condition=_not_unblocked_since(head),
            )
        )

    def block(self, line: Line, head: Head, *, until: Millis, waits: int, reason: str = "") -> bool:
        """Closes the line until `until`; False if it was unblocked since `head` was read, and so must be tried."""
        rest: Item = {"blocked_until": until, "wake_at": until, "due_shard": line.due_shard, "waits": waits}
        rest["reason"] = reason[:_MAX_REASON]
        return self._changed(
            Update(line.head_key, set=rest, remove=("visited_until",), condition=_not_unblocked_since(head))
        )

    def cover_block(self, line: Line, blocked_until: Millis) -> None:
        """Lets the end of the block wake the line, if it is still blocked until then."""
        rest: Item = {"wake_at": blocked_until, "due_shard": line.due_shard}
        still = Attr("blocked_until").eq(blocked_until)
        self._changed(Update(line.head_key, set=rest, remove=("visited_until",), condition=still))

    def unblock(self, line: Line, now: Millis) -> Head | None:
        """Opens the line and makes it due at once. The head as it was left; None for a line that never had work."""
        try:
            item = self._table.update(
                Update(
                    line.head_key,
                    # Not 0: the first mail that gets through then still tells that the line had waited.
                    set={"wake_at": now, "due_shard": line.due_shard, "waits": 1},
                    remove=("blocked_until",),
                    add={"unblocks": 1},
                    condition=Attr("pk").exists(),
                )
            )
        except ConditionFailed:
            return None
        return Head.from_item(item)

    def due(self, shard: int, now: Millis, *, resume: Item | None = None, limit: int | None = None) -> DuePage:
        """Lines of one shard that are due, the longest due first. Those of a kind that this version does not know are
        left to the one that made them: an older version may run again for a while."""
        condition = Key("due_shard").eq(due_shard(shard)) & Key("wake_at").lte(now)
        page = self._table.query(condition, index=DUE_INDEX, resume=resume, limit=limit)
        return DuePage([_due_head(item) for item in page.items if item["kind"] in _KINDS], page.resume)

    def blocked(self, shard: int, now: Millis, *, within: Millis) -> Iterator[DueHead]:
        """The lines of one shard that are blocked, and would be opened within so long by their own time."""
        condition = Key("due_shard").eq(due_shard(shard)) & Key("wake_at").between(now + 1, now + within)
        for item in self._table.query_all(condition, index=DUE_INDEX):
            found = _due_head(item)
            if found.blocked_until is not None and found.blocked_until > now:
                yield found

    def with_work(self, shard: int, *, limit: int) -> tuple[list[DueHead], bool]:
        """The lines of one shard that have work, now or later, the longest due first; and whether these are all."""
        page = self._table.query(Key("due_shard").eq(due_shard(shard)), index=DUE_INDEX, limit=limit)
        return [_due_head(item) for item in page.items], page.resume is None

    def read(self, lines: Iterable[Line]) -> dict[Line, Head]:
        """The heads as they are; lines that never had work are left out."""
        keys = {line: line.head_key for line in lines}
        found = self._table.batch_get(keys.values())
        return {line: Head.from_item(found[key]) for line, key in keys.items() if key in found}

    def postpone(self, due: DueHead, *, to: Millis) -> bool:
        """Moves `wake_at` if it is still the one that was seen."""
        condition = Attr("wake_at").eq(due.wake_at)
        return self._changed(Update(due.line.head_key, set={"wake_at": to}, condition=condition))

    def _lower(self, line: Line, wake_at: Millis) -> None:
        rest: Item = {"wake_at": wake_at, "due_shard": line.due_shard}
        later = Attr("wake_at").gt(wake_at)
        self._changed(Update(line.head_key, set=rest, remove=("visited_until",), condition=later))

    def _changed(self, change: Update) -> bool:
        try:
            self._table.update(change)
        except ConditionFailed:
            return False
        return True


def _due_head(item: Item) -> DueHead:
    blocked_until = item.get("blocked_until")
    return DueHead(
        line=Line(LineKind(str(item["kind"])), str(item["owner"])),
        wake_at=int(str(item["wake_at"])),
        blocked_until=blocked_until if isinstance(blocked_until, int) else None,
    )


def _open(now: Millis) -> Condition:
    open_: Condition = Attr("blocked_until").not_exists() | Attr("blocked_until").lte(now)
    return open_


def _not_unblocked_since(head: Head) -> Condition:
    same: Condition = Attr("unblocks").eq(head.unblocks)
    return same if head.unblocks else Attr("pk").exists() & (Attr("unblocks").not_exists() | same)
