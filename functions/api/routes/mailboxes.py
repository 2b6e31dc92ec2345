"""Mailboxes of a tenant."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path, Response, status
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from functions.api.auth import require_tenant
from functions.api.cursors import Cursor, Limit, decode_cursor, decode_owner_id, encode_cursor
from functions.api.gate import GatedRoute
from functions.api.problems import documented
from functions.api.recording import Recorded
from functions.api.routes.mailbox_views import (
    FOR_BOUNCES,
    FOR_PEC,
    MailboxList,
    MailboxVerification,
    MailboxView,
    UnmatchedList,
    UnmatchedView,
    look,
    put_mailbox,
    require_mailboxes,
)
from functions.api.schema import TenantPath
from functions.api.services import Provided, Services
from shared.errors import MailProxyError
from shared.identifiers import AccountId
from shared.mailboxes.model import Mailbox, MailboxSettings
from shared.outgoing.guard import AddressRefused

router = APIRouter(
    prefix="/v1/tenants/{tenant_id}/mailboxes",
    tags=["mailboxes"],
    route_class=GatedRoute,
    dependencies=[Depends(require_tenant), Depends(require_mailboxes)],
)

_VERIFY_SECONDS = 20.0

MailboxPath = Annotated[AccountId, Path(description="The mailbox's id.", examples=["returns"])]


@router.get("", summary="List mailboxes", responses=documented(404))
def list_mailboxes(tenant_id: TenantPath, services: Provided, limit: Limit = 100, cursor: Cursor = None) -> MailboxList:
    """In order of id."""
    listing = f"mailboxes#{tenant_id}"
    after = decode_owner_id(listing, cursor) if cursor is not None else None
    services.tenants.get(tenant_id)
    page = services.mailboxes.page(tenant_id, limit=limit, after=after)
    views = [MailboxView.of(each, services.mailbox_states.get(each.line)) for each in page.mailboxes]
    return MailboxList(
        mailboxes=views, next_cursor=encode_cursor(listing, page.next) if page.next is not None else None
    )


@router.get("/{mailbox_id}", summary="Read a mailbox", responses=documented(404))
def get_mailbox(tenant_id: TenantPath, mailbox_id: MailboxPath, services: Provided) -> MailboxView:
    """Settings, without the password, and how far it is read."""
    mailbox = services.mailboxes.get(tenant_id, mailbox_id)
    return MailboxView.of(mailbox, services.mailbox_states.get(mailbox.line))


@router.put(
    "/{mailbox_id}",
    summary="Create or replace a mailbox",
    response_model=MailboxView,
    response_description="Replaced",
    responses=documented(404, 409, body=True, created=MailboxView),
)
def replace_mailbox(
    tenant_id: TenantPath,
    mailbox_id: MailboxPath,
    settings: Annotated[MailboxSettings, Body(openapi_examples={"bounces": FOR_BOUNCES, "pec": FOR_PEC})],
    services: Provided,
) -> MailboxView | Response:
    """It is looked at, at once. A password left out stays, as long as `host` and `username` stay. Another host, port,
    username or folder is read from its beginning."""
    services.tenants.get(tenant_id)
    view, is_new = put_mailbox(services, tenant_id, mailbox_id, settings)
    if is_new:
        return JSONResponse(view.model_dump(mode="json"), status_code=status.HTTP_201_CREATED)
    return view


@router.delete(
    "/{mailbox_id}",
    summary="Delete a mailbox",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=documented(404),
)
def delete_mailbox(tenant_id: TenantPath, mailbox_id: MailboxPath, services: Provided) -> None:
    """It is read no more; the mail in it stays where it is."""
    services.mailboxes.delete(tenant_id, mailbox_id)


@router.post(
    "/{mailbox_id}/poll", summary="Look into a mailbox now", status_code=status.HTTP_202_ACCEPTED,
    responses=documented(404),
)  # fmt: skip
def poll_mailbox(tenant_id: TenantPath, mailbox_id: MailboxPath, services: Provided) -> MailboxView:
    """Whatever it waits for. The answer does not wait for it: `polled_at` tells when it was done."""
    mailbox = services.mailboxes.get(tenant_id, mailbox_id)
    look(services, mailbox)
    return MailboxView.of(mailbox, services.mailbox_states.get(mailbox.line))


@router.post("/{mailbox_id}/verify", summary="Try a mailbox", responses=documented(404))
async def verify_mailbox(
    tenant_id: TenantPath, mailbox_id: MailboxPath, services: Provided, recorded: Recorded
) -> MailboxVerification:
    """Connects as the reader does, with the stored password, opens the folder, lists the others, and reads no mail. The
    answer is 200 whatever the server says, and comes within 25 seconds."""
    mailbox = await run_in_threadpool(services.mailboxes.get, tenant_id, mailbox_id)
    seen = await _tried(mailbox, services)
    recorded.facts = {"ok": seen.ok}
    return seen


async def _tried(mailbox: Mailbox, services: Services) -> MailboxVerification:
    from shared.mailboxes.imap import ImapFault, seen_of  # no other call needs the IMAP client

    try:
        addresses = await services.guard.resolve(mailbox.host, mailbox.port)
        password = await run_in_threadpool(services.mailboxes.password, mailbox)
        folder, names = await run_in_threadpool(seen_of, mailbox, password, addresses, seconds=_VERIFY_SECONDS)
    except (ImapFault, AddressRefused, OSError) as error:
        reason = error.detail if isinstance(error, MailProxyError) else str(error)
        return MailboxVerification(ok=False, failure=reason, messages=None, uid_validity=None, folders=[])
    return MailboxVerification(
        ok=True, failure=None, messages=folder.exists, uid_validity=folder.uid_validity, folders=names
    )


@router.get("/{mailbox_id}/unmatched", summary="List what named no message", responses=documented(404))
def list_unmatched(
    tenant_id: TenantPath, mailbox_id: MailboxPath, services: Provided, limit: Limit = 100, cursor: Cursor = None
) -> UnmatchedList:
    """Reports and receipts of the last thirty days that name no message, or nobody it was sent to. The latest first."""
    services.mailboxes.get(tenant_id, mailbox_id)
    listing = f"unmatched#{tenant_id}#{mailbox_id}"
    after = decode_cursor(listing, cursor) if cursor is not None else None
    page = services.unmatched.page(tenant_id, mailbox_id, limit=limit, after=after)
    return UnmatchedList(
        unmatched=[UnmatchedView.of(each) for each in page.found],
        next_cursor=encode_cursor(listing, page.next) if page.next is not None else None,
    )
