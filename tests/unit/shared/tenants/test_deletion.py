"""Purging a tenant: everything, nothing of others, not too early, and in as many rounds as it takes."""

from collections.abc import Iterator, Mapping

import pytest

from shared.accounts.model import AccountSettings, TlsMode
from shared.accounts.table import AccountTable
from shared.attachments.uploads import upload_key
from shared.audit.log import AuditLog
from shared.audit.model import Actor, ActorKind, Entry
from shared.aws.dynamodb import ItemKey, Key, Table
from shared.aws.kms import SecretSealer
from shared.aws.s3 import Bucket
from shared.aws.sqs import FifoQueue
from shared.clock import MINUTE, SECOND, Millis
from shared.errors import Conflict, NotFound
from shared.instance.model import Instance
from shared.instance.table import InstanceTable
from shared.lines.head import Heads
from shared.lines.line import LineKind, account_line, activation_line, deletion_line, reports_line
from shared.lines.lines import Lines
from shared.lines.wakeups import WakeUps
from shared.messages.cancellation import Cancellation
from shared.messages.intake import Intake
from shared.messages.payloads import PayloadStore
from shared.messages.slices import SliceTable
from shared.messages.table import MailTable
from shared.storages.table import storage_key
from shared.suppression.table import SuppressionTable
from shared.tenants.api_keys import ApiKeyTable
from shared.tenants.deletion import Deletions, Purge, purge_after
from shared.tenants.model import Tenant, TenantSettings
from shared.tenants.table import TenantTable
from tests.unit.clock import SettableClock
from tests.unit.stored import every_item, every_key

WORKER_TIMEOUT: Millis = 2 * MINUTE
LARGE = "".join(chr(0x4E00 + (number * 7919) % 20_000) for number in range(250_000))  # hardly to be compressed


class World:
    """Tenants with something of every kind, and what deletes one."""

    def __init__(
        self,
        registry: Table,
        messages: Table,
        bucket: Bucket,
        queues: dict[LineKind, FifoQueue],
        sealer: SecretSealer,
        clock: SettableClock,
    ) -> None:
        self.registry, self.messages, self.bucket, self.clock = registry, messages, bucket, clock
        self.lines = Lines(Heads(messages), WakeUps(queues), clock)
        self.tenants = TenantTable(registry, sealer, clock)
        self.accounts = AccountTable(registry, sealer, clock)
        self.api_keys = ApiKeyTable(registry)
        self.mails = MailTable(messages)
        self.intake = Intake(
            messages=messages,
            mails=self.mails,
            payloads=PayloadStore(messages, bucket),
            accounts=self.accounts,
            lines=self.lines,
            clock=clock,
        )
        self.cancellation = Cancellation(
            messages=messages, mails=self.mails, slices=SliceTable(messages), lines=self.lines, clock=clock
        )
        self.deletions = Deletions(
            tenants=self.tenants,
            api_keys=self.api_keys,
            lines=self.lines,
            clock=clock,
            worker_timeout=WORKER_TIMEOUT,
        )
        self.purge = Purge(
            registry=registry, messages=messages, bucket=bucket, clock=clock, worker_timeout=WORKER_TIMEOUT
        )

    def add_tenant(self, tenant_id: str, mails: int = 3) -> str:
        """Its key."""
        new = self.tenants.create(tenant_id, TenantSettings(default_account="main"))
        assert new is not None
        for account_id in ("main", "former"):
            self.accounts.put(
                tenant_id,
                account_id,
                AccountSettings(host="smtp.example.com", port=25, tls=TlsMode.NONE, parallelism=3),
            )
        self.submit(new.tenant, *({"id": f"m{number}"} for number in range(mails)))
        self.submit(new.tenant, {"id": "large", "text": LARGE, "batch_code": "x"}, {"id": "f", "account_id": "former"})
        self.submit(new.tenant, {"id": "named", "message_id": "<order-1@shop.example>"})
        self.cancellation.cancel(tenant_id, "f")
        self.accounts.delete(tenant_id, "former")
        self.tenants.suspend(new.tenant, suspended=False, batches=["x"])
        self.tenants.suspend(self.tenants.get(tenant_id), suspended=False, batches=[])
        self.lines.announce(activation_line(tenant_id, "x"), self.clock())
        SuppressionTable(self.registry, self.clock).put(tenant_id, "no@example.com", "asked")
        self.registry.put(ItemKey(f"TENANT#{tenant_id}", "MAILBOX#any").item)
        self.registry.put(ItemKey(f"TENANT#{tenant_id}", "TRACE#mailbox#former").item)
        for mailbox_id in ("any", "former"):
            self.messages.put(ItemKey(f"LINE#mailbox#{tenant_id}#{mailbox_id}", "CURSOR").item)
            self.messages.put(ItemKey(f"UNMATCHED#{tenant_id}#{mailbox_id}", "1#1").item)
        self.registry.put(storage_key(tenant_id, "files").item)
        self.bucket.put(upload_key(tenant_id, "01JZX4C0R3M2V8Q9T6W5Y7K1AB"), b"uploaded")
        self.registry.put(ItemKey(f"IDEM#{tenant_id}", "k-1").item)
        for pk in (f"ACCOUNT#{tenant_id}#main", f"ACCOUNT#{tenant_id}#former", f"TENANT#{tenant_id}"):
            self.messages.put(ItemKey(pk, "RATE").item)
        for pk in (f"EVENTS#{tenant_id}", f"LINE#replay#{tenant_id}", f"SUSPENDED#{tenant_id}#x"):
            self.messages.put(ItemKey(pk, "1767268800000#01").item)
        return new.api_key

    def submit(self, tenant: Tenant, *entries: Mapping[str, object]) -> None:
        base = {"from": "a@acme.example", "to": "b@example.com", "text": "hello"}
        result = self.intake.accept(tenant, Instance(), [base | dict(entry) for entry in entries], None)
        assert not result.rejected

    def run(self, tenant_id: str = "acme", *, within: Millis = MINUTE) -> bool:
        return self.purge.run(deletion_line(tenant_id), self.clock() + within)

    def left_of(self, tenant_id: str) -> list[ItemKey]:
        """All items that name the tenant, and the objects."""
        items = [*every_key(self.registry), *every_key(self.messages)]
        items += [ItemKey(key, "in S3") for key in self.bucket.first_keys("")]
        named = [key for key in items if tenant_id in [*key.pk.split("/")[0].split("#"), *key.sk.split("#")]]
        return [key for key in named if not key.pk.startswith("LINE#deletion#")]


@pytest.fixture
def world(
    registry: Table,
    messages: Table,
    payloads_bucket: Bucket,
    queues: dict[LineKind, FifoQueue],
    sealer: SecretSealer,
    clock: SettableClock,
) -> World:
    return World(registry, messages, payloads_bucket, queues, sealer, clock)


def test_everything_that_the_tenant_owned_goes_and_nothing_of_others(world: World, clock: SettableClock) -> None:
    key = world.add_tenant("acme")
    world.add_tenant("acme-2")
    others = sorted(world.left_of("acme-2"), key=str)
    assert any(key.sk == "in S3" for key in world.left_of("acme"))
    assert any(key.sk == "MSGID#acme#named" for key in world.left_of("acme"))
    world.deletions.begin("acme")
    clock.advance(purge_after(WORKER_TIMEOUT))

    assert world.run()

    assert world.left_of("acme") == []
    assert [item for item in every_item(world.registry) if item.get("tenant_id") == "acme"] == []
    assert sorted(world.left_of("acme-2"), key=str) == others
    assert world.api_keys.find(key, clock.now) is None
    with pytest.raises(NotFound):
        world.tenants.find("acme")


def test_its_id_can_be_used_again(world: World, clock: SettableClock) -> None:
    old = world.add_tenant("acme")
    world.deletions.begin("acme")
    assert world.tenants.create("acme", TenantSettings()) is None
    clock.advance(purge_after(WORKER_TIMEOUT))
    assert world.run()

    new = world.add_tenant("acme")

    assert world.tenants.get("acme").deleting_since is None
    assert world.api_keys.find(new, clock.now) is not None
    assert world.api_keys.find(old, clock.now) is None
    clock.advance(purge_after(WORKER_TIMEOUT))
    assert world.run()
    assert world.tenants.get("acme").id == "acme"


def test_nothing_is_purged_while_a_worker_or_a_call_may_be_at_work_for_it(world: World, clock: SettableClock) -> None:
    world.add_tenant("acme")
    world.deletions.begin("acme")
    before = world.left_of("acme")
    clock.advance(purge_after(WORKER_TIMEOUT) - 1)
    assert not world.run()
    assert world.left_of("acme") == before
    assert purge_after(WORKER_TIMEOUT) > WORKER_TIMEOUT


def test_once_marked_nothing_is_changed_any_more(world: World, clock: SettableClock) -> None:
    key = world.add_tenant("acme")
    before = world.tenants.get("acme")
    marked = world.deletions.begin("acme")
    assert (marked.active, marked.deleting_since) == (False, clock.now)
    assert world.api_keys.find(key, clock.now) is None
    with pytest.raises(Conflict) as refused:
        world.tenants.get("acme")
    assert refused.value.code == "tenant_deleting"
    with pytest.raises(Conflict):
        world.tenants.replace(before, TenantSettings())
    with pytest.raises(Conflict):
        world.tenants.suspend(before, suspended=True, batches=[])
    with pytest.raises(Conflict):
        world.api_keys.rotate("acme", now=clock.now, expires_at=None, overlap=0)
    clock.advance(SECOND)
    assert world.deletions.begin("acme") == marked


def test_the_purge_is_announced_before_the_mark_so_a_crash_between_leaves_the_tenant_as_it_was(
    world: World, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.add_tenant("acme")
    before = world.left_of("acme")
    with monkeypatch.context() as patched:
        patched.setattr(TenantTable, "mark_for_deletion", _die)
        with pytest.raises(SystemExit):
            world.deletions.begin("acme")
    head = world.messages.get(deletion_line("acme").head_key)
    assert head is not None
    assert head["wake_at"] == clock.now + purge_after(WORKER_TIMEOUT) + SECOND
    clock.advance(purge_after(WORKER_TIMEOUT) + SECOND)
    assert world.run()
    assert world.left_of("acme") == before


def test_what_does_not_fit_into_a_round_is_left_to_the_next_ones(
    world: World, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.add_tenant("acme", mails=100)
    world.deletions.begin("acme")
    clock.advance(purge_after(WORKER_TIMEOUT))
    monkeypatch.setattr("shared.tenants.deletion._AT_ONCE", 2)
    query = Table.query

    def slow(self: Table, *args: object, **kwargs: object) -> object:
        clock.advance(SECOND)
        return query(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(Table, "query", slow)
    rounds = 1
    while not world.run(within=80 * SECOND):  # an account's lines are looked at in one round: 64 at most
        rounds += 1
        assert rounds < 100
        assert world.tenants.find("acme").deleting_since is not None
    assert rounds > 3
    assert world.left_of("acme") == []


def test_what_a_late_call_did_to_a_mail_goes_as_well(world: World, clock: SettableClock) -> None:
    world.add_tenant("acme")
    world.deletions.begin("acme")
    clock.advance(purge_after(WORKER_TIMEOUT))
    world.cancellation.cancel("acme", "m1")
    assert world.run()
    with pytest.raises(NotFound):
        world.cancellation.cancel("acme", "m2")
    assert world.left_of("acme") == []


def test_a_worker_that_met_a_head_before_the_purge_does_not_bring_it_back(world: World, clock: SettableClock) -> None:
    world.add_tenant("acme")
    heads, line = Heads(world.messages), account_line(LineKind.MEDIUM, "acme", "main")
    met = heads.visit(line, wake_at=clock.now + MINUTE)
    assert met is not None
    world.messages.delete(line.head_key)
    assert not heads.block(line, met, until=clock.now + MINUTE, waits=1)
    assert not heads.record_wait(line, met, until=clock.now, waits=1, held="handle")
    assert not heads.record_wake_up(line, clock.now)
    assert heads.settle(line, met, next_due=None, now=clock.now + MINUTE) is None
    assert heads.unblock(line, clock.now) is None
    assert not heads.hand_over(line, met, clock.now)
    assert world.messages.get(line.head_key) is None


def test_the_report_line_goes_with_its_pages(world: World, clock: SettableClock) -> None:
    world.add_tenant("acme")
    condition = Key("pk").eq(reports_line("acme").partition)
    assert len(list(world.messages.query_all(condition))) == 2
    world.deletions.begin("acme")
    clock.advance(purge_after(WORKER_TIMEOUT))
    assert world.run()
    assert list(world.messages.query_all(condition)) == []


def test_what_was_done_to_a_tenant_stays_in_the_audit_log(world: World, clock: SettableClock) -> None:
    world.add_tenant("acme")
    audit = AuditLog(world.registry, InstanceTable(world.registry), clock)
    audit.record(Entry(actor=Actor(kind=ActorKind.ADMIN), action="delete_tenant", tenant_id="acme"))
    world.deletions.begin("acme")
    clock.advance(purge_after(WORKER_TIMEOUT))
    assert world.run()
    (kept,) = audit.page(limit=10, tenant_id="acme").commands
    assert kept.entry.action == "delete_tenant"


def _die(*_: object) -> Iterator[None]:
    raise SystemExit
