"""Deleting a tenant with all that it owns: marked by the API, purged by the scheduler.

Marked, it accepts, sends and pushes nothing, and its lines come to rest. The purge begins when no worker and no call
that saw the tenant before can still be at work: nothing then comes back behind it. It goes on round after round until
it has found nothing left; last goes the tenant itself, so that its id stays taken until then.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from shared.accounts.table import account_key
from shared.attachments.uploads import upload_prefix
from shared.aws.attributes import Item
from shared.aws.dynamodb import Condition, ItemKey, Key, Table
from shared.aws.s3 import Bucket
from shared.clock import SECOND, Clock, Millis
from shared.idempotency.table import idempotency_partition
from shared.limits.state import account_limits_key, tenant_limits_key
from shared.lines.line import (
    MAX_PARTS,
    Line,
    account_lines,
    activation_line,
    deletion_line,
    mailbox_line,
    replay_line,
    reports_line,
)
from shared.lines.lines import Lines
from shared.mailboxes.table import mailbox_key
from shared.mailboxes.unmatched import unmatched_partition
from shared.messages.model import STATE_SORT_KEY, Mail, mail_partition
from shared.messages.slices import suspended_partition
from shared.messages.table import BY_TENANT_INDEX
from shared.observability import logger
from shared.reports.outbox import log_partition
from shared.reports.sync_table import sync_key
from shared.tenants.api_keys import ApiKeyTable
from shared.tenants.keys import NOT_BEING_DELETED, Trace, tenant_key, trace_key
from shared.tenants.model import Tenant
from shared.tenants.table import TenantTable

API_CALL: Millis = 30 * SECOND  # longer than any takes
_MARGIN: Millis = 30 * SECOND  # clocks differ, and a look-up of a key is kept as long
_AT_ONCE = 200  # between two looks at the clock
_THREADS = 8  # a mail costs a query, which is mostly waiting


def purge_after(worker_timeout: Millis) -> Millis:
    """How long after the mark nobody can be at work for the tenant: longer than a claim, or an API call, lasts."""
    return max(worker_timeout, API_CALL) + _MARGIN


class Deletions:
    """What an API call does: marks, and leaves the rest to the scheduler."""

    def __init__(
        self, *, tenants: TenantTable, api_keys: ApiKeyTable, lines: Lines, clock: Clock, worker_timeout: Millis
    ) -> None:
        self._tenants = tenants
        self._api_keys = api_keys
        self._lines = lines
        self._clock = clock
        self._due_after = purge_after(worker_timeout) + SECOND  # the mark is made a little later than announced

    def begin(self, tenant_id: str) -> Tenant:
        """The tenant, marked; its keys are revoked. Raises NotFound. Again, it completes what a crash left undone."""
        self._tenants.find(tenant_id)
        self._lines.announce(deletion_line(tenant_id), self._clock() + self._due_after)
        marked = self._tenants.mark_for_deletion(tenant_id)
        self._api_keys.revoke(tenant_id)
        return marked


class _OutOfTime(Exception):
    """The deadline has come with something left."""


class Purge:
    """What the scheduler does. Raises StorageUnavailable when AWS cannot be reached; the next round goes on."""

    def __init__(
        self, *, registry: Table, messages: Table, bucket: Bucket, clock: Clock, worker_timeout: Millis
    ) -> None:
        self._registry = registry
        self._messages = messages
        self._bucket = bucket
        self._api_keys = ApiKeyTable(registry)
        self._clock = clock
        self._begins_after = purge_after(worker_timeout)

    def run(self, line: Line, deadline: Millis) -> bool:
        """Whether there is nothing to delete, or nothing left. Else the next round goes on."""
        tenant_id = line.tenant_id
        found = self._registry.get(tenant_key(tenant_id))
        deleting_since = found.get("deleting_since") if found else None
        if not isinstance(deleting_since, int):
            return True
        if self._clock() < deleting_since + self._begins_after:
            return False
        try:
            with ThreadPoolExecutor(max_workers=_THREADS) as threads:
                # Mails first: what a late call still does to one leaves an event, and that goes after them.
                self._purge_mails(tenant_id, threads, deadline)
                self._purge_large_contents(tenant_id, threads, deadline)
            self._purge_traffic(tenant_id, deadline)
            self._purge_configuration(tenant_id, deadline)
        except _OutOfTime:
            return False
        logger.info("tenant purged", tenant_id=tenant_id)
        return True

    def _purge_mails(self, tenant_id: str, threads: ThreadPoolExecutor, deadline: Millis) -> None:
        """With their contents and recipients. The index lags behind: done when a whole look at it finds none."""
        mails = Key(f"{BY_TENANT_INDEX}_pk").eq(tenant_id)
        found = True
        while found:
            found = False
            for keys in self._pages(self._messages, mails, deadline, index=BY_TENANT_INDEX):
                found = True
                for parts in threads.map(self._taken_apart, dict.fromkeys(key.pk for key in keys)):
                    self._messages.batch_write(deletes=parts)

    def _taken_apart(self, partition: str) -> list[ItemKey]:
        """The keys of a mail's items. What finds it by its Message-ID is gone then: only the state names that."""
        items = list(self._messages.query_all(Key("pk").eq(partition)))
        states = (Mail.from_item(item) for item in items if item["sk"] == STATE_SORT_KEY)
        self._messages.batch_write(deletes=[mail.named_key for mail in states if mail.named_key is not None])
        return [ItemKey.of(item) for item in items]

    def _purge_large_contents(self, tenant_id: str, threads: ThreadPoolExecutor, deadline: Millis) -> None:
        """Also those that no item names any more, and the tenant's uploads."""
        for prefix in (mail_partition(tenant_id, ""), upload_prefix(tenant_id)):
            while keys := self._bucket.first_keys(prefix):
                for start in range(0, len(keys), _AT_ONCE):
                    self._refuse_to_go_past(deadline)
                    list(threads.map(self._bucket.delete, keys[start : start + _AT_ONCE]))

    def _purge_traffic(self, tenant_id: str, deadline: Millis) -> None:
        """What there is besides mails. Each account, mailbox and batch goes right after its partitions, so that every
        round gets on, however many they are."""
        owners = (account_key(tenant_id, ""), mailbox_key(tenant_id, ""))
        for kind in (*owners, *(trace_key(tenant_id, trace, "") for trace in Trace)):
            for keys in self._pages(self._registry, Key("pk").eq(kind.pk) & Key("sk").begins_with(kind.sk), deadline):
                for key in keys:
                    for partition in _named_by(tenant_id, kind, key.sk.removeprefix(kind.sk)):
                        self._purge_partition(self._messages, partition, deadline)
                    self._registry.delete(key)
        for partition in (
            reports_line(tenant_id).partition,
            replay_line(tenant_id).partition,
            log_partition(tenant_id),
            sync_key(tenant_id).pk,
            tenant_limits_key(tenant_id).pk,
        ):
            self._purge_partition(self._messages, partition, deadline)

    def _purge_configuration(self, tenant_id: str, deadline: Millis) -> None:
        """Last goes the tenant."""
        self._api_keys.forget(tenant_id)
        self._purge_partition(self._registry, idempotency_partition(tenant_id), deadline)
        tenant = tenant_key(tenant_id)
        self._purge_partition(self._registry, tenant.pk, deadline, but=tenant)
        self._registry.delete(tenant, condition=~NOT_BEING_DELETED)

    def _purge_partition(self, table: Table, partition: str, deadline: Millis, *, but: ItemKey | None = None) -> None:
        for keys in self._pages(table, Key("pk").eq(partition), deadline):
            table.batch_write(deletes=[key for key in keys if key != but])

    def _pages(
        self, table: Table, condition: Condition, deadline: Millis, *, index: str | None = None
    ) -> Iterator[list[ItemKey]]:
        """The keys of what fits, page after page. Raises _OutOfTime."""
        resume: Item | None = None
        while True:
            self._refuse_to_go_past(deadline)
            page = table.query(condition, index=index, limit=_AT_ONCE, resume=resume)
            if page.items:
                yield [ItemKey.of(item) for item in page.items]
            if page.resume is None:
                return
            resume = page.resume

    def _refuse_to_go_past(self, deadline: Millis) -> None:
        if self._clock() >= deadline:
            raise _OutOfTime


def _named_by(tenant_id: str, kind: ItemKey, name: str) -> list[str]:
    """The partitions of `messages` that an account, a mailbox or a batch of this name may have."""
    if kind in (mailbox_key(tenant_id, ""), trace_key(tenant_id, Trace.MAILBOX, "")):
        return [mailbox_line(tenant_id, name).partition, unmatched_partition(tenant_id, name)]
    if kind == trace_key(tenant_id, Trace.BATCH, ""):
        return [suspended_partition(tenant_id, name), activation_line(tenant_id, name).partition]
    # In all that an account can have: of one that is deleted nobody knows any more how many it had.
    lines = [line.partition for line in account_lines(tenant_id, name, MAX_PARTS)]
    return [*lines, account_limits_key(tenant_id, name).pk]
