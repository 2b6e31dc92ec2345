"""Suppressed addresses of a tenant."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path, Response, status
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from functions.api.auth import require_tenant
from functions.api.cursors import Cursor, Limit, decode_cursor, encode_cursor
from functions.api.gate import GatedRoute
from functions.api.problems import documented
from functions.api.schema import NextCursor, TenantPath, Timestamp
from functions.api.services import Provided
from shared.clock import iso8601
from shared.messages.addresses import parse_address
from shared.messages.submission import OneLine
from shared.suppression.model import MAX_REASON, Suppression, SuppressionSource

router = APIRouter(
    prefix="/v1/tenants/{tenant_id}/suppressions",
    tags=["suppressions"],
    route_class=GatedRoute,
    dependencies=[Depends(require_tenant)],
)

_UNSUBSCRIBED = {"summary": "Somebody unsubscribed", "value": {"reason": "unsubscribed on our website"}}


def _bare_address(text: str) -> str:
    parsed = parse_address(text)
    if parsed.name:
        raise PydanticCustomError("invalid_address", "expected an address without a name")
    return parsed.address


# An address may hold slashes, whether or not they come percent-encoded.
AddressPath = Annotated[
    str,
    AfterValidator(_bare_address),
    Path(description="The address, whatever its case.", examples=["anna@example.com"], max_length=320),
]


class SuppressionSettings(BaseModel):
    """Why an address is to get no more mail."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: Annotated[str, OneLine, Field(max_length=MAX_REASON)] = "suppressed by the tenant"


class SuppressionView(BaseModel):
    """A suppressed address. Mail to it becomes an `error` without asking the relay."""

    address: str = Field(examples=["anna@example.com"])
    reason: str = Field(examples=["550 5.1.1 user unknown"])
    source: SuppressionSource = Field(
        description="`refusal`: a relay refused the address for good; `bounce`: a report came back; `complaint`: the "
        "recipient called a mail spam."
    )
    message_id: str | None = Field(description="The message that was refused.")
    event_id: str | None = Field(description="The event that reported the refusal.")
    since: Timestamp

    @classmethod
    def of(cls, suppression: Suppression) -> "SuppressionView":
        """The suppression as shown."""
        return cls(
            address=suppression.address,
            reason=suppression.reason,
            source=suppression.source,
            message_id=suppression.message_id,
            event_id=suppression.event_id,
            since=iso8601(suppression.since),
        )


class SuppressionList(BaseModel):
    """One page of suppressed addresses, in their order."""

    suppressions: list[SuppressionView]
    next_cursor: NextCursor


@router.get("", summary="List suppressed addresses", responses=documented(404))
def list_suppressions(
    tenant_id: TenantPath, services: Provided, limit: Limit = 100, cursor: Cursor = None
) -> SuppressionList:
    """In order of address."""
    listing = f"suppressions#{tenant_id}"
    after = decode_cursor(listing, cursor) if cursor is not None else None
    services.tenants.get(tenant_id)
    page = services.suppressions.page(tenant_id, limit=limit, after=after)
    next_cursor = encode_cursor(listing, page.next) if page.next is not None else None
    return SuppressionList(
        suppressions=[SuppressionView.of(each) for each in page.suppressions], next_cursor=next_cursor
    )


@router.get("/{address:path}", summary="Read a suppressed address", responses=documented(404))
def get_suppression(tenant_id: TenantPath, address: AddressPath, services: Provided) -> SuppressionView:
    """404 when the address is not suppressed."""
    return SuppressionView.of(services.suppressions.get(tenant_id, address))


@router.put(
    "/{address:path}",
    summary="Suppress an address",
    response_model=SuppressionView,
    response_description="Replaced",
    responses=documented(404, body=True, created=SuppressionView),
)
def put_suppression(
    tenant_id: TenantPath,
    address: AddressPath,
    settings: Annotated[SuppressionSettings, Body(openapi_examples={"unsubscribed": _UNSUBSCRIBED})],
    services: Provided,
) -> SuppressionView | Response:
    """Mail that waits for it already is not sent either, unless a sender holds it just now."""
    services.tenants.get(tenant_id)
    suppression, is_new = services.suppressions.put(tenant_id, address, settings.reason)
    view = SuppressionView.of(suppression)
    if is_new:
        return JSONResponse(view.model_dump(mode="json"), status_code=status.HTTP_201_CREATED)
    return view


@router.delete(
    "/{address:path}",
    summary="Let an address get mail again",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=documented(404),
)
def delete_suppression(tenant_id: TenantPath, address: AddressPath, services: Provided) -> None:
    """Mail that failed meanwhile stays so: send it again with `retry`. 404 when the address is not suppressed."""
    services.suppressions.delete(tenant_id, address)
