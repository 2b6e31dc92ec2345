"""The whole mail proxy over fake services, moved by a test: clients, the tenant's relay and endpoint, Lambda, SQS.

Real: all of shared/lines, shared/messages, shared/reports, and shared/delivery down to the sessions. Each method is one
thing that can happen; `calm` stops everything that goes wrong and says whether the promises were kept.
"""

import json
import random
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from shared.accounts.counters import CounterTable
from shared.accounts.health import HealthTable
from shared.accounts.model import AccountSettings, TlsMode
from shared.accounts.oauth.endpoint import TokenEndpoint
from shared.accounts.oauth.token_table import TokenTable
from shared.accounts.oauth.tokens import AccessTokens
from shared.accounts.table import AccountTable
from shared.attachments.fetching import Fetcher
from shared.attachments.origins import Origins
from shared.audit.log import AuditLog
from shared.aws.attributes import Item
from shared.aws.envelopes import EnvelopeSealer
from shared.aws.kms import SecretSealer
from shared.aws.s3 import Bucket
from shared.aws.threads import in_thread
from shared.clock import DAY, MINUTE, SECOND, Millis, iso8601
from shared.delivery.authentication import CredentialsReader
from shared.delivery.health_watch import HealthWatch
from shared.delivery.jobs import JobLoader
from shared.delivery.sender import Sender, SenderParts
from shared.delivery.standing import StandingReader
from shared.delivery.tokens import MailTokens
from shared.errors import Conflict, NotFound, StorageError
from shared.instance.model import Instance, RetryPolicy
from shared.instance.table import InstanceTable
from shared.limits.state import LimitTable
from shared.lines.attendance import Attendant, Disposition
from shared.lines.chores import Chore, Chores
from shared.lines.head import Heads
from shared.lines.line import HEAD_SORT_KEY, WOKEN, LineKind, account_line, account_lines, reports_line
from shared.lines.lines import Lines
from shared.lines.resumption import Resumption
from shared.lines.run import LEASE, Lease, Run
from shared.lines.scheduler import Scheduler
from shared.lines.wakeups import WakeUp, WakeUps, decode
from shared.messages.cancellation import Cancellation
from shared.messages.intake import Intake
from shared.messages.model import Priority, Status
from shared.messages.payloads import PayloadStore
from shared.messages.retrying import Retrying
from shared.messages.set_aside import SuspendedSlices
from shared.messages.slices import SliceTable
from shared.messages.suspension import Pause, Suspensions
from shared.messages.table import MailTable
from shared.outgoing.guard import Guard
from shared.reports.outbox import Outbox
from shared.reports.reporter import Reporter, ReporterParts
from shared.reports.retention import Retention
from shared.reports.sync_table import SyncRequests, SyncTable
from shared.storages.allowed import AllowedBuckets
from shared.storages.table import StorageTable
from shared.suppression.table import SuppressionTable
from shared.tenants.model import TenantSettings
from shared.tenants.signing import SigningTable
from shared.tenants.table import TenantTable
from tests.model.in_memory_queue import InMemoryQueue
from tests.model.in_memory_table import MESSAGES_INDEXES, REGISTRY_INDEXES, InMemoryTable
from tests.model.interleaving import Actor, Fault, Interleaving, Violation
from tests.model.promises import Call, Promises, Worker
from tests.model.relay import Endpoint, ModelPool, Relay
from tests.unit.clock import NOON, SettableClock
from tests.unit.shared.lines.lane import RoundsInTurn

TENANT = "acme"
ACCOUNT = "main"
RETRY = RetryPolicy(schedule_seconds=[60, 300])

API_TIME: Millis = 29 * SECOND
WORKER_TIME: Millis = 120 * SECOND
SCHEDULER_TIME: Millis = 55 * SECOND
RESERVE: Millis = 10 * SECOND  # as functions/mapping.py
VISIBILITY: Millis = 240 * SECOND  # as infra/constructs/line.py
REST: Millis = 7 * MINUTE  # after the last work: an announcement's grace, and a look or two
WATCHED: Millis = 5 * MINUTE  # a line at rest


type HowFar = int | str | None


class _OpenSecrets(SecretSealer):
    def __init__(self) -> None:
        """Nobody looks for them here."""

    def seal(self, secret: str, *, tenant: str, owner: str) -> bytes:
        return secret.encode()

    def open(self, sealed: bytes, *, tenant: str, owner: str) -> str:
        return sealed.decode()


class _NoBucket(Bucket):
    def __init__(self) -> None:
        """No content is that large."""


class World:
    """One tenant with one account, and nothing submitted yet."""

    def __init__(self, seed: int = 0) -> None:
        self.clock = SettableClock(NOON)
        self.play = Interleaving(self.clock)
        self.promises = Promises(TENANT, self.clock)
        self.relay = Relay(self.play, self.promises.try_began)
        self.endpoint = Endpoint(self.play)
        self.registry = InMemoryTable("registry", REGISTRY_INDEXES, self.play.call, self.promises.settings_written)
        self.messages = InMemoryTable("messages", MESSAGES_INDEXES, self.play.call, self.promises.written)
        self.messages.shown = self.promises.shown
        self.messages.others["registry"] = self.registry
        self.promises.messages, self.promises.relay = self.messages, self.relay
        self._generations: list[Run] = []
        self.queues = {kind: InMemoryQueue(kind.value, self.clock, self.play.call) for kind in WOKEN}
        self._draw = random.Random(seed).random
        self._build()
        self._tenants.create(TENANT, self._tenant_settings(active=True))
        self._accounts.put(TENANT, ACCOUNT, _account_settings(1))
        InstanceTable(self.registry).put(Instance(retry=RETRY))

    def _build(self) -> None:
        clock, messages = self.clock, self.messages
        heads, wake_ups, sealer = Heads(messages), WakeUps(self.queues), _OpenSecrets()
        self._wake_ups = wake_ups
        mails, slices, payloads = MailTable(messages), SliceTable(messages), PayloadStore(messages, _NoBucket())
        self._lines = Lines(heads, wake_ups, clock)
        self._tenants = TenantTable(self.registry, sealer, clock)
        self._accounts = AccountTable(self.registry, sealer, clock)
        self._instance = InstanceTable(self.registry)
        self._sync_requests = SyncRequests(SyncTable(messages), self._lines, clock)
        self._intake = Intake(
            messages=messages,
            mails=mails,
            payloads=payloads,
            accounts=self._accounts,
            lines=self._lines,
            clock=clock,
        )
        self._cancellation = Cancellation(messages=messages, mails=mails, slices=slices, lines=self._lines, clock=clock)
        self._retrying = Retrying(
            messages=messages, mails=mails, accounts=self._accounts, lines=self._lines, clock=clock
        )
        aside = SuspendedSlices(registry=self.registry, messages=messages, lines=self._lines, clock=clock)
        self._suspensions = Suspensions(
            tenants=self._tenants, accounts=self._accounts, aside=aside, lines=self._lines, clock=clock
        )
        self._pause = Pause(instance=self._instance, lines=self._lines, clock=clock)
        chores: dict[LineKind, Chore] = {
            LineKind.ACTIVATION: aside.finish_activation,
            LineKind.RESUMPTION: Resumption(heads, self._lines, clock).open_lines,
        }
        self._scheduler = Scheduler(
            rounds=RoundsInTurn(heads, wake_ups, clock),
            chores=Chores(heads, chores, clock),
            lease=Lease(messages),
            go_on=self._generations.append,
            clock=clock,
            new_id=lambda: f"run {self._draw()}",
        )
        self._attendant = Attendant(heads, wake_ups, clock)
        sender = Sender(
            SenderParts(
                messages=messages,
                slices=slices,
                jobs=JobLoader(messages=messages, mails=mails, payloads=payloads),
                standing=StandingReader(registry=self.registry, credentials=self._credentials(sealer)),
                limits=LimitTable(messages),
                suppressions=SuppressionTable(self.registry, clock),
                aside=aside,
                outbox=Outbox(messages),
                lines=self._lines,
                health=HealthWatch(HealthTable(messages), self._lines, clock),
                counters=CounterTable(messages),
                pool=ModelPool(self.relay),
                tokens=MailTokens("a key of the instance that is long enough"),
                attachments=Fetcher(
                    Origins(
                        tenants=self._tenants,
                        storages=StorageTable(self.registry, sealer, AllowedBuckets(()), clock),
                        uploads=_NoBucket(),
                        allowed=AllowedBuckets(()),
                        guard=Guard(()),
                        region="eu-central-1",
                        clock=clock,
                    )
                ),
                clock=clock,
                draw=self._draw,
                pause=self.play.sleep,
            )
        )
        reporter = Reporter(
            ReporterParts(
                registry=self.registry,
                tenants=self._tenants,
                signing=SigningTable(self.registry, sealer, clock),
                syncs=SyncTable(messages),
                outbox=Outbox(messages),
                retention=Retention(messages),
                lines=self._lines,
                audit=AuditLog(self.registry, self._instance, clock),
                http=self.endpoint,
                clock=clock,
                draw=self._draw,
            )
        )
        self._work = dict.fromkeys(WOKEN, sender.work) | {LineKind.REPORTS: reporter.work}

    def _credentials(self, sealer: SecretSealer) -> CredentialsReader:
        tokens = AccessTokens(
            accounts=self._accounts,
            table=TokenTable(self.messages, EnvelopeSealer(sealer), self.clock),
            endpoint=TokenEndpoint(Guard(frozenset())),
            clock=self.clock,
            pause=self.play.sleep,
        )
        return CredentialsReader(accounts=self._accounts, tokens=tokens)

    @staticmethod
    def _tenant_settings(*, active: bool) -> TenantSettings:
        return TenantSettings(active=active, default_account=ACCOUNT, client_base_url="https://client.example")

    @property
    def actors(self) -> list[Actor]:
        return self.play.actors

    # -- what clients do --------------------------------------------------------------------------------------------

    def submit(
        self,
        mail_ids: Sequence[str],
        *,
        text: str = "one",
        priority: Priority = Priority.LOW,
        delay: Millis = 0,
        batch_code: str | None = None,
    ) -> Actor:
        """A call of the API; the actor has not done anything yet."""
        call = Call(tuple(mail_ids), text, self.clock())
        when: dict[str, object] = {"send_at": iso8601(self.clock() + delay)} if delay else {}
        batch: dict[str, object] = {"batch_code": batch_code} if batch_code else {}
        entries = [_entry(mail_id, text, priority) | when | batch for mail_id in mail_ids]

        async def work() -> None:
            try:
                tenant = await in_thread(self._tenants.get, TENANT)
                if not tenant.active:
                    return
                instance = await in_thread(self._instance.get)
                result = await in_thread(self._intake.accept, tenant, instance, entries, None)
                call.accepted_at = {each.id: self.clock() for each in result.accepted}
            finally:
                call.ended_at = self.clock()

        self.promises.calls.append(call)
        self.promises.latest_due = max(self.promises.latest_due, self.clock() + delay)
        return self._call_api(f"submission of {', '.join(mail_ids)}", work)

    def cancel(self, mail_id: str) -> Actor:
        async def work() -> None:
            try:
                await in_thread(self._cancellation.cancel, TENANT, mail_id)
            except (Conflict, NotFound):
                return
            self.promises.cancelled.add(mail_id)

        return self._call_api(f"cancelling of {mail_id}", work)

    def retry(self, mail_id: str) -> Actor:
        """A failed mail is sent again."""

        async def work() -> None:
            try:
                await in_thread(self._retrying.retry, TENANT, mail_id)
            except NotFound:
                return

        return self._call_api(f"retrying of {mail_id}", work)

    def mend_account(self, parallelism: int = 1) -> Actor:
        """The account is put again, which opens its lines. At most two, which the test watches."""

        async def work() -> None:
            account, _ = await in_thread(self._accounts.put, TENANT, ACCOUNT, _account_settings(parallelism))
            await in_thread(self._lines.unblock, account.lines)

        return self._call_api("mending of the account", work)

    def switch_tenant(self, *, active: bool) -> Actor:
        """As functions/api/routes/tenants.py does it."""

        async def work() -> None:
            before = await in_thread(self._tenants.get, TENANT)
            await in_thread(self._tenants.replace, before, self._tenant_settings(active=active))
            await in_thread(self._sync_requests.request, TENANT, own=False)
            if active:
                for account in await in_thread(self._accounts.all, TENANT):
                    await in_thread(self._lines.unblock, account.lines)

        return self._call_api(f"switching the tenant {'on' if active else 'off'}", work)

    def suspend(self, batch_code: str | None) -> Actor:
        """A batch, or everything."""

        async def work() -> None:
            await in_thread(self._suspensions.suspend, TENANT, batch_code)

        return self._call_api(f"suspending of {batch_code or 'everything'}", work)

    def activate(self, batch_code: str | None) -> Actor:
        """A batch, or everything."""

        async def work() -> None:
            await in_thread(lambda: self._suspensions.activate(TENANT, batch_code, within=20 * SECOND))

        return self._call_api(f"activating of {batch_code or 'everything'}", work)

    def pause(self, *, paused: bool) -> Actor:
        """The whole instance."""

        async def work() -> None:
            if paused:
                await in_thread(self._pause.pause)
            else:
                await in_thread(self._pause.resume)

        return self._call_api("pausing" if paused else "resuming", work)

    def _call_api(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> Actor:
        async def call() -> None:
            try:
                await work()
            except (StorageError, Conflict):
                return  # 503 or 409: the client knows nothing

        return self._start(Actor(name, self.clock() + API_TIME), call())

    def failed(self) -> list[str]:
        """The mails that could be retried."""
        return self.promises.mails_in(Status.ERROR)

    # -- what AWS does ----------------------------------------------------------------------------------------------

    def make_round(self) -> Actor:
        """The scheduler's minute; or the next generation of a run that is to go on."""
        continued = self._generations.pop() if self._generations else None

        async def work() -> None:
            deadline = self.clock() + SCHEDULER_TIME - 5 * SECOND
            try:
                await in_thread(lambda: self._scheduler.run(continued, deadline=deadline))
            except StorageError:
                return  # EventBridge Scheduler calls again

        self.promises.rounds += 1
        return self._start(Actor("round", self.clock() + SCHEDULER_TIME), work())

    def deliver(self, kind: LineKind, *, late: Millis = 0) -> Worker | None:
        """Lambda's polling receives a wake-up and invokes the worker, `late` when it is throttled."""
        queue = self.queues[kind]
        received = queue.receive(VISIBILITY)
        if received is None or received.receipt is None:
            return None
        line, receipt = decode(json.dumps(received.message.body)), received.receipt
        worker = Worker(line, self.clock() + late, self.clock() + late + WORKER_TIME)

        async def invocation() -> None:
            if late:
                await self.play.sleep(late)
            deadline = self.clock() + WORKER_TIME - RESERVE
            try:
                disposition = await self._attendant.attend(
                    WakeUp(line, receipt), self._work[line.kind], deadline=deadline
                )
            except StorageError:
                self.promises.crashed(worker)
                return
            if disposition is Disposition.ACKNOWLEDGE:
                queue.delete(receipt)

        self.promises.visits[line] += 1
        self.play.start(worker, invocation(), at_once=late > 0)
        return worker

    def receivable(self) -> list[LineKind]:
        """The queues in which a wake-up waits to be received."""
        return [kind for kind, queue in self.queues.items() if queue.has_receivable()]

    def lose_wake_up(self, kind: LineKind) -> None:
        """SQS forgets one that nobody has received."""
        queue = self.queues[kind]
        waiting = [each for each in queue.messages if each.visible_at <= self.clock()]
        if waiting:
            queue.messages.remove(waiting[0])

    def lose_wake_ups(self) -> None:
        """SQS forgets all that nobody has received."""
        for queue in self.queues.values():
            queue.messages = [each for each in queue.messages if each.visible_at > self.clock()]

    def stray_wake_up(self, kind: LineKind) -> None:
        """One that nobody needs."""
        line = reports_line(TENANT) if kind is LineKind.REPORTS else account_line(kind, TENANT, ACCOUNT)
        self.promises.strays += 1
        self._wake_ups.send(line)

    def double_wake_up(self, kind: LineKind) -> None:
        queue = self.queues[kind]
        if queue.messages:
            self.promises.strays += 1
            queue.send(queue.messages[0].message)

    def pass_time(self, duration: Millis) -> None:
        for late in self.play.pass_time(duration):
            self._note_end(late)
        self.promises.check()
        for line in (*account_lines(TENANT, ACCOUNT, parts=2), reports_line(TENANT)):
            sent = self.queues[line.kind].sent[line.message_group]
            if sent > self.promises.may_be_woken(line):
                raise Violation(f"{line.partition} was woken {sent} times: they multiply")

    # -- what goes on, and wrong ------------------------------------------------------------------------------------

    def go_on(self, actor: Actor, how_far: HowFar = None, *, latest_first: bool = False) -> None:
        """Lets the actor make so many calls, or at least one and all before the next of that name, or all."""
        if how_far is None:
            self.play.run_to_end(actor)
        calls = 0
        while not actor.is_done and calls != how_far and not (calls and actor.is_before(how_far)):
            self.play.step(actor, latest_first=latest_first)
            self.promises.check()
            calls += 1
        self.pass_time(0)

    def kill(self, actor: Actor) -> None:
        if not actor.is_done:
            self.play.kill(actor)
            self._note_end(actor)

    def break_next_call(self, actor: Actor, fault: Fault) -> None:
        actor.next_fault = fault

    def _note_end(self, actor: Actor) -> None:
        if isinstance(actor, Worker):
            self.promises.crashed(actor)

    def _start[A: Actor](self, actor: A, work: Coroutine[Any, Any, None]) -> A:
        self.play.start(actor, work)
        return actor

    # -- the end ----------------------------------------------------------------------------------------------------

    def calm(self) -> None:
        """From here on nothing goes wrong: everything must come to its end in time, and then to rest."""
        self.relay.reactions.clear()
        self.endpoint.failures = 0
        self.messages.catch_up()
        for actor in list(self.actors):
            actor.next_fault = None
            self.go_on(actor)
        for last in (self.switch_tenant(active=True), self.activate(None), self.pause(paused=False)):
            self.go_on(last)
        self.promises.calm_begins()
        while self._work_left():
            self._minute()
            if overdue := self.promises.overdue():
                raise Violation(f"nobody comes for {overdue}")
        # What was announced for later, and never came, is looked for when it would have been due.
        rested_by = max(self.clock(), self.promises.latest_due) + REST
        while self._restless():
            if self.clock() > rested_by:
                raise Violation(f"a line does not come to rest: {self._restless()}")
            self._minute()
        end = self.clock() + WATCHED
        while self.clock() < end:
            self._minute()
            if self._restless():
                raise Violation(f"an idle line was woken: {self._restless()}")
        self.promises.check_end({event.event_id for event in self.endpoint.events})

    def _minute(self) -> None:
        """One round, every wake-up worked as soon as it can be received, and the minutes in which nothing is due."""
        end = self.clock() + MINUTE
        self.go_on(self.make_round())
        while True:
            for kind in WOKEN:
                while (worker := self.deliver(kind)) is not None:
                    self.go_on(worker)
            if self.clock() >= end:
                due = min(self._due_soon().values(), default=0)
                self.pass_time(max(0, due - self.clock()) // MINUTE * MINUTE)
                return
            held = [each.visible_at for queue in self.queues.values() for each in queue.messages]
            self.pass_time(min([end, *(each for each in held if each > self.clock())]) - self.clock())

    def _work_left(self) -> bool:
        partitions = self.messages.partitions("LINE#") + self.messages.partitions("SUSPENDED#")
        items = [item for each in partitions for item in self.messages.peek(each)]
        return any(item["sk"] not in (HEAD_SORT_KEY, LEASE.sk) for item in items)

    def _restless(self) -> list[str]:
        """The lines that are due, or have a wake-up."""
        return [f"{partition} due" for partition in self._due_soon()] + [
            f"{kind} woken" for kind, queue in self.queues.items() if queue.messages
        ]

    def _due_soon(self) -> dict[str, Millis]:
        """When each line is looked at next. That whose endpoint wants no call for a week, unless for events, rests."""
        due = {str(head["pk"]): int(str(head["wake_at"])) for head in self._heads() if "wake_at" in head}
        return {partition: wake_at for partition, wake_at in due.items() if wake_at < self.clock() + DAY}

    def _heads(self) -> list[Item]:
        partitions = self.messages.partitions("LINE#")
        return [item for each in partitions for item in self.messages.peek(each) if item["sk"] == HEAD_SORT_KEY]

    def close(self) -> None:
        self.play.close()


def _account_settings(parallelism: int) -> AccountSettings:
    return AccountSettings(host="relay.example", port=25, tls=TlsMode.NONE, parallelism=parallelism)


def _entry(mail_id: str, text: str, priority: Priority) -> dict[str, object]:
    return {
        "id": mail_id,
        "from": "sender@acme.example",
        "to": f"{mail_id}@client.example",
        "text": text,
        "priority": priority.value,
    }
