"""Deleting the records of mails: all that there is of one, at once and for good. Nothing is reported of it.

A mail that still waits leaves its slice in the same transaction, so that it is either deleted or sent. One that is sent
or has failed must have no slice any more: while that stands, its report may still be on its way to the outbox.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from shared.aws.dynamodb import Attr, Check, Condition, Delete, Table, Write
from shared.errors import InFlight, NotFound, TransactionRefused
from shared.lines.line import Line
from shared.messages.model import Mail, Status
from shared.messages.slices import Entry, Slice, SliceTable, with_entries
from shared.messages.table import MailTable, recipients_key

# A transaction takes 4 MB, what it deletes included: a content has up to 300 KB, the recipients up to 100.
_AT_ONCE = 10
_TRIES = 3  # a slice may change under us: another mail of it removed, or a worker done with it


@dataclass(frozen=True, slots=True)
class Removed:
    """The ids asked for, by what came of them."""

    removed: list[str]
    not_found: list[str]
    in_flight: list[str]


@dataclass(frozen=True, slots=True)
class _Parcel:
    """Mails that are deleted together or not at all: those of one slice."""

    mails: tuple[Mail, ...]
    writes: tuple[Write, ...]


class Removal:
    """Raises StorageUnavailable when DynamoDB cannot be reached: the same call again goes on with what is left."""

    def __init__(self, *, messages: Table, mails: MailTable, slices: SliceTable) -> None:
        self._messages = messages
        self._mails = mails
        self._slices = slices

    def remove_one(self, tenant_id: str, mail_id: str) -> None:
        """Raises NotFound, InFlight while a worker holds the mail."""
        done = self.remove(tenant_id, [mail_id])
        if done.not_found:
            raise NotFound(f"tenant {tenant_id} has no message {mail_id}")
        if done.in_flight:
            raise InFlight(f"message {mail_id} is being worked on just now: try again in a moment")

    def remove(self, tenant_id: str, mail_ids: Iterable[str]) -> Removed:
        """At most 1000 ids; repeated ones count once."""
        waiting = asked = list(dict.fromkeys(mail_ids))
        removed: set[str] = set()
        unknown: set[str] = set()
        for _ in range(_TRIES):
            if not waiting:
                break
            stored = self._mails.get_many(tenant_id, waiting)
            unknown |= set(waiting) - stored.keys()
            removed |= self.remove_as_read(list(stored.values()))
            waiting = [each for each in waiting if each not in removed | unknown]
        return Removed(
            removed=[each for each in asked if each in removed],
            not_found=[each for each in asked if each in unknown],
            in_flight=waiting,
        )

    def remove_as_read(self, mails: Sequence[Mail]) -> set[str]:
        """The ids of those deleted: not those that a worker holds, or that were changed since they were read. All of
        one tenant."""
        removed: set[str] = set()
        parcels: list[_Parcel] = []
        for parcel in self._parcels(mails):
            if sum(len(each.mails) for each in [*parcels, parcel]) > _AT_ONCE:
                removed |= self._made(parcels)
                parcels = []
            parcels.append(parcel)
        return removed | self._made(parcels)

    def _made(self, parcels: Sequence[_Parcel]) -> set[str]:
        """All in one transaction; one by one when that is refused."""
        if not parcels:
            return set()
        try:
            self._messages.transact([write for parcel in parcels for write in parcel.writes])
        except TransactionRefused:
            if len(parcels) == 1:
                return set()
            return set().union(*(self._made([each]) for each in parcels))
        return {mail.id for parcel in parcels for mail in parcel.mails}

    def _parcels(self, mails: Sequence[Mail]) -> Iterator[_Parcel]:
        found = self._slices.of_mails(mails)
        places: dict[tuple[Line, str], list[Mail]] = {}
        for mail in mails:
            if mail.status is Status.CANCELLED:  # left its slice with its report
                yield _Parcel((mail,), _deletes([mail]))
            else:
                places.setdefault((mail.line, mail.slice_key), []).append(mail)
        for (line, slice_key), members in places.items():
            stands = found.get((line, slice_key))
            if stands is None or stands.suspended:
                gone = Check(line.work_key(slice_key), condition=Attr("pk").not_exists())
                ended = [mail for mail in members if not mail.status.is_unsent]
                for part in _parts(ended):
                    yield _Parcel(part, (gone, *_deletes(part)))
            if stands is not None and stands.claimed_by is None:
                yield from _out_of(stands, [mail for mail in members if _entry(mail) in stands.entries])


def _out_of(stands: Slice, mails: Sequence[Mail]) -> Iterator[_Parcel]:
    """Unsent mails with their places in a slice that nobody holds."""
    for part in _parts([mail for mail in mails if mail.status.is_unsent]):
        gone = {_entry(mail) for mail in part}
        entries = tuple(each for each in stands.entries if each not in gone)
        yield _Parcel(part, (with_entries(stands, entries), *_deletes(part)))
        stands = replace(stands, entries=entries)


def _parts(mails: Sequence[Mail]) -> Iterator[tuple[Mail, ...]]:
    for start in range(0, len(mails), _AT_ONCE):
        yield tuple(mails[start : start + _AT_ONCE])


def _deletes(mails: Iterable[Mail]) -> tuple[Write, ...]:
    """An id that is submitted anew at this very moment may find its content deleted: the mail then becomes an error."""
    return tuple(
        write
        for mail in mails
        for write in (
            Delete(mail.key, condition=_unchanged(mail)),
            Delete(mail.payload_item_key),
            Delete(recipients_key(mail)),
            *([Delete(mail.named_key)] if mail.named_key is not None else []),
        )
    )


def _unchanged(mail: Mail) -> Condition:
    same = Attr("generation").eq(mail.generation) & Attr("status").eq(mail.status.value)
    return same & Attr("slice_key").eq(mail.slice_key) & Attr("attempts").eq(mail.attempts)


def _entry(mail: Mail) -> Entry:
    return Entry(mail.id, mail.generation)
