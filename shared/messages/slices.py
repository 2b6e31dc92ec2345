"""Slices: the work of an account's line. Up to 90 mails of one account, priority and batch, in order of submission.

A worker claims a slice until its own deadline. While any claim stands, even one that has run out, the API changes none
of the slice's mails: only the next worker can tell what the last one sent.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from shared.aws.attributes import Item, Value
from shared.aws.dynamodb import Attr, Condition, Delete, ItemKey, Key, Put, Table, Update, Write
from shared.clock import Millis
from shared.errors import ConditionFailed
from shared.identifiers import due_at_of, due_before
from shared.lines.line import HEAD_SORT_KEY, Line
from shared.messages.model import Mail

MAX_MAILS = 90  # a transaction takes 100 actions: the states, the slice, and room to spare


@dataclass(frozen=True, slots=True)
class Entry:
    """A mail's place in a slice; of an older generation it is void."""

    mail_id: str
    generation: int

    def encode(self) -> str:
        return f"{self.generation}#{self.mail_id}"

    @classmethod
    def decode(cls, text: str) -> "Entry":
        generation, _, mail_id = text.partition("#")
        return cls(mail_id, int(generation))


@dataclass(frozen=True, slots=True)
class Stall:
    """How many times in a row the session with the relay broke over a mail, before its text was out."""

    mail_id: str
    times: int

    def encode(self) -> str:
        return f"{self.times}#{self.mail_id}"

    @classmethod
    def decode(cls, text: str) -> "Stall":
        times, _, mail_id = text.partition("#")
        return cls(mail_id, int(times))


@dataclass(frozen=True, slots=True)
class Slice:
    """`crashes` counts workers that died over it since it was last let go of; `marked` is the mail tried last, and
    `doubtful` are mails that a worker may have sent before it died.

    One that is `suspended` lies beside its line, with those of its batch, under the same sort key.
    """

    line: Line
    sort_key: str
    entries: tuple[Entry, ...]
    batch_code: str | None = None
    claimed_by: str | None = None
    claimed_until: Millis | None = None
    crashes: int = 0
    marked: str | None = None
    marked_crashes: int = 0
    stalls: tuple[Stall, ...] = ()
    doubtful: tuple[str, ...] = ()
    suspended: bool = False

    @property
    def key(self) -> ItemKey:
        aside = self.suspended_key
        return aside if self.suspended and aside else self.line.work_key(self.sort_key)

    @property
    def suspended_key(self) -> ItemKey | None:
        """Where it lies while its batch is suspended; None for mails without a batch."""
        if self.batch_code is None:
            return None
        return ItemKey(suspended_partition(self.line.tenant_id, self.batch_code), self.sort_key)

    @property
    def due_at(self) -> Millis:
        return due_at_of(self.sort_key)

    def to_item(self) -> Item:
        """A new slice, which nobody has claimed."""
        item: Item = {
            "pk": self.key.pk,
            "sk": self.key.sk,
            "entries": [entry.encode() for entry in self.entries],
        }
        return item if self.batch_code is None else item | {"batch_code": self.batch_code}

    @classmethod
    def from_item(cls, line: Line, item: Item) -> "Slice":
        def number(name: str) -> int:
            value = item.get(name)
            return value if isinstance(value, int) else 0

        def text(name: str) -> str | None:
            value = item.get(name)
            return value if isinstance(value, str) else None

        return cls(
            line=line,
            sort_key=str(item["sk"]),
            entries=tuple(Entry.decode(str(each)) for each in _list(item, "entries")),
            batch_code=text("batch_code"),
            claimed_by=text("claimed_by"),
            claimed_until=number("claimed_until") or None,
            crashes=number("crashes"),
            marked=text("marked"),
            marked_crashes=number("marked_crashes"),
            stalls=tuple(Stall.decode(str(each)) for each in _list(item, "stalls")),
            doubtful=tuple(str(each) for each in _list(item, "doubtful")),
        )


@dataclass(frozen=True, slots=True)
class ClaimedByOther:
    """Another worker's claim stands; until then it may be sending."""

    until: Millis


def suspended_partition(tenant_id: str, batch_code: str) -> str:
    """Where the slices of a suspended batch lie, whatever their lines."""
    return f"SUSPENDED#{tenant_id}#{batch_code}"


UNCLAIMED: Condition = Attr("claimed_by").not_exists()


def with_entries(found: Slice, entries: Sequence[Entry]) -> Write:
    """The action of a transaction that gives an unclaimed slice these entries; it goes when none is left."""
    unchanged = UNCLAIMED & Attr("entries").eq([each.encode() for each in found.entries])
    if not entries:
        return Delete(found.key, condition=unchanged)
    return Update(found.key, set={"entries": [each.encode() for each in entries]}, condition=unchanged)


def without(found: Slice, entry: Entry) -> Write:
    """The action of a transaction that takes `entry` out of an unclaimed slice."""
    return with_entries(found, [each for each in found.entries if each != entry])


def put_new(new: Slice) -> Put:
    """The action of a transaction that adds a slice."""
    return Put(new.to_item(), condition=Attr("pk").not_exists())


class SliceTable:
    """The slices of every line."""

    def __init__(self, messages: Table) -> None:
        self._table = messages

    def first(self, line: Line) -> Slice | None:
        """The first slice of the line, due or not."""
        condition = Key("pk").eq(line.partition) & Key("sk").lt(HEAD_SORT_KEY)
        page = self._table.query(condition, limit=1)
        return Slice.from_item(line, page.items[0]) if page.items else None

    def due_keys(self, line: Line, now: Millis, *, limit: int) -> Sequence[str]:
        """The sort keys of the first slices that are due."""
        condition = Key("pk").eq(line.partition) & Key("sk").lt(due_before(now))
        return [str(item["sk"]) for item in self._table.query(condition, limit=limit).items]

    def get(self, line: Line, sort_key: str) -> Slice | None:
        item = self._table.get(line.work_key(sort_key))
        return Slice.from_item(line, item) if item else None

    def of_mails(self, mails: Iterable[Mail]) -> dict[tuple[Line, str], Slice]:
        """The slices that hold these mails, by line and sort key, suspended or not. Those missing are left out."""
        wanted: dict[ItemKey, Slice] = {}
        for mail in mails:
            place = Slice(mail.line, mail.slice_key, (), batch_code=mail.batch_code)
            wanted[place.key] = place
            if place.suspended_key is not None:
                wanted[place.suspended_key] = replace(place, suspended=True)
        items = self._table.batch_get(wanted)
        found = {key: Slice.from_item(wanted[key].line, item) for key, item in items.items()}
        return {
            (each.line, each.sort_key): replace(each, suspended=wanted[key].suspended) for key, each in found.items()
        }

    def of_mail(self, mail: Mail) -> Slice | None:
        """The slice that holds the mail."""
        return self.of_mails([mail]).get((mail.line, mail.slice_key))

    def put(self, new: Slice) -> None:
        self._table.put(new.to_item())

    def claim(self, found: Slice, *, worker: str, until: Millis, now: Millis) -> Slice | ClaimedByOther | None:
        """The slice as claimed, whose entries are now fixed. None if it is gone, so look again.

        A claim that ran out means its worker died: the crash is counted, on the mail that it had marked, if any.
        """
        claim: Item = {"claimed_by": worker, "claimed_until": until}
        try:
            item = self._table.update(Update(found.key, set=claim, condition=Attr("pk").exists() & UNCLAIMED))
            return Slice.from_item(found.line, item)
        except ConditionFailed as failed:
            if failed.item is None:
                return None
            held = Slice.from_item(found.line, dict(failed.item))  # type: ignore[arg-type]
        if held.claimed_by == worker:  # the call was repeated, since its first answer was lost; so below
            return held
        if held.claimed_until is not None and held.claimed_until > now:
            return ClaimedByOther(held.claimed_until)
        crash = {"crashes": 1} | ({"marked_crashes": 1} if held.marked else {})
        try:
            item = self._table.update(
                Update(
                    held.key,
                    set=claim,
                    add=crash,
                    condition=Attr("claimed_by").eq(held.claimed_by) & Attr("claimed_until").eq(held.claimed_until),
                )
            )
        except ConditionFailed as failed:
            item = dict(failed.item or {})  # type: ignore[arg-type]
            if item.get("claimed_by") != worker:
                return None
        return Slice.from_item(found.line, item)

    def mark(self, claimed: Slice, mail_id: str) -> Slice:
        """Notes the mail about to be tried, so that the next worker knows what this one died of.

        Raises ConditionFailed when the claim is lost.
        """
        if claimed.marked == mail_id:
            return claimed
        self._table.update(
            Update(
                claimed.key,
                set={"marked": mail_id, "marked_crashes": 0},
                condition=_held(claimed),
            )
        )
        return replace(claimed, marked=mail_id, marked_crashes=0)

    def let_go(
        self,
        claimed: Slice,
        remaining: Sequence[Entry],
        *,
        stalls: Iterable[Stall] = (),
        doubtful: Iterable[str] = (),
    ) -> None:
        """Gives the slice back with what is left of it, orderly. Nothing happens when the claim is lost."""
        change = Update(
            claimed.key,
            set={
                "entries": [entry.encode() for entry in remaining],
                "stalls": [stall.encode() for stall in stalls],
                "doubtful": list(doubtful),
            },
            remove=("claimed_by", "claimed_until", "crashes", "marked", "marked_crashes"),
            condition=_held(claimed),
        )
        with suppress(ConditionFailed):
            self._table.update(change)

    def finish(self, claimed: Slice) -> None:
        """Removes the slice. Nothing happens when the claim is lost."""
        with suppress(ConditionFailed):
            self._table.delete(claimed.key, condition=_held(claimed))


def _list(item: Item, name: str) -> list[Value]:
    value = item.get(name, [])
    if not isinstance(value, list):
        raise TypeError(f"{name} of a slice is no list")
    return value


def _held(claimed: Slice) -> Condition:
    return Attr("claimed_by").eq(claimed.claimed_by)
