"""Calls a tenant's sync endpoint: with its events, in order, until its report line is empty or must wait; without any
when a heartbeat is due, or the tenant has mail to submit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from shared.audit.log import AuditLog
from shared.audit.model import Actor, Entry
from shared.aws.dynamodb import Table
from shared.aws.threads import in_thread
from shared.clock import DAY, SECOND, Clock, Millis
from shared.delivery.backoff import STANDSTILL
from shared.instance.model import Instance
from shared.instance.table import INSTANCE_KEY, instance_from_item
from shared.lines.attendance import CLOCK_SKEW, Drained, MustWait, OutOfTime, Rest, Visit, WaitBy
from shared.lines.lines import Lines
from shared.observability import MetricUnit, logger, metrics
from shared.outgoing.http import CallFailed, GuardedHttp
from shared.reports.events import PushedEvent
from shared.reports.outbox import Outbox, OutboxPage, new_page
from shared.reports.protocol import (
    MAX_EVENTS_A_CALL,
    REFUSED_EVENT_WAIT,
    Acknowledged,
    NotAcknowledged,
    read_answer,
    split,
)
from shared.reports.retention import Retention
from shared.reports.sync_call import body_of, call_id, signature
from shared.reports.sync_state import SyncState, after_answer, after_failure, with_requests_taken
from shared.reports.sync_table import SyncTable
from shared.tenants.endpoints import authorization, sync_url
from shared.tenants.model import Tenant
from shared.tenants.signing import SigningSecrets, SigningTable, signing_key, signing_secrets_from_item
from shared.tenants.table import TenantTable, tenant_from_item, tenant_key

_PAGES_A_READ = MAX_EVENTS_A_CALL  # a page holds at least one event
_LAST_CALL: Millis = 40 * SECOND  # before the deadline: a call takes up to 30 s
# A line that has more to do goes behind the others that wait: tenants that are slow, or keep calling for more, do not
# keep the reporters from the rest for longer than this and one call.
_TURN: Millis = 10 * SECOND
# Whoever sets a URL, or asks for a call, opens the line; this is how soon it would be noticed otherwise.
_IDLE: Millis = DAY


@dataclass(frozen=True, slots=True)
class ReporterParts:
    """What a reporter is made of."""

    registry: Table
    tenants: TenantTable
    signing: SigningTable
    syncs: SyncTable
    outbox: Outbox
    retention: Retention
    lines: Lines
    audit: AuditLog
    http: GuardedHttp
    clock: Clock
    draw: Callable[[], float]  # uniform in [0, 1)


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """Whom to call, and how. How long a mail, and the event itself, are kept after a report was acknowledged."""

    tenant: Tenant
    url: str
    signing: SigningSecrets | None
    retention: Millis
    events_retention: Millis


@dataclass(frozen=True, slots=True)
class _Known:
    """What is stored about a tenant."""

    tenant: Tenant | None
    instance: Instance
    signing: SigningSecrets | None
    state: SyncState


class Reporter:
    """Works report lines, one visit after the other."""

    def __init__(self, parts: ReporterParts) -> None:
        self._parts = parts

    async def work(self, visit: Visit) -> Rest:
        """The work of one visit to a tenant's report line."""
        now = self._parts.clock()
        known = await in_thread(self._read, visit.line.tenant_id)
        tenant = known.tenant
        if tenant is None or tenant.deleting_since is not None:
            return Drained(next_due=None)
        if not tenant.active:
            return _waiting(now + STANDSTILL, "the tenant is not active")
        url = sync_url(tenant, known.instance)
        if url is None:
            return _waiting(now + _IDLE, "the tenant has no endpoint")
        state = with_requests_taken(known.state, now)
        if state.disabled:
            return _waiting(now + _IDLE, f"the push is disabled: {state.disabled}")
        instance = known.instance
        endpoint = _Endpoint(tenant, url, known.signing, instance.retention, instance.events_retention)
        rest, state = await self._sync(visit, endpoint, state)
        if state != known.state:
            await in_thread(self._parts.syncs.save, tenant.id, state)
        if state.disabled:
            await in_thread(self._parts.audit.record, _disabled_push(state, tenant.id))
        return rest

    def _read(self, tenant_id: str) -> _Known:
        # Read first: a request that comes later opens the line, which is then visited again.
        state = self._parts.syncs.get(tenant_id)
        tenant, signing = tenant_key(tenant_id), signing_key(tenant_id)
        found = self._parts.registry.batch_get((tenant, signing, INSTANCE_KEY))
        return _Known(
            tenant=tenant_from_item(found[tenant]) if tenant in found else None,
            instance=instance_from_item(found.get(INSTANCE_KEY)),
            signing=signing_secrets_from_item(found.get(signing)),
            state=state,
        )

    async def _sync(self, visit: Visit, endpoint: _Endpoint, state: SyncState) -> tuple[Rest, SyncState]:
        """Calls as long as there is cause to, and time."""
        clock, tenant = self._parts.clock, endpoint.tenant
        turn_ends = min(clock() + _TURN, visit.deadline - _LAST_CALL)
        while True:
            pages = await in_thread(self._parts.outbox.first, visit.line, limit=_PAGES_A_READ)
            due = _due(pages, clock() + CLOCK_SKEW)
            next_call = state.next_call(tenant.created_at)
            if not due and next_call > clock() + CLOCK_SKEW:
                return Drained(next_due=min([next_call, *(page.due_at for page in pages[:1])])), state
            called_at = clock()
            if called_at >= turn_ends:
                return OutOfTime(), state
            answer = await self._call(endpoint, [pushed for page in due for pushed in page.events])
            now = clock()
            if isinstance(answer, NotAcknowledged):
                state = after_failure(state, answer, called_at=called_at, now=now, draw=self._parts.draw())
                return _after_failure(tenant, answer, state, now), state
            if due:
                taken = await in_thread(self._acknowledge, due, answer, endpoint.events_retention)
                await self._parts.retention.run_from(clock(), taken, retention=endpoint.retention)
            state = after_answer(state, answer, called_at=called_at, now=now)

    async def _call(self, endpoint: _Endpoint, pushed: Sequence[PushedEvent]) -> Acknowledged | NotAcknowledged:
        tenant, now = endpoint.tenant, self._parts.clock()
        events = [each.event for each in pushed]
        body, identity = body_of(events), call_id(events, now)
        secret, signing = await in_thread(self._secrets, endpoint)
        headers = {"Content-Type": "application/json"} | authorization(tenant, secret)
        headers |= signature(signing, identity, body, now)
        try:
            response = await self._parts.http.post(endpoint.url, body=body, headers=headers)
        except CallFailed as error:
            return NotAcknowledged(error.detail)
        answer = read_answer(response.status, response.body, tenant.ack)
        if isinstance(answer, Acknowledged):
            _tell_of(answer, tenant, identity, len(events))
        return answer

    def _secrets(self, endpoint: _Endpoint) -> tuple[str | None, list[str]]:
        tenant = endpoint.tenant
        return self._parts.tenants.client_secret(tenant), self._parts.signing.opened(tenant.id, endpoint.signing)

    def _acknowledge(self, pages: Sequence[OutboxPage], answer: Acknowledged, kept: Millis) -> list[PushedEvent]:
        """What was taken. What was refused becomes a page that is due later, before the others are moved."""
        now, line = self._parts.clock(), pages[0].line
        taken, again = split([pushed for page in pages for pushed in page.events], answer)
        if again:
            later = new_page(line.tenant_id, again, due_at=now + REFUSED_EVENT_WAIT, now=now)
            self._parts.lines.announce(line, later.due_at)
            self._parts.outbox.put(later)
        given_up = [pushed.event.event_id for pushed in taken if answer.refuses(pushed)]
        if given_up:
            metrics.add_metric(name="EventsGivenUp", unit=MetricUnit.Count, value=len(given_up))
            logger.warning("events refused too often: only logged", tenant_id=line.tenant_id, event_ids=given_up)
        self._parts.outbox.acknowledge(pages, taken, now, kept=kept)
        return taken


def _due(pages: Sequence[OutboxPage], until: Millis) -> list[OutboxPage]:
    """The first pages that are due and fit into one call; always at least one that is due."""
    due: list[OutboxPage] = []
    room = MAX_EVENTS_A_CALL
    for page in pages:
        room -= len(page.events)
        if page.due_at > until or (due and room < 0):
            break
        due.append(page)
    return due


def _waiting(until: Millis, reason: str) -> MustWait:
    """The line's head says when to look again; failures are counted in the sync state."""
    return MustWait(until, reason, by=WaitBy.HEAD, backs_off=False)


def _after_failure(tenant: Tenant, failure: NotAcknowledged, state: SyncState, now: Millis) -> MustWait:
    metrics.add_metric(name="PushFailures", unit=MetricUnit.Count, value=1)
    logger.warning("sync call failed", tenant_id=tenant.id, reason=failure.reason, failures=state.failures)
    if state.next_sync_at is not None:
        return _waiting(state.next_sync_at, failure.reason)
    metrics.add_metric(name="PushesDisabled", unit=MetricUnit.Count, value=1)
    logger.error("the push is disabled", tenant_id=tenant.id, because=state.disabled, reason=failure.reason)
    return _waiting(now + _IDLE, f"the push is disabled: {state.disabled}")


def _disabled_push(state: SyncState, tenant_id: str) -> Entry:
    result: dict[str, JsonValue] = {
        "disabled": state.disabled,
        "failures": state.failures,
        "last_error": state.last_error,
    }
    return Entry(actor=Actor.proxy("reporter"), action="disable_push", tenant_id=tenant_id, result=result)


def _tell_of(answer: Acknowledged, tenant: Tenant, identity: str, events: int) -> None:
    metrics.add_metric(name="EventsReported", unit=MetricUnit.Count, value=events)
    logger.info(
        "synced",
        tenant_id=tenant.id,
        webhook_id=identity,
        events=events,
        refused=len(answer.refused),
        queued=answer.queued,
        quiet_until=answer.quiet_until,
    )
    if answer.not_found:
        logger.warning("tenant does not know these messages", tenant_id=tenant.id, ids=sorted(answer.not_found)[:100])
