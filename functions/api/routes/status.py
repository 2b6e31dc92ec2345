"""How a tenant, and the whole instance, fares: what waits and why, what was sent, which relays cannot be used."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from functions.api.auth import require_admin, require_tenant
from functions.api.cursors import Cursor, decode_owner_id, decode_pair, encode_cursor
from functions.api.gate import GatedRoute
from functions.api.problems import documented
from functions.api.routes.status_views import (
    AccountTotals,
    BlockedLineView,
    InstanceStatusView,
    LaneTotals,
    ReportsTotals,
    TenantStatusView,
)
from functions.api.schema import TenantPath
from functions.api.services import Provided
from shared.lines.line import LANES, LineKind
from shared.messages.slices import suspended_partition

router = APIRouter(tags=["status"], route_class=GatedRoute)

_INSTANCE_LISTING = "status"
# Of each account 24 hours are read, and every line with mail.
StatusLimit = Annotated[int, Query(ge=1, le=100, description="How many accounts at most.")]


@router.get(
    "/v1/tenants/{tenant_id}/status",
    summary="See how a tenant fares",
    dependencies=[Depends(require_tenant)],
    responses=documented(404),
)
def get_tenant_status(
    tenant_id: TenantPath, services: Provided, limit: StatusLimit = 25, cursor: Cursor = None
) -> TenantStatusView:
    """What waits in each lane of each account and why, what was sent, whether the relays can be used.

    Accounts come in pages, in order of id. Messages are counted for five seconds, and in 200 reads of 25,000 messages,
    at most: `is_complete` tells whether that was enough.
    """
    listing = f"status#{tenant_id}"
    after = decode_owner_id(listing, cursor) if cursor is not None else None
    tenant = services.tenants.get(tenant_id)
    page = services.accounts.page(tenant_id, limit=limit, after=after)
    batches = [suspended_partition(tenant_id, each) for each in tenant.suspended_batches]
    statuses, aside = services.account_statuses.statuses(page.accounts, batches)
    return TenantStatusView.of(
        tenant,
        statuses,
        aside,
        paused=services.instance.read().paused,
        next_cursor=encode_cursor(listing, page.next) if page.next is not None else None,
        now=services.clock(),
    )


@router.get(
    "/v1/status",
    summary="See how the instance fares",
    dependencies=[Depends(require_admin)],
    responses=documented(),
)
def get_status(services: Provided, limit: StatusLimit = 25, cursor: Cursor = None) -> InstanceStatusView:
    """What waits in each lane and in the queues, which lines are blocked and why, what each account has sent.

    Accounts come in pages, in order of tenant and account. Looks at the 16,000 lines with work that are due first, and
    counts messages as `GET /v1/tenants/{t}/status` does. It reads an index: what happened a moment ago may be missing.
    """
    after = decode_pair(_INSTANCE_LISTING, cursor) if cursor is not None else None
    survey, now = services.survey.survey(), services.clock()
    page = services.accounts.names(limit=limit, after=after)
    figures = services.account_statuses.figures(page.names)
    return InstanceStatusView(
        paused=services.instance.read().paused,
        is_complete=survey.complete,
        lanes=[LaneTotals.of(each, now) for each in survey.kinds if each.kind in LANES],
        reports=next(ReportsTotals.of(each) for each in survey.kinds if each.kind is LineKind.REPORTS),
        blocked=[BlockedLineView.of(each) for each in survey.blocked],
        accounts=[AccountTotals.of(each, figures[each]) for each in page.names],
        next_cursor=encode_cursor(_INSTANCE_LISTING, "#".join(page.next)) if page.next is not None else None,
    )
