"""The endpoints that are told what became of the mail: how they fare, a call now, the secret that signs the calls."""

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Body, Depends, status
from pydantic import BaseModel, ConfigDict, Field

from functions.api.auth import CurrentCaller, require_admin, require_tenant
from functions.api.cursors import Cursor, Limit, decode_owner_id, encode_cursor
from functions.api.gate import GatedRoute
from functions.api.problems import documented
from functions.api.pushes import pushed_tenant
from functions.api.schema import NextCursor, TenantPath, Timestamp
from functions.api.services import Provided
from shared.clock import SECOND, Millis, iso8601
from shared.instance.model import Instance
from shared.json_values import WholeNumber
from shared.reports.sync_state import Disabled, SyncState
from shared.tenants.endpoints import sync_url
from shared.tenants.model import Tenant
from shared.tenants.signing import LONGEST_OVERLAP

router = APIRouter(tags=["reports"], route_class=GatedRoute)

_LISTING = "sync"
_OF_TENANT = [Depends(require_tenant)]
_ROTATION_EXAMPLES = {
    "planned": {"summary": "With a day to bring the new secret to the endpoint", "value": {"overlap_seconds": 86_400}},
    "leaked": {"summary": "The secret leaked: it is of no use from now on", "value": {"overlap_seconds": 0}},
}


class SyncStatus(StrEnum):
    """How a tenant's endpoint fares."""

    WORKING = "working"
    FAILING = "failing"
    DISABLED = "disabled"
    NO_ENDPOINT = "no_endpoint"
    INACTIVE = "inactive"


class SyncView(BaseModel):
    """A tenant's endpoint: what was seen of it, and what comes next."""

    tenant_id: str = Field(examples=["acme"])
    status: SyncStatus = Field(
        description="`failing`: the last call was not acknowledged. `disabled`: none is made until one is asked for, "
        "or the tenant is changed. `no_endpoint`: neither the tenant nor the instance has a URL."
    )
    url: str | None
    last_call_at: Timestamp | None
    last_success_at: Timestamp | None
    next_sync_at: Timestamp | None = Field(
        description="When it is called next if no event comes before; null while no call is made."
    )
    do_not_disturb_until: Timestamp | None = Field(description="`next_sync_after` of its last answer that had one.")
    queued: int = Field(description="How many messages it had yet to submit, by its last answer.", examples=[0])
    failures: int = Field(description="Calls in a row that were not acknowledged.", examples=[0])
    failing_since: Timestamp | None
    last_error: str | None
    disabled: Disabled | None = Field(description="`gone`: it answered 410. `failing`: it failed for five days.")
    disabled_at: Timestamp | None

    @classmethod
    def of(cls, tenant: Tenant, instance: Instance, state: SyncState, now: Millis) -> "SyncView":
        """The state as shown."""
        current = _status(tenant, instance, state)
        called = current in (SyncStatus.WORKING, SyncStatus.FAILING)
        return cls(
            tenant_id=tenant.id,
            status=current,
            url=sync_url(tenant, instance),
            last_call_at=_shown(state.last_call_at),
            last_success_at=_shown(state.last_success_at),
            next_sync_at=_shown(state.next_call(tenant.created_at)) if called else None,
            do_not_disturb_until=_shown(state.quiet_until) if (state.quiet_until or 0) > now else None,
            queued=state.queued,
            failures=state.failures,
            failing_since=_shown(state.failing_since),
            last_error=state.last_error,
            disabled=state.disabled,
            disabled_at=_shown(state.disabled_at),
        )


class SyncList(BaseModel):
    """One page of tenants' endpoints, in order of the tenants' ids."""

    tenants: list[SyncView]
    next_cursor: NextCursor


class SigningSecretRotationCall(BaseModel):
    """How a secret is replaced."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    overlap_seconds: Annotated[
        int,
        Field(
            ge=0,
            le=LONGEST_OVERLAP // SECOND,
            description="How long calls are signed with the secret before it as well; 0 if that one leaked.",
        ),
        WholeNumber,
    ] = 86_400


class SigningSecretView(BaseModel):
    """A secret just made."""

    signing_secret: str = Field(description="Shown this once.", examples=["whsec_…"])
    previous_until: Timestamp | None = Field(description="Until when calls are signed with the one before as well.")


@router.get("/v1/sync", summary="List the endpoints", dependencies=[Depends(require_admin)], responses=documented())
def list_syncs(services: Provided, limit: Limit = 100, cursor: Cursor = None) -> SyncList:
    """Of every tenant, in order of id."""
    after = decode_owner_id(_LISTING, cursor) if cursor is not None else None
    page = services.tenants.page(limit=limit, after=after)
    states = services.syncs.get_many(tenant.id for tenant in page.tenants)
    instance, now = services.instance.get(), services.clock()
    return SyncList(
        tenants=[SyncView.of(tenant, instance, states[tenant.id], now) for tenant in page.tenants],
        next_cursor=encode_cursor(_LISTING, page.next) if page.next is not None else None,
    )


@router.get(
    "/v1/tenants/{tenant_id}/sync",
    summary="See how the endpoint fares",
    dependencies=_OF_TENANT,
    responses=documented(404),
)
def get_sync(tenant_id: TenantPath, services: Provided) -> SyncView:
    """What the reporter saw last, and when it calls next."""
    tenant = services.tenants.get(tenant_id)
    return SyncView.of(tenant, services.instance.get(), services.syncs.get(tenant_id), services.clock())


@router.post(
    "/v1/tenants/{tenant_id}/sync",
    summary="Call the endpoint now",
    dependencies=_OF_TENANT,
    status_code=status.HTTP_202_ACCEPTED,
    responses=documented(404, 409),
)
def run_sync(tenant_id: TenantPath, services: Provided, caller: CurrentCaller) -> SyncView:
    """Whether or not there are events, and although calls failed: waiting events are tried at once, and a push that was
    disabled is enabled. The quiet that a tenant asked for is ended by its own token only; called with the admin's, the
    endpoint gets its events, and else its quiet.

    409 with `no_endpoint` or `inactive` when there is nothing to call. The answer shows the state before the call.
    """
    tenant, instance = pushed_tenant(services, tenant_id)
    state = services.sync_requests.request(tenant_id, own=not caller.is_admin)
    return SyncView.of(tenant, instance, state, services.clock())


@router.post(
    "/v1/tenants/{tenant_id}/signing-secret",
    summary="Replace the signing secret",
    dependencies=_OF_TENANT,
    responses=documented(404, 409, body=True),
)
def replace_signing_secret(
    tenant_id: TenantPath,
    services: Provided,
    call: Annotated[SigningSecretRotationCall, Body(openapi_examples=_ROTATION_EXAMPLES)] = SigningSecretRotationCall(),  # noqa: B008
) -> SigningSecretView:
    """Calls are signed with the new secret at once, and until the overlap ends with the one before as well."""
    services.tenants.get(tenant_id)
    new = services.signing.replace(tenant_id, overlap=call.overlap_seconds * SECOND)
    return SigningSecretView(signing_secret=new.secret, previous_until=_shown(new.before_until))


def _status(tenant: Tenant, instance: Instance, state: SyncState) -> SyncStatus:
    if not tenant.active:
        return SyncStatus.INACTIVE
    if sync_url(tenant, instance) is None:
        return SyncStatus.NO_ENDPOINT
    if state.is_disabled:
        return SyncStatus.DISABLED
    return SyncStatus.FAILING if state.failing_since is not None else SyncStatus.WORKING


def _shown(instant: Millis | None) -> str | None:
    return iso8601(instant) if instant is not None else None
