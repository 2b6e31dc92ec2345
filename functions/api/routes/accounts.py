"""SMTP accounts of a tenant."""

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Depends, Query, Response, status
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from functions.api.auth import require_tenant
from functions.api.cursors import Cursor, Limit, decode_owner_id, encode_cursor
from functions.api.gate import GatedRoute
from functions.api.problems import documented
from functions.api.recording import Recorded
from functions.api.schema import AccountPath, NextCursor, TenantPath, Timestamp
from functions.api.services import Provided, Services
from functions.api.urls import require_https
from shared.accounts.health import Fault
from shared.accounts.model import Account, AccountSettings, TlsMode
from shared.accounts.oauth.settings import OAuth
from shared.clock import iso8601
from shared.errors import Conflict
from shared.limits.model import SendingLimits
from shared.lines.line import Line
from shared.tenants.model import Tenant

router = APIRouter(
    prefix="/v1/tenants/{tenant_id}/accounts",
    tags=["accounts"],
    route_class=GatedRoute,
    dependencies=[Depends(require_tenant)],
)

_SUBMISSION_PORT = {
    "summary": "STARTTLS on the submission port",
    "value": {
        "host": "smtp.example.com",
        "port": 587,
        "tls": "starttls",
        "username": "acme",
        "password": "a-secret-of-the-relay",
    },
}
_IMPLICIT_TLS = {
    "summary": "Implicit TLS, the password kept as it is",
    "value": {"host": "smtp.example.com", "port": 465, "tls": "tls", "username": "acme"},
}
_OAUTH = {
    "summary": "Microsoft 365 by an application's own permission",
    "value": {
        "host": "smtp.office365.com",
        "port": 587,
        "tls": "starttls",
        "username": "no-reply@acme.example",
        "oauth": {
            "grant": "client_credentials",
            "token_url": "https://login.microsoftonline.com/acme.example/oauth2/v2.0/token",
            "client_id": "4ed8ccd5-0000-0000-0000-000000000000",
            "client_secret": "a-secret-of-the-application",
            "scope": "https://outlook.office365.com/.default",
        },
    },
}

Force = Annotated[bool, Query(description="Delete it with mail waiting; that becomes an error.")]


class AccountHealth(BaseModel):
    """`waiting`: the relay cannot be used or refuses the account, and its mail waits in order. Correcting the account
    tries it again at once."""

    status: Literal["ok", "waiting"]
    since: Timestamp | None = None
    scope: Literal["relay", "account"] | None = None
    stage: str | None = Field(
        None, description="Where in the SMTP session: connect, tls, ehlo, auth, mail, rcpt, data."
    )
    code: int | None = None
    reason: str | None = None

    @classmethod
    def of(cls, fault: Fault | None) -> "AccountHealth":
        """As shown."""
        if fault is None:
            return cls(status="ok")
        fields = fault.model_dump(include={"scope", "stage", "code", "reason"})
        return cls(status="waiting", since=iso8601(fault.since), **fields)


class AccountView(BaseModel):
    """An account; its password is never shown."""

    id: str = Field(examples=["main"])
    host: str = Field(examples=["smtp.example.com"])
    port: int = Field(examples=[587])
    tls: TlsMode
    username: str | None = Field(examples=["acme"])
    has_password: bool
    oauth: OAuth | None
    verify_certificate: bool
    has_ca_certificate: bool
    max_connections: int | None
    batch_size: int = Field(examples=[100])
    idle_seconds: int = Field(examples=[30])
    parallelism: int = Field(examples=[1])
    limits: SendingLimits
    is_pec_account: bool
    pec_max_total_mb: int = Field(examples=[100])
    health: AccountHealth
    created_at: Timestamp
    updated_at: Timestamp

    @classmethod
    def of(cls, account: Account, fault: Fault | None) -> "AccountView":
        """The account as shown."""
        return cls(
            id=account.id,
            host=account.host,
            port=account.port,
            tls=account.tls,
            username=account.username,
            has_password=account.sealed_password is not None,
            oauth=account.oauth,
            verify_certificate=account.verify_certificate,
            has_ca_certificate=account.ca_certificate is not None,
            max_connections=account.max_connections,
            batch_size=account.batch_size,
            idle_seconds=account.idle_seconds,
            parallelism=account.parallelism,
            limits=account.limits,
            is_pec_account=account.is_pec_account,
            pec_max_total_mb=account.pec_max_total_mb,
            health=AccountHealth.of(fault),
            created_at=iso8601(account.created_at),
            updated_at=iso8601(account.updated_at),
        )


class AccountList(BaseModel):
    """One page of a tenant's accounts, in order of id."""

    accounts: list[AccountView]
    next_cursor: NextCursor


def _listing(tenant_id: str) -> str:
    return f"accounts#{tenant_id}"


@router.get("", summary="List accounts", responses=documented(404))
def list_accounts(tenant_id: TenantPath, services: Provided, limit: Limit = 100, cursor: Cursor = None) -> AccountList:
    """In order of id."""
    listing = _listing(tenant_id)
    after = decode_owner_id(listing, cursor) if cursor is not None else None
    services.tenants.get(tenant_id)
    page = services.accounts.page(tenant_id, limit=limit, after=after)
    next_cursor = encode_cursor(listing, page.next) if page.next is not None else None
    faults = services.health.faults(tenant_id, (each.id for each in page.accounts))
    views = [AccountView.of(each, faults.get(each.id)) for each in page.accounts]
    return AccountList(accounts=views, next_cursor=next_cursor)


@router.get("/{account_id}", summary="Read an account", responses=documented(404))
def get_account(tenant_id: TenantPath, account_id: AccountPath, services: Provided) -> AccountView:
    """Settings, without password and other secrets."""
    account = services.accounts.get(tenant_id, account_id)
    return AccountView.of(account, services.health.fault(tenant_id, account_id))


@router.put(
    "/{account_id}",
    summary="Create or replace an account",
    response_model=AccountView,
    response_description="Replaced",
    responses=documented(404, 409, body=True, created=AccountView),
)
def put_account(
    tenant_id: TenantPath,
    account_id: AccountPath,
    settings: Annotated[
        AccountSettings,
        Body(openapi_examples={"submission": _SUBMISSION_PORT, "implicit": _IMPLICIT_TLS, "oauth": _OAUTH}),
    ],
    services: Provided,
) -> AccountView | Response:
    """A password left out stays, as long as host and username stay; so do the secrets of `oauth`, as long as its
    `token_url`, `client_id` and `subject` stay too. What waited for the account is tried at once."""
    services.tenants.get(tenant_id)
    if settings.oauth is not None:
        require_https(settings.oauth.token_url, services.guard, pointer="/oauth/token_url")
    account, is_new = services.accounts.put(tenant_id, account_id, settings)
    services.lines.unblock(account.lines)
    view = AccountView.of(account, services.health.fault(tenant_id, account_id))
    if is_new:
        return JSONResponse(view.model_dump(mode="json"), status_code=status.HTTP_201_CREATED)
    return view


@router.delete(
    "/{account_id}",
    summary="Delete an account",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=documented(404, 409),
)
def delete_account(
    tenant_id: TenantPath, account_id: AccountPath, services: Provided, recorded: Recorded, force: Force = False
) -> None:
    """Refused (code `account_has_mail`) while mail waits in it: cancel that, let it be sent, or give `force=true`.

    Forced, its mail becomes an `error`, scheduled mail too, and is reported; of a suspended batch, or of a tenant that
    is suspended, once that is activated. What a sender holds just now may still be sent.
    """
    tenant = services.tenants.get(tenant_id)
    lines = services.accounts.get(tenant_id, account_id).lines
    if not force:
        _refuse_with_mail(services, tenant, account_id, lines)
    services.accounts.delete(tenant_id, account_id)
    services.access_tokens.forget(tenant_id, account_id)
    services.health.forget(tenant_id, account_id)
    services.counters.forget(tenant_id, account_id)
    services.lines.unblock(lines)
    recorded.facts = {"forced": force}


def _refuse_with_mail(services: Services, tenant: Tenant, account_id: str, lines: Sequence[Line]) -> None:
    for line in lines:
        if services.slices.first(line) is not None:
            raise Conflict(
                f"account {account_id} has unsent mail of priority {line.kind.value}: cancel it, let it be sent, or "
                "give force=true",
                code="account_has_mail",
            )
    if services.aside.holds(tenant, account_id):
        raise Conflict(
            f"account {account_id} has mail in a suspended batch: activate that, cancel the mail, or give force=true",
            code="account_has_mail",
        )
