"""Ids that are submitted again: the same content repairs, other content replaces what nobody has sent yet.

A replacement raises the mail's generation, under which it has a content of its own. It is one transaction of the old
slice (which must carry no claim, not even one that ran out) and the state, so that a worker sends either the old mail
or the new one. The mail keeps its place in order unless lane, account, `send_at` or batch code change: also in a line
that it would not be spread to by now.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.aws.dynamodb import Attr, Check, Condition, Delete, Put, Table, Write
from shared.clock import Millis
from shared.errors import TransactionRefused
from shared.identifiers import due_at_of, due_key, new_ulid
from shared.lines.line import Line
from shared.lines.lines import Lines
from shared.messages.candidates import Accepted, Candidate, Rejected, SliceGroup
from shared.messages.model import Mail, MailEvent, Status
from shared.messages.payloads import Payload, PayloadStore, payload_sort_key
from shared.messages.slices import Entry, Slice, SliceTable, put_new, with_entries
from shared.messages.table import MailTable, recipients_key

_TRIES = 4  # what is read may change under us: a worker, another call, an activation
# Each takes up to five of the 100 actions of a transaction: state, old content, old recipients, old Message-ID, a slice
# of its own.
_REPLACED_AT_ONCE = 19

_REASONS = {
    Status.SENT: "was sent already: use a new id",
    Status.ERROR: "has failed: send it again with POST …/retry, or use a new id",
    Status.CANCELLED: "was cancelled: use a new id",
}


@dataclass(frozen=True, slots=True)
class _Replacement:
    """A stored mail, and the candidate that is to take its place."""

    old: Mail
    candidate: Candidate

    @property
    def keeps_place(self) -> bool:
        return _place(self.old) == _place(self.candidate.mail)

    def mail(self, slice_key: str, now: Millis) -> Mail:
        """The mail as it will be, in the slice of that key."""
        new, generation = self.candidate.mail, self.old.generation + 1
        return new.model_copy(
            update={
                "generation": generation,
                "slice_key": slice_key,
                "payload_key": payload_sort_key(generation, new.digest),
                "created_at": self.old.created_at,
                "due_at": self.old.due_at if self.keeps_place else new.due_at,
                "part": self.old.part if self.keeps_place else new.part,
                "events": self.old.events,
            }
        ).with_event(MailEvent(type="replaced", at=now))


class Resubmissions:
    """Answers entries whose ids exist already. Raises StorageUnavailable when not everything could be stored."""

    def __init__(
        self, *, messages: Table, mails: MailTable, payloads: PayloadStore, slices: SliceTable, lines: Lines
    ) -> None:
        self._messages = messages
        self._mails = mails
        self._payloads = payloads
        self._slices = slices
        self._lines = lines

    def take(self, candidates: Sequence[Candidate], rejected: list[Rejected], now: Millis) -> dict[int, Accepted]:
        """Those accepted, by index; the others go to `rejected`. All of one tenant, whose lines that the candidates
        name are announced and woken by the caller."""
        accepted: dict[int, Accepted] = {}
        waiting = list(candidates)
        for _ in range(_TRIES):
            if not waiting:
                return accepted
            stored = self._mails.get_many(waiting[0].mail.tenant_id, (each.mail.id for each in waiting))
            repeated: list[Mail] = []
            replacements: list[_Replacement] = []
            for each in waiting:
                mail = stored.get(each.mail.id)
                if mail is not None and mail.digest == each.mail.digest:
                    accepted[each.index] = Accepted.of(mail)
                    repeated.append(mail)
                elif mail is not None and mail.status.is_unsent:
                    replacements.append(_Replacement(mail, each))
                else:
                    why = _REASONS.get(mail.status, "") if mail else "is gone since a moment ago: submit it again"
                    rejected.append(_conflict(each, why))
            self._repair([mail for mail in repeated if mail.status.is_unsent])
            waiting = self._replace(replacements, accepted, rejected, now)
        rejected += [_in_flight(each) for each in waiting]
        return accepted

    # -- the same content -------------------------------------------------------------------------------------------

    def _repair(self, mails: Sequence[Mail]) -> None:
        """Writes slices that are missing: nothing is known to lose one, but a mail without would wait for ever."""
        found = self._slices.of_mails(mails)
        lost: dict[tuple[Line, str], list[Mail]] = {}
        for mail in mails:
            stands = found.get((mail.line, mail.slice_key))
            if stands is None or (stands.claimed_by is None and _entry(mail) not in stands.entries):
                lost.setdefault((mail.line, mail.slice_key), []).append(mail)
        for (line, slice_key), members in lost.items():
            self._lines.announce(line, due_at_of(slice_key))
            entries = [_entry(mail) for mail in members]
            stands = found.get((line, slice_key))
            if stands is not None:
                writes: list[Write] = [with_entries(stands, (*stands.entries, *entries))]
            else:
                new = Slice(line, slice_key, tuple(entries), batch_code=members[0].batch_code)
                writes = [*_nowhere(members[0])[1:], put_new(new)]
            # The states are checked last: their worker writes them before it removes the slice.
            writes += [Check(mail.key, condition=_unchanged(mail)) for mail in members]
            if self._done(writes):
                self._lines.wake(line)

    # -- other content ----------------------------------------------------------------------------------------------

    def _replace(
        self,
        replacements: Sequence[_Replacement],
        accepted: dict[int, Accepted],
        rejected: list[Rejected],
        now: Millis,
    ) -> list[Candidate]:
        """Those to be looked at again, since something changed meanwhile."""
        free = self._without_partly_sent(replacements, rejected)
        found = self._slices.of_mails(each.old for each in free)
        by_slice: dict[tuple[Line, str], list[_Replacement]] = {}
        for each in free:
            stands = found.get((each.old.line, each.old.slice_key))
            if stands is not None and stands.claimed_by is not None:
                rejected.append(_in_flight(each.candidate))
            else:
                by_slice.setdefault((each.old.line, each.old.slice_key), []).append(each)
        again: list[Candidate] = []
        for place, members in by_slice.items():
            left = found.get(place)
            for start in range(0, len(members), _REPLACED_AT_ONCE):
                part = members[start : start + _REPLACED_AT_ONCE]
                replaced, left = self._replace_in_slice(left, part, now)
                accepted |= {each.candidate.index: Accepted.of(each.candidate.mail) for each in part if replaced}
                again += [each.candidate for each in part if not replaced]
        return again

    def _replace_in_slice(
        self, found: Slice | None, members: Sequence[_Replacement], now: Millis
    ) -> tuple[bool, Slice | None]:
        """One transaction. Whether it was made, and the slice as it is then."""
        placed, new_slices = _placed(found, members, now)
        self._payloads.put_all(
            Payload.of(mail, each.candidate.content) for mail, each in zip(placed, members, strict=True)
        )
        for new in new_slices:
            self._lines.announce(new.line, new.due_at)
        writes: list[Write] = []
        after = None
        if found is not None:
            after = replace(found, entries=_entries_after(found, members, placed))
            writes.append(with_entries(found, after.entries))
        else:
            writes += _nowhere(members[0].old)
        writes += [put_new(new) for new in new_slices]
        for mail, each in zip(placed, members, strict=True):
            writes.append(Put(mail.to_item(), condition=_unchanged(each.old)))
            writes.append(Delete(each.old.payload_item_key))
            if each.old.attempts:
                writes.append(Delete(recipients_key(each.old)))
            if each.old.named_key is not None and each.old.named_key != mail.named_key:
                writes.append(Delete(each.old.named_key))
        if not self._done(writes):
            return False, found
        for new in new_slices:
            self._lines.wake(new.line)
        return True, after

    def _without_partly_sent(
        self, replacements: Sequence[_Replacement], rejected: list[Rejected]
    ) -> list[_Replacement]:
        """What some recipients have already is not unsent: they would get two mails under one id."""
        results = self._mails.recipients_of(each.old for each in replacements if each.old.attempts)
        free: list[_Replacement] = []
        for each in replacements:
            if any(result.status == Status.SENT for result in results.get(each.old.id, ())):
                rejected.append(_conflict(each.candidate, "was sent to some of its recipients already: use a new id"))
            else:
                free.append(each)
        return free

    def _done(self, writes: Sequence[Write]) -> bool:
        try:
            self._messages.transact(writes)
        except TransactionRefused:
            return False
        return True


def _place(mail: Mail) -> tuple[object, ...]:
    """What decides on the mail's place in order."""
    return (mail.priority, mail.account_id, mail.send_at, mail.batch_code)


def _entry(mail: Mail) -> Entry:
    return Entry(mail.id, mail.generation)


def _unchanged(mail: Mail) -> Condition:
    same = Attr("generation").eq(mail.generation) & Attr("slice_key").eq(mail.slice_key)
    return same & Attr("status").eq(mail.status.value)


def _nowhere(mail: Mail) -> list[Write]:
    """Checks that the mail's slice is neither in its line nor suspended: reads may miss a move between the two."""
    missing = Slice(mail.line, mail.slice_key, (), batch_code=mail.batch_code)
    keys = [missing.key] if missing.suspended_key is None else [missing.key, missing.suspended_key]
    return [Check(key, condition=Attr("pk").not_exists()) for key in keys]


def _placed(found: Slice | None, members: Sequence[_Replacement], now: Millis) -> tuple[list[Mail], list[Slice]]:
    """The new mails, each in its old slice or in a new one, and the new slices."""
    keys: dict[SliceGroup, str] = {}
    entries: dict[SliceGroup, list[Entry]] = {}
    placed: list[Mail] = []
    for each in members:
        if each.keeps_place and found is not None and _entry(each.old) in found.entries:
            placed.append(each.mail(found.sort_key, now))
            continue
        draft = each.mail("", now)
        group = SliceGroup.of(draft)
        if group not in keys:
            keys[group] = due_key(group.due_at, new_ulid(now))
        placed.append(draft.model_copy(update={"slice_key": keys[group]}))
        entries.setdefault(group, []).append(_entry(draft))
    new_slices = [
        Slice(group.line, keys[group], tuple(added), batch_code=group.batch_code) for group, added in entries.items()
    ]
    return placed, new_slices


def _entries_after(found: Slice, members: Sequence[_Replacement], placed: Sequence[Mail]) -> tuple[Entry, ...]:
    """What is left in the old slice: those that keep their place, under their new generation."""
    new = {_entry(each.old): mail for each, mail in zip(members, placed, strict=True)}
    kept = (new.get(entry) for entry in found.entries)
    return tuple(
        entry if mail is None else _entry(mail)
        for entry, mail in zip(found.entries, kept, strict=True)
        if mail is None or mail.slice_key == found.sort_key
    )


def _conflict(candidate: Candidate, why: str) -> Rejected:
    detail = f"id: {candidate.mail.id} was submitted before with other content and {why}"
    return Rejected(candidate.index, candidate.mail.id, "id_conflict", detail)


def _in_flight(candidate: Candidate) -> Rejected:
    detail = f"id: {candidate.mail.id} may be on its way to the relay just now, with other content: ask for its status"
    return Rejected(candidate.index, candidate.mail.id, "in_flight", detail)
