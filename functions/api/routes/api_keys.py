"""The API key of a tenant: replaced, with or without a while in which the old one still works, and revoked."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, status
from pydantic import BaseModel, ConfigDict, Field

from functions.api.auth import require_admin
from functions.api.gate import GatedRoute
from functions.api.problems import documented
from functions.api.recording import Recorded
from functions.api.schema import EXAMPLE_KEY, TenantPath, Timestamp
from functions.api.services import Provided
from shared.clock import LAST_INSTANT, SECOND, Millis, iso8601
from shared.errors import InvalidInput
from shared.json_values import Moment, WholeNumber
from shared.tenants.api_keys import DEFAULT_OVERLAP, MAX_OVERLAP, ApiKey, Rotation

router = APIRouter(
    prefix="/v1/tenants/{tenant_id}/api-key",
    tags=["tenants"],
    route_class=GatedRoute,
    dependencies=[Depends(require_admin)],
)

_EXAMPLES = {
    "planned": {
        "summary": "Planned: the old key works for a day more",
        "value": {"expires_at": "2027-01-31T00:00:00Z", "overlap_seconds": 86_400},
    },
    "leaked": {"summary": "The old key has leaked", "value": {"overlap_seconds": 0}},
}


class ApiKeyRotationCall(BaseModel):
    """How the new key and the old one end."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    expires_at: Annotated[
        Moment | None, Field(description="When the new key ends, with a time zone. Left out: never.")
    ] = None
    overlap_seconds: Annotated[
        int,
        Field(ge=0, le=MAX_OVERLAP // SECOND, description="How long the old key still works; 0 ends it now."),
        WholeNumber,
    ] = DEFAULT_OVERLAP // SECOND


class ApiKeyView(BaseModel):
    """A key, without the key itself."""

    id: str = Field(description="Names the key, and tells nothing of it.", examples=["9f86d081884c7d65"])
    created_at: Timestamp
    expires_at: Timestamp | None

    @classmethod
    def of(cls, key: ApiKey) -> "ApiKeyView":
        """The key as shown."""
        expires_at = iso8601(key.expires_at) if key.expires_at is not None else None
        return cls(id=key.id, created_at=iso8601(key.created_at), expires_at=expires_at)


class RotatedView(ApiKeyView):
    """The new key, and the one before while that still works."""

    api_key: str = Field(description="Shown this once; only its hash is kept.", examples=[EXAMPLE_KEY])
    previous: ApiKeyView | None

    @classmethod
    def of_rotation(cls, rotation: Rotation) -> "RotatedView":
        """The only answer that holds the new key."""
        return cls(
            **ApiKeyView.of(rotation.current).model_dump(),
            api_key=rotation.secret,
            previous=ApiKeyView.of(rotation.previous) if rotation.previous else None,
        )


@router.post(
    "",
    summary="Replace the API key",
    status_code=status.HTTP_201_CREATED,
    response_description="The new key",
    responses=documented(404, 409, body=True),
)
def rotate_api_key(
    tenant_id: TenantPath,
    services: Provided,
    recorded: Recorded,
    call: Annotated[ApiKeyRotationCall, Body(openapi_examples=_EXAMPLES)] = ApiKeyRotationCall(),  # noqa: B008 - frozen
) -> RotatedView:
    """Makes a new key, which only this answer shows. The old one works for `overlap_seconds` more (an hour, unless the
    call says otherwise; at most seven days), one that was older ends now. An ended key dies within 30 seconds.

    A tenant whose keys were revoked gets one again this way.
    """
    now = services.clock()
    expires_at = _end(call, now)
    services.tenants.get(tenant_id)
    rotation = services.api_keys.rotate(
        tenant_id, now=now, expires_at=expires_at, overlap=call.overlap_seconds * SECOND
    )
    recorded.facts = {"key_id": rotation.current.id}
    return RotatedView.of_rotation(rotation)


@router.delete(
    "",
    summary="Revoke the API keys",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=documented(404, 409),
)
def revoke_api_keys(tenant_id: TenantPath, services: Provided) -> None:
    """The live key, and the one before it: both die within 30 seconds. Repeating it changes nothing."""
    services.tenants.get(tenant_id)
    services.api_keys.revoke(tenant_id)


def _end(call: ApiKeyRotationCall, now: Millis) -> Millis | None:
    if call.expires_at is None:
        return None
    expires_at = int(call.expires_at.timestamp() * SECOND)
    if expires_at <= now:
        raise InvalidInput(
            f"expires_at: {iso8601(expires_at)} is over: give a time to come", code="in_the_past", pointer="/expires_at"
        )
    if expires_at > LAST_INSTANT:
        raise InvalidInput(
            f"expires_at: at most {iso8601(LAST_INSTANT)}; leave it out for a key without an end",
            code="too_far_ahead",
            pointer="/expires_at",
        )
    return expires_at
