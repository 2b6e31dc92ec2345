"""Messages: submitted, listed, read, taken back, sent again."""

import re
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Query, status

from functions.api.auth import require_tenant
from functions.api.cursors import Cursor, Limit, decode_cursor, encode_cursor, instant_of, refuse_cursor, refuse_query
from functions.api.gate import GatedRoute
from functions.api.idempotency import TAKES_IDEMPOTENCY_KEY
from functions.api.measurements import count_submission
from functions.api.problems import NothingAccepted, SubmissionProblem, documented
from functions.api.recording import Recorded
from functions.api.routes.message_views import (
    CleanupAnswer,
    CleanupCall,
    DeletionAnswer,
    DeletionCall,
    MessageList,
    MessageSummary,
    MessageView,
    SubmissionAnswer,
    SubmissionCall,
)
from functions.api.schema import MessagePath, TenantPath
from functions.api.services import Provided, Services
from shared.clock import LAST_INSTANT, SECOND, Millis
from shared.errors import Conflict
from shared.identifiers import DUE_KEY_PATTERN, MAIL_ID_PATTERN, AccountId, BatchCode
from shared.json_values import Moment
from shared.messages.model import Mail, Status
from shared.messages.suspension import as_shown
from shared.messages.table import MailPosition

router = APIRouter(
    prefix="/v1/tenants/{tenant_id}/messages",
    tags=["messages"],
    route_class=GatedRoute,
    dependencies=[Depends(require_tenant)],
)

_PASSWORD_RESET = {
    "summary": "One urgent message",
    "value": {
        "messages": [
            {
                "id": "MSG-001",
                "from": "Acme <no-reply@acme.example>",
                "to": "anna@example.com",
                "subject": "Your password",
                "text": "Follow this link …",
                "priority": "immediate",
            }
        ]
    },
}
_NEWSLETTER = {
    "summary": "A batch, scheduled",
    "value": {
        "default_priority": "low",
        "messages": [
            {
                "id": "2026-02-anna",
                "account_id": "main",
                "from": "Acme <news@acme.example>",
                "to": ["Anna Example <anna@example.com>"],
                "bcc": ["archive@acme.example"],
                "reply_to": "hello@acme.example",
                "subject": "News of February",
                "text": "Dear Anna …",
                "html": "<p>Dear Anna …</p>",
                "headers": {"List-Unsubscribe": "<https://acme.example/unsubscribe/anna>"},
                "send_at": "2026-02-01T08:00:00Z",
                "batch_code": "news-2026-02",
                "attachments": [{"filename": "note.txt", "storage_path": "base64:SGVsbG8="}],
            }
        ],
    },
}

_TWO_IDS = {"summary": "Two of them", "value": {"ids": ["MSG-001", "MSG-002"]}}
_OLDER_THAN_A_DAY = {"summary": "Reported more than a day ago", "value": {"older_than_seconds": 86400}}

_CLEAN_UP_WITHIN: Millis = 15 * SECOND


@router.post(
    "",
    summary="Submit messages",
    status_code=status.HTTP_202_ACCEPTED,
    response_description="Some or all accepted",
    dependencies=[TAKES_IDEMPOTENCY_KEY],
    responses=documented(404, 409, body=True, invalid=SubmissionProblem),
)
def submit_messages(
    tenant_id: TenantPath,
    call: Annotated[SubmissionCall, Body(openapi_examples={"urgent": _PASSWORD_RESET, "batch": _NEWSLETTER})],
    services: Provided,
    recorded: Recorded,
) -> SubmissionAnswer:
    """At most 1000 messages and 6 MB a call. What is accepted is stored and queued before the answer.

    Submitting a message again under the same `id` changes nothing and is accepted. With other content it replaces a
    message that is not sent yet, which keeps its place in order unless priority, account, `send_at` or batch change; it
    is rejected while a worker holds that message (`in_flight`), and once it is sent, has failed or was cancelled
    (`id_conflict`). 422 with `nothing_accepted` when no message was taken. 409 with `tenant_inactive` while the tenant
    is not active. After 503 send the same call again: it completes what was begun.
    """
    tenant = services.tenants.get(tenant_id)
    if not tenant.active:
        raise Conflict(f"tenant {tenant_id} is not active: nothing is accepted", code="tenant_inactive")
    result = services.intake.accept(tenant, services.instance.get(), call.messages, call.default_priority)
    count_submission(tenant_id, accepted=len(result.accepted), rejected=len(result.rejected))
    if not result.accepted:
        raise NothingAccepted(result.rejected)
    recorded.facts = {
        "accepted_count": len(result.accepted),
        "rejected_count": len(result.rejected),
        "accepted": [each.id for each in result.accepted],
    }
    return SubmissionAnswer.of(result)


@router.get("", summary="List messages", responses=documented(404))
def list_messages(
    tenant_id: TenantPath,
    services: Provided,
    status: Annotated[Status | None, Query(description="Only those in this status.")] = None,
    account_id: Annotated[AccountId | None, Query(description="Only those of this account.")] = None,
    batch_code: Annotated[BatchCode | None, Query(description="Only those of this batch.")] = None,
    since: Annotated[Moment | None, Query(description="Only those submitted at this time or later.")] = None,
    until: Annotated[Moment | None, Query(description="Only those submitted before this time.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> MessageList:
    """Latest first. A message just submitted may be missing for a moment.

    `status` and `account_id` pick from the `limit` messages that a page looks at: a page may hold fewer, even none,
    and still have a `next_cursor`. Go on until it is null.
    """
    first, last = instant_of(since), instant_of(until)
    if first is not None and last is not None and first > last:
        refuse_query("until", "before since: nothing can lie between", code="invalid_range")
    listing = f"messages#{tenant_id}#{batch_code or ''}"
    if (first, last) != (None, None):
        listing += f"#{first}-{last}"
    after = _position(decode_cursor(listing, cursor)) if cursor is not None else None
    if after is not None and not (first or 0) <= after.created_at < (LAST_INSTANT if last is None else last):
        refuse_cursor()
    tenant = services.tenants.get(tenant_id)
    page = services.mails.page(tenant_id, limit=limit, after=after, batch_code=batch_code, since=first, until=last)
    wanted = [
        MessageSummary.of(mail)
        for mail in (as_shown(each, tenant) for each in page.mails)
        if (status is None or mail.status is status) and (account_id is None or mail.account_id == account_id)
    ]
    next_cursor = encode_cursor(listing, _place(page.next)) if page.next is not None else None
    return MessageList(messages=wanted, next_cursor=next_cursor)


@router.get("/{message_id}", summary="Read a message", responses=documented(404))
def get_message(tenant_id: TenantPath, message_id: MessagePath, services: Provided) -> MessageView:
    """With its latest events, what became of each recipient, and its content, but the bodies, while that is kept."""
    return _shown(services, services.mails.get(tenant_id, message_id))


@router.delete(
    "/{message_id}",
    summary="Delete a message's record",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=documented(404, 409),
)
def delete_message(tenant_id: TenantPath, message_id: MessagePath, services: Provided) -> None:
    """State, content, recipients. A message that still waits is not sent then; nothing is reported of that (`cancel`
    does). Its id may be used anew. 409 with `in_flight` while a worker holds it, until its report is on its way.
    """
    services.removal.remove_one(tenant_id, message_id)


@router.post(
    "/delete",
    summary="Delete the records of many messages",
    dependencies=[TAKES_IDEMPOTENCY_KEY],
    responses=documented(404, 409, body=True),
)
def delete_messages(
    tenant_id: TenantPath,
    call: Annotated[DeletionCall, Body(openapi_examples={"two": _TWO_IDS})],
    services: Provided,
    recorded: Recorded,
) -> DeletionAnswer:
    """As `DELETE` for each of up to 1000 ids, and says what became of which."""
    services.tenants.get(tenant_id)
    removed = services.removal.remove(tenant_id, call.ids)
    recorded.facts = {
        "removed_count": len(removed.removed),
        "not_found_count": len(removed.not_found),
        "in_flight_count": len(removed.in_flight),
        "removed": list(removed.removed),
    }
    return DeletionAnswer.of(removed)


@router.post(
    "/cleanup",
    summary="Delete the records of what is reported",
    dependencies=[TAKES_IDEMPOTENCY_KEY],
    responses=documented(404, 409, body=True),
)
def clean_up_messages(
    tenant_id: TenantPath,
    call: Annotated[CleanupCall, Body(openapi_examples={"day": _OLDER_THAN_A_DAY})],
    services: Provided,
    recorded: Recorded,
) -> CleanupAnswer:
    """Messages that are final and whose last report was acknowledged so long ago, sooner than the instance's retention
    removes them. A call works for at most 15 seconds: go on with `next_cursor` until it is null.
    """
    listing = f"cleanup#{tenant_id}"
    after = _logged_place(decode_cursor(listing, call.cursor)) if call.cursor is not None else ""
    services.tenants.get(tenant_id)
    done = services.cleanup.clean_up(
        tenant_id, older_than=call.older_than_seconds * SECOND, after=after, within=_CLEAN_UP_WITHIN
    )
    recorded.facts = {"removed_count": done.removed}
    return CleanupAnswer(
        removed=done.removed, next_cursor=encode_cursor(listing, done.next) if done.next is not None else None
    )


@router.post("/{message_id}/cancel", summary="Take a message back", responses=documented(404, 409))
def cancel_message(tenant_id: TenantPath, message_id: MessagePath, services: Provided) -> MessageView:
    """After 200 the message is not sent, and a `cancelled` event is reported; cancelling again changes nothing.

    409 with `in_flight` while a worker holds it: it may be on the wire, so ask again. 409 with `conflict` once it is
    sent or has failed.
    """
    retention = services.instance.get().retention
    return _shown(services, services.cancellation.cancel(tenant_id, message_id, retention=retention))


@router.post(
    "/{message_id}/retry",
    summary="Send a failed message again",
    dependencies=[TAKES_IDEMPOTENCY_KEY],
    responses=documented(404, 409),
)
def retry_message(tenant_id: TenantPath, message_id: MessagePath, services: Provided) -> MessageView:
    """As if it had just been submitted: pending, due now, no attempts. Recipients who have it do not get it again.

    409 with `conflict` for a message that has not failed, with `content_gone` when what it says is no longer kept.
    """
    return _shown(services, services.retrying.retry(tenant_id, message_id))


def _shown(services: Services, mail: Mail) -> MessageView:
    content = services.payloads.load([mail]).get(mail.id)
    shown = as_shown(mail, services.tenants.get(mail.tenant_id))
    returned = services.returns.of(mail.tenant_id, mail.id) if services.mailbox_kinds else []
    return MessageView.with_content(
        shown, content, services.mails.recipients(mail), services.event_log.reported_at(mail), returned
    )


def _logged_place(place: str) -> str:
    if not re.fullmatch(DUE_KEY_PATTERN, place):
        refuse_cursor()
    return place


def _place(position: MailPosition) -> str:
    return f"{position.created_at}#{position.id}"


def _position(place: str) -> MailPosition:
    created_at, _, message_id = place.partition("#")
    if not re.fullmatch(r"[0-9]{1,13}", created_at) or not re.fullmatch(MAIL_ID_PATTERN, message_id):
        refuse_cursor()
    return MailPosition(int(created_at), message_id)
