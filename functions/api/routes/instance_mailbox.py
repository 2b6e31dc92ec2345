"""The instance's own mailbox, for bounces of every tenant's mail."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Response, status
from fastapi.responses import JSONResponse

from functions.api.auth import require_admin
from functions.api.gate import GatedRoute
from functions.api.problems import documented
from functions.api.routes.mailbox_views import FOR_BOUNCES, MailboxView, put_mailbox, require_mailboxes
from functions.api.services import Provided
from shared.mailboxes.model import INSTANCE_OWNER, MailboxSettings

router = APIRouter(
    prefix="/v1/instance/bounce",
    tags=["mailboxes"],
    route_class=GatedRoute,
    dependencies=[Depends(require_admin), Depends(require_mailboxes)],
)

_ID = "bounce"


@router.get("", summary="Read the instance's mailbox", responses=documented(404))
def get_instance_mailbox(services: Provided) -> MailboxView:
    """Settings, without the password, and how far it is read."""
    mailbox = services.mailboxes.get(INSTANCE_OWNER, _ID)
    return MailboxView.of(mailbox, services.mailbox_states.get(mailbox.line))


@router.put(
    "",
    summary="Create or replace the instance's mailbox",
    response_model=MailboxView,
    response_description="Replaced",
    responses=documented(404, 409, body=True, created=MailboxView),
)
def put_instance_mailbox(
    settings: Annotated[MailboxSettings, Body(openapi_examples={"bounces": FOR_BOUNCES})], services: Provided
) -> MailboxView | Response:
    """What it tells is believed about the mail of every tenant. It is looked at, at once."""
    view, is_new = put_mailbox(services, INSTANCE_OWNER, _ID, settings)
    if is_new:
        return JSONResponse(view.model_dump(mode="json"), status_code=status.HTTP_201_CREATED)
    return view


@router.delete(
    "", summary="Delete the instance's mailbox", status_code=status.HTTP_204_NO_CONTENT, responses=documented(404)
)
def delete_instance_mailbox(services: Provided) -> None:
    """It is read no more; the mail in it stays where it is."""
    services.mailboxes.delete(INSTANCE_OWNER, _ID)
