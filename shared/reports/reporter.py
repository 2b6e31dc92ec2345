"""Pushes a tenant's events to its sync endpoint, in order, until its report line is empty or must wait."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from shared.aws.dynamodb import Table
from shared.aws.threads import in_thread
from shared.clock import SECOND, Clock, Millis
from shared.delivery.backoff import STANDSTILL
from shared.instance.model import Instance
from shared.instance.table import INSTANCE_KEY, instance_from_item
from shared.lines.attendance import CLOCK_SKEW, Drained, MustWait, OutOfTime, Rest, Visit, WaitBy
from shared.lines.lines import Lines
from shared.observability import MetricUnit, logger, metrics
from shared.outgoing.http import CallFailed, GuardedHttp
from shared.reports.events import PushedEvent, ReportEvent
from shared.reports.outbox import Outbox, OutboxPage, new_page
from shared.reports.protocol import (
    MAX_EVENTS_A_CALL,
    REFUSED_EVENT_WAIT,
    Acknowledged,
    NotAcknowledged,
    push_wait,
    read_answer,
    split,
)
from shared.reports.retention import Retention
from shared.tenants.model import DEFAULT_SYNC_PATH, AuthMethod, Tenant
from shared.tenants.table import TenantTable, tenant_from_item, tenant_key

_PAGES_A_READ = MAX_EVENTS_A_CALL  # a page holds at least one event
_LAST_CALL: Millis = 40 * SECOND  # before the deadline: a call takes up to 30 s


class _SyncCall(BaseModel):
    delivery_report: list[ReportEvent]


@dataclass(frozen=True, slots=True)
class ReporterParts:
    """What a reporter is made of."""

    registry: Table
    tenants: TenantTable
    outbox: Outbox
    retention: Retention
    lines: Lines
    http: GuardedHttp
    clock: Clock
    draw: Callable[[], float]  # uniform in [0, 1)


class Reporter:
    """Works report lines, one visit after the other."""

    def __init__(self, parts: ReporterParts) -> None:
        self._parts = parts

    async def work(self, visit: Visit) -> Rest:
        """The work of one visit to a tenant's report line."""
        clock = self._parts.clock
        tenant, instance = await in_thread(self._read, visit.line.tenant_id)
        if tenant is None or tenant.deleting_since is not None:
            return Drained(next_due=None)
        if not tenant.active:
            return MustWait(clock() + STANDSTILL, "the tenant is not active", by=WaitBy.HEAD)
        url = sync_url(tenant, instance)
        if url is None:
            return Drained(next_due=None)  # events wait to be read by the API, or for a URL
        progressed = False
        while clock() < visit.deadline - _LAST_CALL:
            pages = await in_thread(self._parts.outbox.first, visit.line, limit=_PAGES_A_READ)
            due = _due(pages, clock() + CLOCK_SKEW)
            if not due:
                return Drained(next_due=pages[0].due_at if pages else None)
            answer = await self._push(tenant, url, due)
            if isinstance(answer, NotAcknowledged):
                return self._wait(visit, tenant, answer, progressed=progressed)
            taken = await in_thread(self._acknowledge, due, answer)
            await self._parts.retention.run_from(clock(), taken, retention=instance.retention)
            progressed = True
        return OutOfTime()

    def _read(self, tenant_id: str) -> tuple[Tenant | None, Instance]:
        key = tenant_key(tenant_id)
        found = self._parts.registry.batch_get((key, INSTANCE_KEY))
        tenant = tenant_from_item(found[key]) if key in found else None
        return tenant, instance_from_item(found.get(INSTANCE_KEY))

    async def _push(self, tenant: Tenant, url: str, pages: Sequence[OutboxPage]) -> Acknowledged | NotAcknowledged:
        events = [pushed.event for page in pages for pushed in page.events]
        body = _SyncCall(delivery_report=events).model_dump_json(exclude_none=True).encode()
        secret = await in_thread(self._parts.tenants.client_secret, tenant)
        headers = {"Content-Type": "application/json"} | authorization(tenant, secret)
        try:
            response = await self._parts.http.post(url, body=body, headers=headers)
        except CallFailed as error:
            return NotAcknowledged(error.detail)
        answer = read_answer(response.status, response.body, tenant.ack)
        if isinstance(answer, Acknowledged):
            metrics.add_metric(name="EventsReported", unit=MetricUnit.Count, value=len(events))
            logger.info("events reported", tenant_id=tenant.id, events=len(events), refused=len(answer.refused))
            if answer.not_found:
                logger.warning(
                    "tenant does not know these messages", tenant_id=tenant.id, message_ids=sorted(answer.not_found)
                )
        return answer

    def _acknowledge(self, pages: Sequence[OutboxPage], answer: Acknowledged) -> list[PushedEvent]:
        """What was taken. What was refused becomes a page that is due later, before the others are moved."""
        now, line = self._parts.clock(), pages[0].line
        taken, again = split([pushed for page in pages for pushed in page.events], answer)
        if again:
            later = new_page(line.tenant_id, again, due_at=now + REFUSED_EVENT_WAIT, now=now)
            self._parts.lines.announce(line, later.due_at)
            self._parts.outbox.put(later)
        self._parts.outbox.acknowledge(pages, taken, now)
        return taken

    def _wait(self, visit: Visit, tenant: Tenant, answer: NotAcknowledged, *, progressed: bool) -> MustWait:
        metrics.add_metric(name="PushFailures", unit=MetricUnit.Count, value=1)
        logger.warning("events not acknowledged", tenant_id=tenant.id, reason=answer.reason)
        delay = push_wait(0 if progressed else visit.head.waits, self._parts.draw())
        return MustWait(self._parts.clock() + delay, answer.reason, progressed=progressed, by=WaitBy.HEAD)


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


def sync_url(tenant: Tenant, instance: Instance) -> str | None:
    """Where the tenant's events go: its own base URL, else the instance's; None when neither is set."""
    if tenant.client_base_url is not None:
        return tenant.client_base_url + (tenant.client_sync_path or DEFAULT_SYNC_PATH)
    if instance.client_base_url is not None:
        path = tenant.client_sync_path or instance.client_sync_path or DEFAULT_SYNC_PATH
        return instance.client_base_url + path
    return None


def authorization(tenant: Tenant, secret: str | None) -> dict[str, str]:
    """The header that proves the proxy to the tenant's endpoint."""
    match tenant.auth_method:
        case AuthMethod.BEARER:
            return {"Authorization": f"Bearer {secret or ''}"}
        case AuthMethod.BASIC:
            pair = f"{tenant.auth_user or ''}:{secret or ''}".encode()
            return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
        case AuthMethod.NONE:
            return {}
