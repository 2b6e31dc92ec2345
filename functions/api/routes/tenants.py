"""Tenants: made and listed by the admin, read and changed by themselves."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Response, status
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, SecretStr, ValidationError

from functions.api.auth import CurrentCaller, require_admin, require_tenant
from functions.api.cursors import Cursor, Limit, decode_owner_id, encode_cursor
from functions.api.gate import GatedRoute
from functions.api.problems import documented
from functions.api.schema import EXAMPLE_KEY, NextCursor, PatchOf, TenantPath, Timestamp
from functions.api.services import Provided, Services
from functions.api.urls import require_https
from shared.clock import iso8601
from shared.errors import Forbidden
from shared.instance.model import RetryPolicy
from shared.limits.model import SendingLimits
from shared.tenants.model import Acknowledgement, AuthMethod, Tenant, TenantSettings

router = APIRouter(prefix="/v1/tenants", tags=["tenants"], route_class=GatedRoute)

_LISTING = "tenants"
_SETTINGS_EXAMPLE = {
    "summary": "With an endpoint for reports",
    "value": {
        "name": "Acme Corporation",
        "client_base_url": "https://app.acme.example",
        "client_sync_path": "/mail-proxy/sync",
        "client_auth": {"method": "bearer", "token": "a-secret-of-the-endpoint"},
        "default_account": "main",
    },
}
_CHANGES_EXAMPLE = {
    "summary": "Another default account, and no name",
    "value": {"default_account": "backup", "name": None},
}


class ClientAuthView(BaseModel):
    """How the proxy proves itself to the tenant's endpoint; the secret itself is never shown."""

    method: AuthMethod
    user: str | None
    has_secret: bool


class TenantView(BaseModel):
    """A tenant."""

    id: str = Field(examples=["acme"])
    name: str | None
    active: bool
    client_base_url: str | None
    client_sync_path: str | None
    client_attachment_path: str | None
    client_auth: ClientAuthView
    default_account: str | None
    ack: Acknowledgement
    limits: SendingLimits
    retry: RetryPolicy | None
    calls_per_minute: int | None
    suspended: bool = Field(description="Whether none of its mail is sent, by `POST …/suspend`.")
    suspended_batches: list[str] = Field(examples=[["news-2026-02"]])
    deleting: bool = Field(description="Whether it is being deleted, by `DELETE`.")
    created_at: Timestamp
    updated_at: Timestamp

    @classmethod
    def of(cls, tenant: Tenant) -> "TenantView":
        """The tenant as shown."""
        return cls(
            id=tenant.id,
            name=tenant.name,
            active=tenant.active,
            client_base_url=tenant.client_base_url,
            client_sync_path=tenant.client_sync_path,
            client_attachment_path=tenant.client_attachment_path,
            client_auth=ClientAuthView(
                method=tenant.auth_method, user=tenant.auth_user, has_secret=tenant.sealed_auth is not None
            ),
            default_account=tenant.default_account,
            ack=tenant.ack,
            limits=tenant.limits,
            retry=tenant.retry,
            calls_per_minute=tenant.calls_per_minute,
            suspended=tenant.suspended,
            suspended_batches=tenant.suspended_batches,
            deleting=tenant.deleting_since is not None,
            created_at=iso8601(tenant.created_at),
            updated_at=iso8601(tenant.updated_at),
        )


class NewTenantView(TenantView):
    """A tenant just made."""

    api_key: str = Field(description="Shown this once; only its hash is kept.", examples=[EXAMPLE_KEY])
    signing_secret: str = Field(
        description="What its reports are signed with (Standard Webhooks). Shown this once.", examples=["whsec_…"]
    )


class TenantList(BaseModel):
    """One page of tenants, in order of id."""

    tenants: list[TenantView]
    next_cursor: NextCursor


@router.get("", summary="List tenants", dependencies=[Depends(require_admin)], responses=documented())
def list_tenants(services: Provided, limit: Limit = 100, cursor: Cursor = None) -> TenantList:
    """In order of id. A tenant just made may be missing for a moment."""
    after = decode_owner_id(_LISTING, cursor) if cursor is not None else None
    page = services.tenants.page(limit=limit, after=after)
    next_cursor = encode_cursor(_LISTING, page.next) if page.next is not None else None
    return TenantList(tenants=[TenantView.of(each) for each in page.tenants], next_cursor=next_cursor)


@router.put(
    "/{tenant_id}",
    summary="Create or replace a tenant",
    dependencies=[Depends(require_admin)],
    response_model=TenantView,
    response_description="Replaced",
    responses=documented(409, body=True, created=NewTenantView),
)
def put_tenant(
    tenant_id: TenantPath,
    settings: Annotated[TenantSettings, Body(openapi_examples={"full": _SETTINGS_EXAMPLE})],
    services: Provided,
) -> TenantView | Response:
    """Creates the tenant with its first API key and its signing secret, which only this answer shows. For a
    tenant that exists already it replaces all settings, and what is left out goes back to its default; the key stays.
    409 with `tenant_deleting` while a tenant of that id is being deleted.
    """
    require_https(settings.client_base_url, services.guard)
    services.sync_requests.begin(tenant_id)  # before there is a key to be lost
    new = services.tenants.create(tenant_id, settings)
    if new is not None:
        view = NewTenantView(
            **TenantView.of(new.tenant).model_dump(), api_key=new.api_key, signing_secret=new.signing_secret
        )
        return JSONResponse(view.model_dump(mode="json"), status_code=status.HTTP_201_CREATED)
    return _replace(services, services.tenants.get(tenant_id), settings, says_active=settings.active)


@router.get(
    "/{tenant_id}",
    summary="Read a tenant",
    dependencies=[Depends(require_tenant)],
    responses=documented(404),
)
def get_tenant(tenant_id: TenantPath, services: Provided) -> TenantView:
    """Settings, without secrets. `deleting` is true from `DELETE` until the tenant is gone, which is 404."""
    return TenantView.of(services.tenants.find(tenant_id))


@router.delete(
    "/{tenant_id}",
    summary="Delete a tenant",
    dependencies=[Depends(require_admin)],
    status_code=status.HTTP_202_ACCEPTED,
    response_description="Being deleted",
    responses=documented(404),
)
def delete_tenant(tenant_id: TenantPath, services: Provided) -> TenantView:
    """With all that it owns: messages and their contents, unsent ones included, events, accounts, suppressions, keys.

    From now on nothing is accepted, sent or reported, but for what a sender holds already; its keys die within 30
    seconds. What it owns is deleted from a few minutes on, when nobody can be at work for it any more; `GET` shows
    `deleting` until all is gone, and then answers 404. The id may be used again after that. It cannot be taken back.
    """
    return TenantView.of(services.deletions.begin(tenant_id))


@router.patch(
    "/{tenant_id}",
    summary="Change some of a tenant's settings",
    dependencies=[Depends(require_tenant)],
    responses=documented(404, 409, body=True),
)
def patch_tenant(
    tenant_id: TenantPath,
    changes: Annotated[dict[str, object], PatchOf(TenantSettings), Body(openapi_examples={"some": _CHANGES_EXAMPLE})],
    services: Provided,
    caller: CurrentCaller,
) -> TenantView:
    """A JSON merge patch (RFC 7396): what is left out stays, null goes back to the default. Only the admin may change
    `active` and `calls_per_minute`.
    """
    for name in ("active", "calls_per_minute"):
        if name in changes and not caller.is_admin:
            raise Forbidden(f"only the admin token may change {name}")
    tenant = services.tenants.get(tenant_id)
    before = _revealed(services.tenants.settings_of(tenant))
    try:
        settings = TenantSettings.model_validate(merged(before, changes))
    except ValidationError as error:
        located = [found | {"loc": ("body", *found["loc"])} for found in error.errors(include_input=False)]
        raise RequestValidationError(located) from None
    if settings.client_base_url != tenant.client_base_url:
        require_https(settings.client_base_url, services.guard)
    return _replace(services, tenant, settings, says_active=settings.active and "active" in changes)


def merged(target: Mapping[str, object], patch: Mapping[str, object]) -> dict[str, object]:
    """RFC 7396, section 2."""
    result = dict(target)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            inner = result.get(name)
            result[name] = merged(inner if isinstance(inner, Mapping) else {}, value)
        else:
            result[name] = value
    return result


def _revealed(settings: TenantSettings) -> dict[str, object]:
    """As JSON would hold it, secrets readable: only to be merged and validated again."""
    plain: dict[str, object] = settings.model_dump(exclude_none=True)
    auth = settings.client_auth.model_dump(exclude_none=True)
    plain["client_auth"] = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value for name, value in auth.items()
    }
    return plain


def _replace(services: Services, tenant: Tenant, settings: TenantSettings, *, says_active: bool) -> TenantView:
    """What made pushing fail may be mended now, so that the endpoint is called at once; and so is the mail of a tenant
    that is said to be active, whatever it was: an earlier call may have been cut off before it opened the lines.
    """
    replaced = services.tenants.replace(tenant, settings)
    services.sync_requests.request(tenant.id, own=False)
    if says_active:
        for account in services.accounts.all(tenant.id):
            services.lines.unblock(account.lines)
    return TenantView.of(replaced)
