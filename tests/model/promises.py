"""What docs/lines.md promises, checked against what can be seen from outside: what callers were told, what the relay
was given, what stands in the table, what the endpoint was told."""

from collections import Counter
from dataclasses import dataclass, field

from shared.aws.attributes import Item
from shared.aws.dynamodb import ItemKey
from shared.clock import MINUTE, SECOND, Clock, Millis
from shared.identifiers import due_at_of
from shared.instance.table import INSTANCE_KEY
from shared.lines.attendance import CLOCK_SKEW
from shared.lines.head import Head
from shared.lines.line import HEAD_SORT_KEY, Line, LineKind, reports_line
from shared.lines.run import LEASE
from shared.messages.model import STATE_SORT_KEY, Mail, Status, mail_key
from shared.reports.events import event_id
from shared.reports.outbox import OutboxPage
from shared.tenants.keys import tenant_key
from shared.tenants.model import Tenant
from tests.model.in_memory_table import InMemoryTable
from tests.model.interleaving import Actor, Violation, current_actor
from tests.model.relay import Relay, Try

MAILS_LOST_TRACK_OF_IN_A_CRASH = 2  # one on the wire, one not yet recorded
_LONGEST_COVER: Millis = 140 * SECOND  # of a dead worker: its deadline and half a minute


class Worker(Actor):
    """An invocation that works one line."""

    def __init__(self, line: Line, started_at: Millis, dies_at: Millis) -> None:
        super().__init__(f"worker of {line.partition}", dies_at)
        self.line = line
        self.started_at = started_at


@dataclass(slots=True)
class Call:
    """A client's submission."""

    mail_ids: tuple[str, ...]
    text: str
    began_at: Millis
    ended_at: Millis | None = None
    accepted_at: dict[str, Millis] = field(default_factory=dict)


class Promises:
    """Told of everything that happens; raises Violation at once, or in `check_*`."""

    def __init__(self, tenant_id: str, clock: Clock) -> None:
        self._tenant_id = tenant_id
        self._clock = clock
        self.calls: list[Call] = []
        self.cancelled: set[str] = set()
        self.inactive_since: Millis | None = None
        self.paused_since: Millis | None = None
        self.suspended: dict[str | None, Millis] = {}  # since when, by batch code; None: everything
        self.crashes: Counter[Line] = Counter()
        self.visits: Counter[Line] = Counter()
        self.rounds = 0
        self.latest_due: Millis = 0  # of any mail that anybody tried to submit
        self.strays = 0  # wake-ups that the test has sent
        self._began_at = clock()
        self.last_crash: dict[Line, Millis] = {}
        self._tried: set[str] = set()
        self._calm_since: Millis = 0
        self._blocked_until: dict[str, Millis] = {}
        self._heads: dict[str, Head] = {}
        self._unblocked_at: dict[str, Millis] = {}
        self._last_look: dict[Actor | None, Millis] = {}  # when each worker visited its line, or tried a mail
        self._violations: list[Violation] = []
        self._reported: dict[str, OutboxPage] = {}
        self._states_written: list[Mail] = []
        self.messages: InMemoryTable
        self.relay: Relay

    def may_be_woken(self, line: Line) -> int:
        """How many wake-ups a line may have had: one for each visit, for each minute without one, for each opening,
        and for each round of the scheduler (two if the line became due again in the middle of it)."""
        minutes = (self._clock() - self._began_at) // MINUTE
        head = self._heads.get(line.partition)
        return 1 + self.visits[line] + minutes + (head.unblocks if head else 0) + 2 * self.rounds + self.strays

    # -- what is told -----------------------------------------------------------------------------------------------

    def crashed(self, worker: Worker) -> None:
        """It was killed, or could not write what it knew."""
        self.crashes[worker.line] += 1
        self.last_crash[worker.line] = self._clock()

    def settings_written(self, key: ItemKey, item: Item | None) -> None:
        """An item of the table `registry`. What is written counts, not what a call was told: of two calls that change
        the same at once, the one that wrote first may end last."""
        now = self._clock()
        if key == tenant_key(self._tenant_id) and item is not None:
            self.inactive_since = None if item.get("active", True) else self.inactive_since or now
            tenant = Tenant.model_validate(item)
            held_back = [*tenant.suspended_batches, *([None] if tenant.suspended else [])]
            self.suspended = {code: self.suspended.get(code, now) for code in held_back}
        elif key == INSTANCE_KEY and item is not None:
            self.paused_since = (self.paused_since or now) if item.get("paused") else None

    def written(self, key: ItemKey, item: Item | None) -> None:
        """An item of the table `messages`."""
        if item is None:
            return
        if key.pk.startswith(("LINE#reports#", "EVENTS#")) and key.sk != HEAD_SORT_KEY:
            page = OutboxPage.from_item(reports_line(self._tenant_id), item)
            self._reported |= dict.fromkeys((each.event.event_id for each in page.events), page)
        elif key.sk == HEAD_SORT_KEY:
            self._head_written(Head.from_item(item), key.pk)
        elif key.sk == STATE_SORT_KEY:
            self._states_written.append(Mail.from_item(item))

    def shown(self, key: ItemKey) -> None:
        """An item of the table `messages`, to somebody whose write met another state: a head that could not be settled
        is gone on with as it stands."""
        if key.sk == HEAD_SORT_KEY and (worker := current_actor()) is not None:
            self._last_look[worker] = self._clock()

    def _head_written(self, head: Head, partition: str) -> None:
        """Nobody blocks a line with knowledge older than its last unblocking."""
        before = self._heads.get(partition)
        self._heads[partition] = head
        worker = current_actor()
        if before is None or head.unblocks > before.unblocks:
            self._unblocked_at[partition] = self._clock()
        elif head.blocked_until not in (None, before.blocked_until):
            if self._last_look.get(worker, 0) < self._unblocked_at.get(partition, 0):
                self._violations.append(Violation(f"{partition} is blocked for a reason from before it was unblocked"))
        elif worker is not None:
            self._last_look[worker] = self._clock()

    def try_began(self, this: Try) -> None:
        """The sender hands a mail to the relay."""
        worker = this.actor
        if not isinstance(worker, Worker):
            raise TypeError("only workers send")
        try:
            self._check_try(this, worker)
        except Violation as violation:  # raised by the test's own next step, not inside of what is tested
            self._violations.append(violation)
        self._tried.add(this.mail_id)
        self._last_look[worker] = self._clock()

    # -- what is checked --------------------------------------------------------------------------------------------

    def check(self) -> None:
        """After each step: nothing was tried against a promise, and every recorded state has its event, or will: the
        event of a mail that was sent at its first try may come later, for as long as its slice stands."""
        if self._violations:
            raise self._violations[0]
        untold = [mail for mail in self._states_written if not self._is_told(mail)]
        for mail in untold:
            if not (mail.status is Status.SENT and mail.attempts == 1 and self._slice_stands(mail)):
                raise Violation(f"{mail.id} was recorded as {mail.status}, and no event says so")
        self._states_written = untold

    def _is_told(self, mail: Mail) -> bool:
        return mail.status is Status.PENDING or event_id(mail, mail.status.value) in self._reported

    def _slice_stands(self, mail: Mail) -> bool:
        return any(item["sk"] == mail.slice_key for item in self.messages.peek(mail.line.partition))

    def check_end(self, acknowledged: set[str]) -> None:
        """Once everything has come to rest."""
        for mail_id in self._accepted():
            mail = self.mail(mail_id)
            if mail is None or mail.status.is_unsent:
                raise Violation(f"{mail_id} was accepted, and is {mail.status if mail else 'gone'}")
        self._check_taken()
        unheard = set(self._reported) - acknowledged
        if unheard:
            pages = {self._reported[each].sort_key for each in unheard}
            raise Violation(f"{len(unheard)} events never reached the tenant, of the pages {sorted(pages)}")

    def calm_begins(self) -> None:
        """Nothing goes wrong from now on; `overdue` counts from here."""
        self._calm_since = self._clock()
        self._blocked_until = {partition: head.blocked_until or 0 for partition, head in self._heads.items()}
        covered = [at + _LONGEST_COVER for at in self.last_crash.values()]
        brought_back = self._calm_since + 2 * MINUTE if self.messages.partitions("SUSPENDED#") else 0
        # A scheduler that died holds up the next one.
        leased = [int(str(item["held_until"])) for item in self.messages.peek(LEASE.pk)]
        self._calm_since = max(self._calm_since, brought_back, *covered, *leased, 0)

    def overdue(self) -> list[str]:
        """The work that should have been done by now: a minute for a lost wake-up, one until the scheduler's next
        round, and a moment."""
        found = []
        for partition in (*self.messages.partitions("LINE#"), *self.messages.partitions("SUSPENDED#")):
            may_begin = max(self._calm_since, self._blocked_until.get(partition, 0))
            for item in self.messages.peek(partition):
                if item["sk"] not in (HEAD_SORT_KEY, LEASE.sk):
                    due_at = max(may_begin, due_at_of(str(item["sk"])))
                    if self._clock() > due_at + 2 * MINUTE + 10 * SECOND:
                        found.append(f"{partition} {item['sk']!s}")
        return found

    def mails_in(self, status: Status) -> list[str]:
        """The mails that were submitted and are in this status."""
        ids = sorted({mail_id for call in self.calls for mail_id in call.mail_ids})
        return [each for each in ids if (mail := self.mail(each)) is not None and mail.status is status]

    def mail(self, mail_id: str) -> Mail | None:
        key = mail_key(self._tenant_id, mail_id)
        found = [item for item in self.messages.peek(key.pk) if item["sk"] == key.sk]
        return Mail.from_item(found[0]) if found else None

    def _check_try(self, this: Try, worker: Worker) -> None:
        mail = self.mail(this.mail_id)
        if mail is None:
            raise Violation(f"{this.mail_id} is tried, but nobody stored it")
        self._check_may_be_tried(mail, worker)
        self._check_order(mail)
        self._check_text(this)

    def _check_may_be_tried(self, mail: Mail, worker: Worker) -> None:
        now = self._clock()
        if mail.id in self.cancelled:
            raise Violation(f"{mail.id} is tried after a confirmed cancel")
        if due_at_of(mail.slice_key) > now + CLOCK_SKEW:
            raise Violation(f"{mail.id} is tried before it is due")
        if now > worker.dies_at:
            raise Violation(f"{mail.id} is tried after its worker's time")
        actors = [each.actor for each in self.relay.under_way]
        others = [each for each in actors if isinstance(each, Worker) and each.is_alive and each is not worker]
        if any(each.line == worker.line for each in others):
            raise Violation(f"two workers are sending for {worker.line.partition}")
        for item in self.messages.peek(worker.line.partition):
            if item["sk"] == HEAD_SORT_KEY and Head.from_item(item).is_blocked(now):
                raise Violation(f"{mail.id} is tried while its line is blocked")
        for what, since in (("inactive", self.inactive_since), ("paused", self.paused_since)):
            if since is not None and worker.started_at > since:
                raise Violation(f"{mail.id} is tried by a worker that began when all was {what}")
        if mail.batch_code is None or not self._slice_survived_a_worker(mail):
            for code, at in self.suspended.items():
                if code in (None, mail.batch_code) and worker.started_at > at:
                    raise Violation(f"{mail.id} is tried by a worker that began when {code or 'all'} was suspended")

    def _lies_in_its_line(self, mail: Mail) -> bool:
        """Else its batch is suspended, and others pass it."""
        return any(item["sk"] == mail.slice_key for item in self.messages.peek(mail.line.partition))

    def _slice_survived_a_worker(self, mail: Mail) -> bool:
        """Only its next worker can tell what the last one sent, so it is finished."""
        items = self.messages.peek(mail.line.partition)
        return any(item["sk"] == mail.slice_key and "crashes" in item for item in items)

    def _check_order(self, mail: Mail) -> None:
        """Nothing that was accepted before `mail` was submitted, and is not due later, may still be untried."""
        if mail.id in self._tried:
            return
        began = self._began()
        for other_id, call in self._accepted().items():
            other = self.mail(other_id)
            if other is None or other.line != mail.line or other_id in self._tried or not other.status.is_unsent:
                continue
            if other_id == mail.id or other.due_at > mail.due_at or not self._lies_in_its_line(other):
                continue
            if max(other.generation, mail.generation) > 1 and other.slice_key > mail.slice_key:
                continue  # a replacement may have given up its place
            if call.accepted_at[other_id] < began[mail.id]:
                raise Violation(f"{mail.id} is tried before {other_id}, which was accepted before it was submitted")
            ids = call.mail_ids
            came_together = call.began_at == began[other_id] == began[mail.id] and mail.slice_key == other.slice_key
            came_together = came_together and mail.generation == other.generation == 1
            if came_together and ids.index(other_id) < ids.index(mail.id):
                raise Violation(f"{mail.id} is tried before {other_id}, which stands before it in the same call")

    def _check_text(self, this: Try) -> None:
        """Nobody was told, before this try, that a later call had replaced the content."""
        calls = [call for call in self.calls if this.mail_id in call.mail_ids]
        replacing = [call.began_at for call in calls if this.mail_id in call.accepted_at and call.text != this.text]
        for call in calls:
            if call.text == this.text and (call.ended_at is None or call.ended_at >= max(replacing, default=0)):
                return
        raise Violation(f"{this.mail_id} is tried with a content that was replaced")

    def _accepted(self) -> dict[str, Call]:
        """The first call that was told so, by mail."""
        accepted: dict[str, Call] = {}
        for call in self.calls:
            for mail_id, at in call.accepted_at.items():
                if mail_id not in accepted or at < accepted[mail_id].accepted_at[mail_id]:
                    accepted[mail_id] = call
        return accepted

    def _began(self) -> dict[str, Millis]:
        began: dict[str, Millis] = {}
        for call in self.calls:
            for mail_id in call.mail_ids:
                began[mail_id] = min(call.began_at, began.get(mail_id, call.began_at))
        return began

    def _check_taken(self) -> None:
        """What the relay took more than once, or against a cancel, is accounted for by crashes and lost answers."""
        allowed: Counter[LineKind] = Counter()  # a mail that is sent again may go to another line of its lane
        for line, crashes in self.crashes.items():
            allowed[line.kind] += MAILS_LOST_TRACK_OF_IN_A_CRASH * crashes
        unsaid = Counter(each.mail_id for each in self.relay.unanswered)
        pages = self._reported.values()
        warned = {each.event.id for page in pages for each in page.events if each.event.possible_duplicate}
        for mail_id, times in Counter(each.mail_id for each in self.relay.taken).items():
            mail = self.mail(mail_id)
            if mail is None:
                raise Violation(f"{mail_id} was sent, and is gone")
            if times > 1 and mail.generation == 1 and mail_id not in warned:
                raise Violation(f"{mail_id} was taken {times} times, and nobody was warned")
            if mail.status is Status.CANCELLED and times > unsaid[mail_id]:
                raise Violation(f"{mail_id} was cancelled, and the relay has taken it")
            allowed[mail.line.kind] -= max(0, times - 1 - unsaid[mail_id])
            if allowed[mail.line.kind] < 0:
                raise Violation(f"{mail_id} was sent {times} times: more repetitions than crashes account for")
