"""Reads a mailbox: what has come since the last look, in batches, each recorded before the next one is fetched."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from shared.aws.dynamodb import Table
from shared.aws.threads import in_thread
from shared.clock import MINUTE, SECOND, Clock, Millis
from shared.delivery.backoff import jittered
from shared.lines.attendance import Drained, MustWait, OutOfTime, Rest, Visit
from shared.mailboxes.imap import MAX_LITERAL, ImapFault, ImapSession, imap_session
from shared.mailboxes.kinds import MailboxKind
from shared.mailboxes.model import INSTANCE_OWNER, Afterwards, Mailbox
from shared.mailboxes.recording import Recording
from shared.mailboxes.state import MailboxState, MailboxStates
from shared.mailboxes.table import MailboxTable
from shared.mailboxes.understanding import Understanding, Understood
from shared.observability import logger
from shared.outgoing.guard import AddressRefused, Guard, Resolved
from shared.tenants.table import tenant_from_item, tenant_key

BATCH_MAILS = 50
BATCH_OCTETS = 16_000_000
# Of a report: what is read of it stands at its beginning. The signature of a receipt stands at its end.
_FETCHED = {MailboxKind.BOUNCES: 1_000_000, MailboxKind.PEC: MAX_LITERAL}
_LAST_BATCH: Millis = 20 * SECOND  # before the deadline: one is fetched, read and recorded in less
_WAITS: tuple[Millis, ...] = (1 * MINUTE, 5 * MINUTE, 15 * MINUTE, 60 * MINUTE)


@dataclass(frozen=True, slots=True)
class PollerParts:
    """What a poller is made of."""

    registry: Table
    mailboxes: MailboxTable
    states: MailboxStates
    understanding: Understanding
    recording: Recording
    guard: Guard
    clock: Clock
    draw: Callable[[], float]  # uniform in [0, 1)


@dataclass(frozen=True, slots=True)
class _Look:
    """What one look came to: `is_whole` if nothing is left to read."""

    state: MailboxState
    is_whole: bool


class Poller:
    """Works the lines of mailboxes, one visit after the other."""

    def __init__(self, parts: PollerParts) -> None:
        self._parts = parts

    async def work(self, visit: Visit) -> Rest:
        """The work of one visit to a mailbox's line."""
        mailbox = await in_thread(self._mailbox, visit)
        if mailbox is None:
            return Drained(next_due=None)
        try:
            addresses = await self._parts.guard.resolve(mailbox.host, mailbox.port)
            look = await in_thread(self._look, visit, mailbox, addresses)
        except (ImapFault, AddressRefused, OSError) as error:
            return await in_thread(self._failed, visit, error)
        if not look.is_whole:
            return OutOfTime()
        return Drained(next_due=look.state.next_look(mailbox, self._parts.clock()))

    def _mailbox(self, visit: Visit) -> Mailbox | None:
        """None for one that is gone, or whose tenant is."""
        tenant_id = visit.line.tenant_id
        if tenant_id != INSTANCE_OWNER:
            item = self._parts.registry.get(tenant_key(tenant_id))
            if item is None or tenant_from_item(item).deleting_since is not None:
                return None
        return self._parts.mailboxes.find(tenant_id, visit.line.mailbox_id)

    def _look(self, visit: Visit, mailbox: Mailbox, addresses: Sequence[Resolved]) -> _Look:
        parts = self._parts
        password = parts.mailboxes.password(mailbox)
        seconds = max(1.0, (visit.deadline - parts.clock()) / SECOND)
        with imap_session(mailbox, password, addresses, seconds=seconds) as session:
            state = parts.states.get(visit.line).at(mailbox, session.folder.uid_validity)
            before = state.read
            for uids in _batches(session, session.uids_after(state.uid), _FETCHED[mailbox.kind]):
                if parts.clock() > visit.deadline - _LAST_BATCH:
                    return _Look(state, is_whole=False)
                state = self._batch(session, mailbox, state, uids)
                parts.states.save(visit.line, state)
        state = state.looked(parts.clock(), found=state.read > before)
        parts.states.save(visit.line, state)
        return _Look(state, is_whole=True)

    def _batch(self, session: ImapSession, mailbox: Mailbox, state: MailboxState, uids: Sequence[int]) -> MailboxState:
        """Recorded first, then flagged or moved, then counted as read: a crash between repeats, and skips nothing."""
        mails = session.mails(uids, limit=_FETCHED[mailbox.kind])
        understood = self._parts.understanding.of(
            mailbox, mails, uid_validity=session.folder.uid_validity, now=self._parts.clock()
        )
        self._parts.recording.record(mailbox, understood)
        matched = [each.uid for each in understood if each.findings]
        _put_away(session, mailbox, matched)
        unmatched = sum(each.unmatched is not None for each in understood)
        _tell(mailbox, understood)
        return state.after(uids[-1], read=len(mails), matched=len(matched), unmatched=unmatched)

    def _failed(self, visit: Visit, error: ImapFault | AddressRefused | OSError) -> MustWait:
        """Waits longer each time; a fault that only other settings can mend waits longest at once."""
        now, states = self._parts.clock(), self._parts.states
        reason = error.detail if isinstance(error, ImapFault | AddressRefused) else str(error) or type(error).__name__
        for_good = isinstance(error, AddressRefused) or (isinstance(error, ImapFault) and error.for_good)
        step = _WAITS[-1] if for_good else _WAITS[min(visit.head.waits, len(_WAITS) - 1)]
        states.save(visit.line, states.get(visit.line).failed(now, reason))
        return MustWait(now + jittered(step, self._parts.draw()), reason)


def _batches(session: ImapSession, uids: Sequence[int], limit: int) -> Iterator[list[int]]:
    """In order, as many as fit into memory together; each of at least one."""
    batch: list[int] = []
    size = 0
    for start in range(0, len(uids), BATCH_MAILS):
        sizes = session.sizes(uids[start : start + BATCH_MAILS])
        for uid in sorted(sizes):
            fetched = min(sizes[uid], limit)
            if batch and (len(batch) == BATCH_MAILS or size + fetched > BATCH_OCTETS):
                yield batch
                batch, size = [], 0
            batch.append(uid)
            size += fetched
    if batch:
        yield batch


def _put_away(session: ImapSession, mailbox: Mailbox, uids: Sequence[int]) -> None:
    if not uids:
        return
    match mailbox.afterwards:
        case Afterwards.SEEN:
            session.mark_seen(uids)
        case Afterwards.MOVE if mailbox.move_to is not None:
            session.move(uids, mailbox.move_to)
        case _:
            pass


def _tell(mailbox: Mailbox, understood: Sequence[Understood]) -> None:
    logger.info(
        "mailbox read",
        mailbox_id=mailbox.id,
        read=len(understood),
        matched=sum(bool(each.findings) for each in understood),
        unmatched=sum(each.unmatched is not None for each in understood),
    )
