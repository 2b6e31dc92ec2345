"""Drives the proxy's real workers as AWS does, in one process and with a clock that is told the time.

`System` is everything around one registry and one messages table. `Driver` plays the event source mappings (a wake-up
received, worked, deleted or left), the visibility of what was given back, and the scheduler's round each minute.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Protocol

from functions.mailbox import handler as mailbox
from functions.reporter import handler as reporter
from functions.scheduler.handler import scheduler_of
from functions.sender import handler as sender
from shared.accounts.model import AccountSettings
from shared.accounts.table import AccountTable
from shared.aws import clients
from shared.aws.dynamodb import ItemKey, Key, Table
from shared.aws.kms import SecretSealer
from shared.aws.s3 import Bucket
from shared.aws.sqs import FifoQueue
from shared.clock import HOUR, MINUTE, SECOND, Millis
from shared.delivery.sender import Sender, SenderParts
from shared.instance.model import Instance, RetryPolicy
from shared.instance.table import InstanceTable
from shared.lines.attendance import Attendant, Disposition, Work
from shared.lines.head import Head, Heads
from shared.lines.line import DUE_SHARDS, HEAD_SORT_KEY, WOKEN, Line, LineKind, reports_line
from shared.lines.lines import Lines
from shared.lines.run import Run
from shared.lines.scheduler import RunResult
from shared.lines.wakeups import WakeUp, WakeUps, decode
from shared.mailboxes.poller import Poller
from shared.mailboxes.table import MailboxTable
from shared.messages.cancellation import Cancellation
from shared.messages.intake import Intake, IntakeResult
from shared.messages.model import Mail
from shared.messages.payloads import PayloadStore
from shared.messages.slices import Slice, SliceTable
from shared.messages.table import MailTable
from shared.outgoing.guard import Guard
from shared.reports.events import ReportEvent
from shared.reports.outbox import Outbox, OutboxPage
from shared.reports.reporter import Reporter
from shared.settings import PollerSettings, ReporterSettings, SenderSettings
from shared.suppression.table import SuppressionTable
from shared.tenants.model import TenantSettings
from shared.tenants.table import TenantTable
from tests import boto
from tests.unit.clock import SettableClock
from tests.unit.moto_wire import observed

TENANT, ACCOUNT = "acme", "main"
WORKING_TIME: Millis = 110 * SECOND
LOCAL = Guard(["127.0.0.1", "localhost"])
_FOREVER: Millis = 2**52
_LONG_ENOUGH = HOUR // SECOND  # SQS's own clock runs in real time, and the driver ends holds by itself


class Relay(Protocol):
    """Where an account connects to."""

    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int: ...


class System:
    """The proxy's parts around one set of tables and queues."""

    def __init__(
        self,
        registry: Table,
        messages: Table,
        queue_urls: Mapping[LineKind, str],
        kms_key_id: str,
        bucket: Bucket,
        clock: SettableClock,
    ) -> None:
        self.registry, self.messages, self.queue_urls, self.clock = registry, messages, dict(queue_urls), clock
        self.bucket = bucket
        self.wake_ups = HeldWakeUps({kind: FifoQueue(clients.sqs(), url) for kind, url in queue_urls.items()}, clock)
        self.heads = Heads(messages)
        self.lines = Lines(self.heads, self.wake_ups, clock)
        sealer = SecretSealer(clients.kms(), kms_key_id, clock)
        self.accounts = AccountTable(registry, sealer, clock)
        self.mailboxes = MailboxTable(registry, sealer, clock)
        self.tenants = TenantTable(registry, sealer, clock)
        self.instances = InstanceTable(registry)
        self.suppressions = SuppressionTable(registry, clock)
        self.mails = MailTable(messages)
        self.slices = SliceTable(messages)
        self.outbox = Outbox(messages)
        self.payloads = PayloadStore(messages, bucket)
        self.intake = Intake(
            messages=messages,
            mails=self.mails,
            payloads=self.payloads,
            accounts=self.accounts,
            lines=self.lines,
            clock=clock,
        )
        self.cancellation = Cancellation(
            messages=messages, mails=self.mails, slices=self.slices, lines=self.lines, clock=clock
        )
        urls = {f"lane_{kind.value}_queue_url": url for kind, url in queue_urls.items() if kind is not LineKind.REPORTS}
        known: dict[str, Any] = urls | {
            "reports_queue_url": queue_urls[LineKind.REPORTS],
            "mailboxes_queue_url": queue_urls[LineKind.MAILBOX],
            "registry_table": registry.name,
            "messages_table": messages.name,
            "kms_key_id": kms_key_id,
            "payloads_bucket": bucket.name,
            "outgoing_allowed_hosts": "127.0.0.1,localhost",
            "instance_key_secret_id": boto.secrets_manager().create_secret(Name="key", SecretString="k" * 32)["ARN"],
            "lane": LineKind.MEDIUM,
        }
        self.sender_settings = SenderSettings.model_validate(known)
        self.reporter_settings = ReporterSettings.model_validate(known)
        self.poller_settings = PollerSettings.model_validate(known)
        self.change_instance(schedule_seconds=[60, 300, 900], max_age_seconds=86_400)

    # -- what a tenant does -----------------------------------------------------------------------------------------

    def add_tenant(self, tenant_id: str = TENANT, **settings: Any) -> None:
        self.tenants.create(tenant_id, TenantSettings(**settings))

    def change_tenant(self, tenant_id: str = TENANT, **settings: Any) -> None:
        tenant = self.tenants.get(tenant_id)
        self.tenants.replace(tenant, self.tenants.settings_of(tenant).model_copy(update=settings))

    def change_instance(self, **retry: Any) -> None:
        self.instance = Instance(retry=RetryPolicy(**retry))
        self.instances.put(self.instance)

    def add_account(self, relay: Relay, account_id: str = ACCOUNT, **settings: Any) -> None:
        """An account at a local relay; or, again, what is known of it now."""
        fields = {"host": relay.host, "port": relay.port, "tls": "none"} | settings
        self.accounts.put(TENANT, account_id, AccountSettings.model_validate(fields))

    def unblock_account(self, account_id: str = ACCOUNT) -> None:
        self.lines.unblock(self.accounts.get(TENANT, account_id).lines)

    def submit(self, *entries: Mapping[str, object], tenant_id: str = TENANT) -> IntakeResult:
        """Each entry with what every mail needs, where it does not say otherwise."""
        full = [
            {
                "from": "Shop <shop@example.org>",
                "to": ["anna@example.net"],
                "subject": entry.get("id"),
                "text": "Good morning",
                "account_id": ACCOUNT,
            }
            | dict(entry)
            for entry in entries
        ]
        result = self.intake.accept(self.tenants.get(tenant_id), self.instance, full, None)
        assert not result.rejected, result.rejected
        return result

    # -- what there is to see ---------------------------------------------------------------------------------------

    def mail(self, mail_id: str) -> Mail:
        return self.mails.get(TENANT, mail_id)

    def statuses(self) -> dict[str, str]:
        ids = [str(item["pk"]).split("#", 2)[2] for item in self._by_tenant()]
        return {mail.id: mail.status.value for mail in self.mails.get_many(TENANT, ids).values()}

    def _by_tenant(self) -> list[dict[str, Any]]:
        return list(self.messages.query_all(Key("by_tenant_pk").eq(TENANT), index="by_tenant"))

    def slices_of(self, line: Line) -> list[Slice]:
        condition = Key("pk").eq(line.partition) & Key("sk").lt(HEAD_SORT_KEY)
        return [Slice.from_item(line, item) for item in self.messages.query_all(condition)]

    def head_of(self, line: Line) -> Head:
        return Head.from_item(self.messages.get(line.head_key) or {})

    def pages(self, tenant_id: str = TENANT) -> list[OutboxPage]:
        """What is not acknowledged yet."""
        line = reports_line(tenant_id)
        condition = Key("pk").eq(line.partition) & Key("sk").lt(HEAD_SORT_KEY)
        return [OutboxPage.from_item(line, item) for item in self.messages.query_all(condition)]

    def events(self, tenant_id: str = TENANT) -> list[ReportEvent]:
        """Of mails, not acknowledged yet."""
        events = [pushed.event for page in self.pages(tenant_id) for pushed in page.events]
        return [event for event in events if event.id is not None]

    def logged_events(self, tenant_id: str = TENANT) -> list[ReportEvent]:
        """What was acknowledged."""
        line = reports_line(tenant_id)
        items = self.messages.query_all(Key("pk").eq(f"EVENTS#{tenant_id}"))
        return [pushed.event for item in items for pushed in OutboxPage.from_item(line, item).events]


class HeldWakeUps(WakeUps):
    """Wake-ups whose holds end by the clock of the test."""

    def __init__(self, queues: Mapping[LineKind, FifoQueue], clock: SettableClock) -> None:
        super().__init__(queues)
        self._clock = clock
        self.held: dict[WakeUp, Millis] = {}

    def hold(self, wake_up: WakeUp, duration: Millis) -> None:
        super().hold(wake_up, max(duration, HOUR))
        self.held[wake_up] = self._clock() + duration

    def release(self, wake_up: WakeUp) -> None:
        """Its hold ends."""
        del self.held[wake_up]
        queue = self._queues[wake_up.line.kind]
        queue.hold(wake_up.receipt_handle, 0)


@dataclass
class Driver:
    """Plays Lambda, SQS's visibility and EventBridge. A worker whose error escapes has crashed: its wake-up stays held.

    A test that makes workers crash says so by taking the errors out of `crashes`; others fail for any left there.
    """

    system: System
    draw: float = 0.5
    worked: list[tuple[Line, Disposition]] = field(default_factory=list)
    crashes: list[Exception] = field(default_factory=list)
    _generations: list[Run] = field(default_factory=list)

    def __post_init__(self) -> None:
        system, clock = self.system, self.system.clock
        self.parts = sender.build_parts(system.sender_settings, clock=clock, draw=lambda: self.draw, pause=self._pause)
        self.reporter_parts = reporter.build_parts(system.reporter_settings, clock=clock, draw=lambda: self.draw)
        self.poller_parts = mailbox.build_parts(system.poller_settings, clock=clock, draw=lambda: self.draw)
        self.pool = self.parts.pool
        self.attendant = Attendant(system.heads, system.wake_ups, clock)
        self.scheduler = scheduler_of(
            system.registry,
            system.messages,
            system.bucket,
            system.wake_ups,
            clock,
            worker_timeout=WORKING_TIME + 10 * SECOND,
            go_on=self._generations.append,
        )
        self._next_round = clock() + MINUTE
        self._worth_a_look = set(system.queue_urls.values())
        self._known_heads: set[ItemKey] = {
            due.line.head_key for shard in range(DUE_SHARDS) for due in system.heads.due(shard, _FOREVER).heads
        }
        self._until_closed = ExitStack()
        self._until_closed.enter_context(observed(self._note_change))

    async def run(self, *kinds: LineKind) -> list[Disposition]:
        """Works every wake-up that can be received, in the order of the kinds, until there is none."""
        dispositions = []
        while (received := self.receive(kinds or WOKEN)) is not None:
            dispositions.append(await self.work(received))
        return dispositions

    async def run_side_by_side(self, *kinds: LineKind) -> None:
        """As `run`, but each wake-up that can be received gets a worker at once, as Lambda does it."""
        working: set[asyncio.Task[Disposition]] = set()
        while True:
            while (received := self.receive(kinds or WOKEN)) is not None:
                working.add(asyncio.create_task(self.work(received)))
            if not working:
                return
            done, working = await asyncio.wait(working, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                each.result()

    async def run_one(self, *kinds: LineKind) -> bool:
        """Works one wake-up, if there is any."""
        received = self.receive(kinds or self._all_kinds)
        if received is not None:
            await self.work(received)
        return received is not None

    async def work(self, wake_up: WakeUp) -> Disposition:
        """One invocation."""
        work = self._work_of(wake_up.line.kind)
        try:
            disposition = await self.attendant.attend(wake_up, work, deadline=self.system.clock() + WORKING_TIME)
        except Exception as error:
            self.crashes.append(error)
            disposition = Disposition.GIVE_BACK
        self.worked.append((wake_up.line, disposition))
        if disposition is Disposition.ACKNOWLEDGE:
            self._delete(wake_up)
        return disposition

    def _parts_of_a_worker(self) -> SenderParts:
        """One environment, warm from one invocation to the next."""
        return self.parts

    def _work_of(self, kind: LineKind) -> Work:
        match kind:
            case LineKind.REPORTS:
                return Reporter(self.reporter_parts).work
            case LineKind.MAILBOX:
                return Poller(self.poller_parts).work
            case _:
                return Sender(self._parts_of_a_worker()).work

    async def _pause(self, duration: Millis) -> None:
        self.system.clock.advance(duration)

    def receive(self, kinds: Sequence[LineKind]) -> WakeUp | None:
        """The next wake-up that can be received, in the order of the kinds."""
        for kind in kinds:
            url = self.system.queue_urls[kind]
            if url not in self._worth_a_look:
                continue
            answer = boto.sqs().receive_message(QueueUrl=url, MaxNumberOfMessages=1, VisibilityTimeout=_LONG_ENOUGH)
            for message in answer.get("Messages", []):
                return WakeUp(decode(message["Body"]), message["ReceiptHandle"])
            self._worth_a_look.discard(url)
        return None

    def _note_change(self, operation: str, request: dict[str, Any]) -> None:
        """In place of asking each queue, and the index, again and again: that is most of what a test would do."""
        if "QueueUrl" in request:
            self._worth_a_look.add(request["QueueUrl"])
        if operation == "UpdateItem" and request["Key"]["sk"]["S"] == HEAD_SORT_KEY:
            self._known_heads.add(ItemKey(request["Key"]["pk"]["S"], HEAD_SORT_KEY))

    async def pass_time(self, duration: Millis, *kinds: LineKind) -> None:
        """Lets so much time pass: holds end, the scheduler makes its rounds, and what wakes up is worked."""
        clock, end = self.system.clock, self.system.clock() + duration
        while True:
            instant = min([self._next_round, *self.system.wake_ups.held.values()])
            if instant > end:
                break
            clock.now = max(clock.now, instant)
            for wake_up in [each for each, until in self.system.wake_ups.held.items() if until <= clock.now]:
                self.system.wake_ups.release(wake_up)
            if self._next_round <= clock.now:
                self._next_round += MINUTE
                if self._is_anything_due():
                    self.make_round()
            await self.run(*kinds)
        clock.now = end

    def _is_anything_due(self) -> bool:
        """Most minutes of a test have nothing in them, and a round is sixteen looks."""
        heads = (Head.from_item(item) for item in self.system.messages.batch_get(self._known_heads).values())
        return any(head.wake_at is not None and head.wake_at <= self.system.clock() for head in heads)

    def make_round(self) -> RunResult:
        """A run of the scheduler, with all of its generations; what the last of them did."""
        result = self.scheduler.run(deadline=self.system.clock() + MINUTE)
        while self._generations:
            result = self.scheduler.run(self._generations.pop(), deadline=self.system.clock() + MINUTE)
        assert result is not None
        return result

    def lose_wake_ups(self) -> None:
        """SQS forgets what is queued, and what was given back."""
        for wake_up in list(self.system.wake_ups.held):
            self._delete(wake_up)
        while (received := self.receive(self._all_kinds)) is not None:
            self._delete(received)

    def _delete(self, wake_up: WakeUp) -> None:
        self.system.wake_ups.held.pop(wake_up, None)
        url = self.system.queue_urls[wake_up.line.kind]
        boto.sqs().delete_message(QueueUrl=url, ReceiptHandle=wake_up.receipt_handle)
        self._worth_a_look.add(url)  # the next one of its group can be received now

    @property
    def _all_kinds(self) -> tuple[LineKind, ...]:
        return tuple(self.system.queue_urls)

    async def close(self) -> None:
        """Ends sessions and connections."""
        self._until_closed.close()
        await self.pool.close()
        await self.parts.attachments.close()
        await self.reporter_parts.http.close()
