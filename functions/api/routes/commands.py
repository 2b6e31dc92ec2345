"""The audit log: every call that may have changed something, listed and exported for the admin."""

import re
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field, JsonValue

from functions.api.auth import require_admin
from functions.api.cursors import Cursor, Limit, decode_cursor, encode_cursor, instant_of, refuse_cursor, refuse_query
from functions.api.gate import GatedRoute
from functions.api.problems import documented
from functions.api.recording import MAX_BODY_BYTES, MAX_RESULT_BYTES
from functions.api.schema import NextCursor, Timestamp
from functions.api.services import Provided, Services
from shared.audit.model import Actor, Command
from shared.clock import SECOND, Millis, iso8601
from shared.identifiers import DUE_KEY_PATTERN, TenantId
from shared.json_values import Moment

router = APIRouter(prefix="/v1/commands", tags=["audit"], route_class=GatedRoute, dependencies=[Depends(require_admin)])

JSON_LINES = "application/x-ndjson"
_EXAMPLE_LINES = (
    '{"id":"01K2Q5X4ZJ3G7T8V9W0XYZABCD","at":"2026-01-31T10:00:00.000Z","action":"put_account","tenant_id":"acme"}\n'
    '{"next_cursor":"q1x2rPpW5kqhMTc2OTg1MzYwMDAwMCMwMUsyUTVYNFpK"}\n'
)
_MAX_EXPORT_BYTES = 2_000_000  # a Lambda answer takes 6 MB, in which quotes and backslashes count twice
_EXPORT_WITHIN: Millis = 15 * SECOND
_A_PAGE = 1_000

OfTenant = Annotated[TenantId | None, Query(description="Only what was done to this tenant.", examples=["acme"])]
Since = Annotated[Moment | None, Query(description="Only what was recorded at this time or later.")]
Until = Annotated[Moment | None, Query(description="Only what was recorded before this time.")]


class CommandView(BaseModel):
    """A record. What the proxy did by itself has an `actor` of kind `proxy`, and neither route nor status."""

    id: str = Field(examples=["01K2Q5X4ZJ3G7T8V9W0XYZABCD"])
    at: Timestamp
    actor: Actor = Field(description="Whose token it was: the admin's, or a key of a tenant, named by its `key_id`.")
    action: str = Field(examples=["put_account"])
    tenant_id: str | None = Field(description="To whom it was done; null for the whole instance.", examples=["acme"])
    method: str | None = Field(examples=["PUT"])
    route: str | None = Field(examples=["/v1/tenants/{tenant_id}/accounts/{account_id}"])
    objects: dict[str, str] = Field(description="What it was done to.", examples=[{"account_id": "main"}])
    status: int | None = Field(description="Of the answer.", examples=[200])
    code: str | None = Field(description="Of the problem, if it was one.", examples=["account_has_mail"])
    replayed: bool = Field(description="Whether an answer was given again, by its `Idempotency-Key`.")
    request_id: str | None = Field(description="`X-Request-Id` of the answer; finds the call in the log.")
    body: JsonValue = Field(
        description="What was asked, of calls that succeeded: without secrets and messages, texts cut at 200 "
        f"characters, all of it at about {MAX_BODY_BYTES:,} bytes.",
        examples=[{"host": "smtp.example.com", "port": 587, "tls": "starttls", "password": "[redacted]"}],
    )
    result: JsonValue = Field(
        description=f"Counts and ids of what was done, at most about {MAX_RESULT_BYTES:,} bytes.",
        examples=[{"accepted": ["MSG-001"], "rejected_count": 0}],
    )

    @classmethod
    def of(cls, command: Command) -> "CommandView":
        """The record as shown."""
        return cls(id=command.id, at=iso8601(command.at), **dict(command.entry))


class CommandList(BaseModel):
    """One page of the audit log, latest first."""

    commands: list[CommandView]
    next_cursor: NextCursor


class _Span(NamedTuple):
    """The time that a list covers, and the name of that list, to which its cursors belong."""

    tenant_id: str | None
    since: Millis | None
    until: Millis | None
    name: str

    def place(self, cursor: str | None) -> str | None:
        """Raises RequestValidationError for cursors of other lists."""
        if cursor is None:
            return None
        place = decode_cursor(self.name, cursor)
        if not re.fullmatch(DUE_KEY_PATTERN, place):
            refuse_cursor()
        return place


def _span(order: str, tenant_id: str | None, since: Moment | None, until: Moment | None) -> _Span:
    first, last = instant_of(since), instant_of(until)
    if first is not None and last is not None and first > last:
        refuse_query("until", "before since: nothing can lie between", code="invalid_range")
    return _Span(tenant_id, first, last, f"commands#{order}#{tenant_id or ''}#{first}-{last}")


@router.get("", summary="List the audit log", responses=documented())
def list_commands(
    services: Provided,
    tenant_id: OfTenant = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> CommandList:
    """Latest first: every call that may have changed something, whatever came of it, but those without a valid token or
    beyond the rate of calls. Records are kept for the instance's `audit_days`, also those of deleted tenants. A page
    may hold fewer than `limit`. In the list of all tenants what was recorded a moment ago may still be missing.
    """
    span = _span("latest", tenant_id, since, until)
    page = services.audit.page(
        limit=limit, tenant_id=tenant_id, since=span.since, until=span.until, after=span.place(cursor)
    )
    next_cursor = encode_cursor(span.name, page.next) if page.next is not None else None
    return CommandList(commands=[CommandView.of(each) for each in page.commands], next_cursor=next_cursor)


@router.get(
    "/export",
    summary="Export the audit log",
    response_class=Response,
    responses=documented()
    | {
        200: {
            "description": "JSON lines",
            "content": {JSON_LINES: {"schema": {"type": "string"}, "example": _EXAMPLE_LINES}},
        }
    },
)
def export_commands(
    services: Provided,
    tenant_id: OfTenant = None,
    since: Since = None,
    until: Until = None,
    cursor: Cursor = None,
) -> Response:
    """Oldest first, as JSON lines: one record a line, as in the list. An answer holds up to 2 MB; while there is more,
    its last line is `{"next_cursor": "…"}`: go on with that as `cursor`, and the same times. Whoever exports regularly
    takes a full minute at the end, such as `until` two minutes ago, and begins the next time there.
    """
    span = _span("oldest", tenant_id, since, until)
    lines, place = _exported(services, span, span.place(cursor))
    if place is not None:
        lines.append(f'{{"next_cursor":"{encode_cursor(span.name, place)}"}}\n'.encode())
    return Response(b"".join(lines), media_type=JSON_LINES)


def _exported(services: Services, span: _Span, place: str | None) -> tuple[list[bytes], str | None]:
    """Lines, and the place to go on after."""
    lines: list[bytes] = []
    size, ends_at = 0, services.clock() + _EXPORT_WITHIN
    while True:
        page = services.audit.page(
            limit=_A_PAGE,
            tenant_id=span.tenant_id,
            since=span.since,
            until=span.until,
            after=place,
            latest_first=False,
        )
        for command in page.commands:
            line = CommandView.of(command).model_dump_json().encode() + b"\n"
            lines.append(line)
            size += len(line)
            place = command.place
            if size >= _MAX_EXPORT_BYTES:
                return lines, place
        if page.next is None:
            return lines, None
        if services.clock() >= ends_at:
            return lines, place
