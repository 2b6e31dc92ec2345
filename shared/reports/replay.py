"""Pushing events of the log again: as many as there is time for at once, the rest by the scheduler, round after round.

A replay is work of the tenant's replay line, so that nothing of it is stranded when who began it dies. It writes pages
of the outbox, at most `PORTION` events a round and none while the tenant's endpoint is behind: what happens meanwhile
never waits for the whole of a replay. A crash, or two at once, push some events once more than was asked for.
"""

from dataclasses import dataclass, replace

from pydantic import TypeAdapter

from shared.aws.attributes import Item
from shared.aws.dynamodb import Attr, ItemKey, Key, Table, Update
from shared.clock import DAY, MINUTE, Clock, Millis, ttl_seconds
from shared.errors import ConditionFailed, Conflict
from shared.identifiers import due_key, new_ulid
from shared.lines.line import ANNOUNCE_REPORTS_EVERY, HEAD_SORT_KEY, Line, replay_line, reports_line
from shared.lines.lines import Lines
from shared.observability import logger
from shared.reports.events import ReportEvent
from shared.reports.log import EventLog, LoggedPage
from shared.reports.outbox import Outbox
from shared.reports.pulling import BEGINNING, place_at

MAX_IDS = 1_000
MAX_WAITING = 10  # replays of a tenant
PORTION = 20_000  # events a round, or call
BEHIND: Millis = 2 * MINUTE  # so old an event that is due says that the endpoint does not keep up, or is down
_KEPT: Millis = 30 * DAY  # a replay that cannot go on for so long is given up

_IDS = TypeAdapter(frozenset[str])


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was recorded from `since` on and before `until`; with `ids` only events of these messages or event ids."""

    since: Millis | None
    until: Millis
    ids: frozenset[str] | None = None

    def picks(self, event: ReportEvent) -> bool:
        return self.ids is None or event.id in self.ids or event.event_id in self.ids


@dataclass(frozen=True, slots=True)
class Begun:
    """How many events are pushed again by now; `complete` when those are all."""

    events: int
    complete: bool


@dataclass(frozen=True, slots=True)
class _Replay:
    """`place`: how far the log was read."""

    key: ItemKey
    wanted: Wanted
    place: str

    def to_item(self, expires_at: Millis) -> Item:
        item = self.key.item | {"until": self.wanted.until, "place": self.place, "ttl": ttl_seconds(expires_at)}
        if self.wanted.ids is not None:
            item["ids"] = _IDS.dump_json(self.wanted.ids).decode()
        return item

    @classmethod
    def from_item(cls, item: Item) -> "_Replay":
        """Where it began is of no use any more."""
        ids = _IDS.validate_json(str(item["ids"])) if "ids" in item else None
        return cls(ItemKey.of(item), Wanted(None, int(str(item["until"])), ids), str(item["place"]))


class Replays:
    """Raises StorageUnavailable when DynamoDB cannot be reached: what was begun goes on all the same."""

    def __init__(self, messages: Table, lines: Lines, clock: Clock, *, portion: int = PORTION) -> None:
        self._messages = messages
        self._portion = portion
        self._outbox = Outbox(messages)
        self._log = EventLog(messages)
        self._lines = lines
        self._clock = clock

    def begin(self, tenant_id: str, wanted: Wanted, *, within: Millis) -> Begun:
        """Pushes again what it reaches within that time. Raises Conflict when too many replays wait already."""
        line, now = replay_line(tenant_id), self._clock()
        if len(self._waiting(line, limit=MAX_WAITING)) == MAX_WAITING:
            reason = f"{MAX_WAITING} replays of tenant {tenant_id} are not finished: wait for one"
            raise Conflict(reason, code="too_many_replays")
        self._lines.announce(line, now)
        place = BEGINNING if wanted.since is None else place_at(wanted.since)
        begun = _Replay(line.work_key(due_key(now, new_ulid(now))), wanted, place)
        self._messages.put(begun.to_item(now + _KEPT))
        return self._go_on(tenant_id, begun, self._portion, deadline=now + within)

    def go_on(self, line: Line, deadline: Millis) -> bool:
        """The scheduler's part: whether every replay of the tenant is done."""
        room = self._portion
        for waiting in self._waiting(line, limit=MAX_WAITING + 1):
            done = self._go_on(line.tenant_id, waiting, room, deadline=deadline)
            room -= done.events
            if not done.complete:
                return False
        return True

    def _waiting(self, line: Line, *, limit: int) -> list[_Replay]:
        condition = Key("pk").eq(line.partition) & Key("sk").lt(HEAD_SORT_KEY)
        return [_Replay.from_item(item) for item in self._messages.query(condition, limit=limit).items]

    def _go_on(self, tenant_id: str, begun: _Replay, portion: int, *, deadline: Millis) -> Begun:
        if self._is_behind(tenant_id):
            return Begun(0, complete=False)
        pages = _Pages(tenant_id, self._outbox, self._lines, self._clock)
        known = begun
        try:
            for page in self._log.walk(tenant_id, begun.place):
                if page.due_at >= begun.wanted.until:
                    break
                if pages.written >= portion or self._clock() >= deadline:
                    self._note(known, begun.place)
                    return Begun(pages.written, complete=False)
                begun = replace(begun, place=page.sort_key)
                if pages.write(page, begun.wanted):
                    known = self._note(known, begun.place)
            self._messages.delete(begun.key)
        except ConditionFailed:
            return Begun(pages.written, complete=False)  # another goes on with it
        finally:
            pages.close()
        logger.info("replayed", tenant_id=tenant_id, events=pages.written)
        return Begun(pages.written, complete=True)

    def _note(self, known: _Replay, place: str) -> _Replay:
        """Raises ConditionFailed when somebody else came further meanwhile, or to the end."""
        self._messages.update(Update(known.key, set={"place": place}, condition=Attr("place").eq(known.place)))
        return replace(known, place=place)

    def _is_behind(self, tenant_id: str) -> bool:
        oldest = self._outbox.first(reports_line(tenant_id), limit=1)
        return any(page.due_at < self._clock() - BEHIND for page in oldest)


class _Pages:
    """Writes events of the log into the outbox again. The line is announced before, anew while that may be forgotten,
    and woken at the end.
    """

    def __init__(self, tenant_id: str, outbox: Outbox, lines: Lines, clock: Clock) -> None:
        self._tenant_id = tenant_id
        self._line = reports_line(tenant_id)
        self._outbox = outbox
        self._lines = lines
        self._clock = clock
        self._announced_at: Millis | None = None
        self.written = 0

    def write(self, page: LoggedPage, wanted: Wanted) -> bool:
        """Whether there was anything wanted in it."""
        events = [each.event for each in page.events if wanted.picks(each.event)]
        if not events:
            return False
        now = self._clock()
        if self._announced_at is None or now - self._announced_at >= ANNOUNCE_REPORTS_EVERY:
            self._lines.announce(self._line, now)
            self._announced_at = now
        self._outbox.write(self._tenant_id, events, now, replayed=True)
        self.written += len(events)
        return True

    def close(self) -> None:
        """Tells the reporter."""
        if self.written:
            self._lines.wake(self._line)
