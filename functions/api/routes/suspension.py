"""Holding back a tenant's mail, all of it or one batch, and letting it go again."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends
from pydantic import BaseModel, ConfigDict, Field

from functions.api.auth import require_tenant
from functions.api.gate import GatedRoute
from functions.api.problems import documented
from functions.api.schema import TenantPath
from functions.api.services import Provided, Services
from shared.clock import SECOND, Millis
from shared.identifiers import BatchCode
from shared.tenants.model import Tenant

router = APIRouter(
    prefix="/v1/tenants/{tenant_id}",
    tags=["suspension"],
    route_class=GatedRoute,
    dependencies=[Depends(require_tenant)],
)

# Both together leave room within the 29 seconds that a call may take.
_BRING_BACK_WITHIN: Millis = 12 * SECOND
_COUNT_WITHIN: Millis = 3 * SECOND

_SUSPENDED = "Mail is held back within a second, but for what a sender holds already: that is still sent."
_ACTIVATED = "Mail is sent again, in its own order."
_IN_BACKGROUND = "Mail is sent again, in its own order; the rest of the batch follows within minutes."

_EXAMPLES = {
    "batch": {"summary": "One batch", "value": {"batch_code": "news-2026-02"}},
    "everything": {"summary": "Everything", "value": {}},
}


class SuspensionCall(BaseModel):
    """What the call is about."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch_code: Annotated[BatchCode | None, Field(description="The batch; without it, all of the tenant's mail.")] = (
        None
    )


class SuspensionAnswer(BaseModel):
    """What is suspended now, and how much waits."""

    tenant_id: str = Field(examples=["acme"])
    suspended: bool = Field(description="Whether all of the tenant's mail is held back.")
    suspended_batches: list[str] = Field(
        description="Batches that are held back by themselves.", examples=[["news-2026-02"]]
    )
    pending: int = Field(
        description="Unsent messages of the batch named in the call, else of the tenant.", examples=[4_800]
    )
    pending_is_complete: bool = Field(description="False when there are more than could be counted in a few seconds.")
    notice: str = Field(examples=[_SUSPENDED])


Call = Annotated[SuspensionCall, Body(openapi_examples=_EXAMPLES)]


@router.post("/suspend", summary="Hold mail back", responses=documented(404, 409, body=True))
def suspend(tenant_id: TenantPath, services: Provided, call: Call = SuspensionCall()) -> SuspensionAnswer:  # noqa: B008
    """One batch, or everything. Messages are accepted as before, and wait; they can be cancelled and replaced.

    Repeating it changes nothing. At most 200 batches at a time (409, `too_many_suspended`).
    """
    return _answer(services, services.suspensions.suspend(tenant_id, call.batch_code), call, _SUSPENDED)


@router.post("/activate", summary="Let mail go again", responses=documented(404, 409, body=True))
def activate(tenant_id: TenantPath, services: Provided, call: Call = SuspensionCall()) -> SuspensionAnswer:  # noqa: B008
    """One batch, or everything: without `batch_code` the batches suspended by themselves are activated as well.

    409 with `tenant_suspended` for one batch while all of the tenant's mail is suspended.
    """
    done = services.suspensions.activate(tenant_id, call.batch_code, within=_BRING_BACK_WITHIN)
    return _answer(services, done.tenant, call, _ACTIVATED if done.complete else _IN_BACKGROUND)


def _answer(services: Services, tenant: Tenant, call: SuspensionCall, notice: str) -> SuspensionAnswer:
    waiting = services.waiting.count(tenant, call.batch_code, within=_COUNT_WITHIN)
    return SuspensionAnswer(
        tenant_id=tenant.id,
        suspended=tenant.suspended,
        suspended_batches=tenant.suspended_batches,
        pending=waiting.mails,
        pending_is_complete=waiting.complete,
        notice=notice,
    )
