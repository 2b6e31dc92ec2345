"""Every error as a problem document (RFC 9457), by one table from the error tree to status and title.

What went wrong inside is logged, never told: callers get what they can act on.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from shared.errors import (
    ConfigurationError,
    Conflict,
    Forbidden,
    InFlight,
    InvalidInput,
    MailProxyError,
    NotFound,
    StorageError,
    StorageUnavailable,
    TooManyCalls,
    Unauthenticated,
)
from shared.messages.candidates import Rejected
from shared.messages.submission import ERROR_CODES
from shared.observability import logger

MEDIA_TYPE = "application/problem+json"
_MAX_ERRORS = 100
_MAX_DETAIL = 500
_MAX_SEEN = 50
_NUMBER_RULES = {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}
_INTERNAL, _UNAVAILABLE = "internal", "unavailable"
_RETRY_AFTER_SECONDS = 2


class MalformedBody(InvalidInput):
    """The body cannot be read at all."""

    code = "malformed_body"


class UnsupportedMediaType(InvalidInput):
    """The body is not what it should be by its own word."""

    code = "unsupported_media_type"


class UnsupportedContentCoding(UnsupportedMediaType):
    """The body is compressed (RFC 9110, section 15.5.16)."""


class BodyTooLarge(InvalidInput):
    """The body has more bytes than are taken."""

    code = "body_too_large"


class NothingAccepted(InvalidInput):
    """Every message of a call was refused, each for its own reason."""

    code = "nothing_accepted"

    def __init__(self, rejected: Sequence[Rejected]) -> None:
        super().__init__(f"none of the {len(rejected)} messages was accepted: see `rejected`")
        self.rejected = rejected


class FieldError(BaseModel):
    """One rule that one value broke."""

    model_config = ConfigDict(validate_by_name=True)

    where: Literal["body", "query", "path", "header"] = Field(alias="in")
    pointer: str = Field(description="JSON pointer (RFC 6901) of the value.", examples=["/port"])
    code: str = Field(examples=["missing_field"])
    detail: str = Field(examples=["Field required"])


class Problem(BaseModel):
    """A problem document (RFC 9457)."""

    type: str = Field(examples=["urn:problem-type:not_found"])
    title: str = Field(examples=["Not found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["tenant acme has no message MSG-001"])
    instance: str = Field(
        description="The path called. The answer's X-Request-Id finds the call in the log.",
        examples=["/v1/tenants/acme/messages/MSG-001"],
    )
    code: str = Field(description="Stable, for programs.", examples=["not_found"])
    errors: list[FieldError] | None = Field(default=None, description="With `invalid`: every rule broken, at most 100.")


class RejectedEntry(BaseModel):
    """A message that was not accepted, and why. `index` is its place in the call."""

    index: int = Field(examples=[1])
    id: str | None = Field(examples=["MSG-002"])
    code: str = Field(examples=["unknown_account"])
    detail: str = Field(examples=["account_id: tenant acme has no account backup"])

    @classmethod
    def of(cls, rejected: Rejected) -> "RejectedEntry":
        """The entry as answered."""
        return cls(index=rejected.index, id=rejected.id, code=rejected.code, detail=rejected.detail)


class SubmissionProblem(Problem):
    """When nothing was accepted (code `nothing_accepted`), `rejected` says why for every message."""

    rejected: list[RejectedEntry] | None = None


class _Kind(NamedTuple):
    status: HTTPStatus
    title: str


# The most specific class in the error's ancestry decides.
_KINDS: dict[type[MailProxyError], _Kind] = {
    InvalidInput: _Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid input"),
    MalformedBody: _Kind(HTTPStatus.BAD_REQUEST, "Malformed body"),
    UnsupportedMediaType: _Kind(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Unsupported media type"),
    BodyTooLarge: _Kind(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Body too large"),
    NothingAccepted: _Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "Nothing accepted"),
    Unauthenticated: _Kind(HTTPStatus.UNAUTHORIZED, "Unauthenticated"),
    Forbidden: _Kind(HTTPStatus.FORBIDDEN, "Forbidden"),
    NotFound: _Kind(HTTPStatus.NOT_FOUND, "Not found"),
    Conflict: _Kind(HTTPStatus.CONFLICT, "Conflict"),
    InFlight: _Kind(HTTPStatus.CONFLICT, "In flight"),
    TooManyCalls: _Kind(HTTPStatus.TOO_MANY_REQUESTS, "Too many calls"),
    StorageUnavailable: _Kind(HTTPStatus.SERVICE_UNAVAILABLE, "Temporarily unavailable"),
    StorageError: _Kind(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal error"),
    ConfigurationError: _Kind(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal error"),
    MailProxyError: _Kind(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal error"),
}

_DESCRIPTIONS = {
    400: "The body is not strict JSON, or nested too deeply.",
    401: "No token, or a wrong one.",
    403: "The token may not do this.",
    404: "There is no such thing.",
    409: "The thing is in a state that does not allow the call.",
    413: "The body is too large.",
    415: "The body is not JSON, or compressed.",
    422: "A value breaks a rule; `errors` says which.",
    429: "The token's calls of this minute are spent: try again after the seconds in Retry-After.",
    503: "An AWS service is throttled or unreachable: try again after the seconds in Retry-After.",
}
_ANY_CALL = (401, 403, 422, 429, 503)
_WITH_BODY = (400, 413, 415)


type Responses = dict[int | str, dict[str, Any]]


def documented(
    *statuses: int,
    body: bool = False,
    created: type[BaseModel] | None = None,
    invalid: type[BaseModel] = Problem,
) -> Responses:
    """The answers of an operation besides its main one, for `responses=`.

    These are the problems of any call, those in `statuses`, those that a body brings; and 201 with `created`. Where the
    tenant may be missing, it may also be on its way out.
    """
    responses: Responses = {} if created is None else {201: {"model": created, "description": "Created"}}
    for status in sorted({*_ANY_CALL, *statuses, *(_WITH_BODY if body else ()), *((409,) if 404 in statuses else ())}):
        model = invalid if status == HTTPStatus.UNPROCESSABLE_ENTITY else Problem
        responses[status] = {"model": model, "description": _DESCRIPTIONS[status]}
    return responses


def install(app: FastAPI) -> None:
    """Makes every error of the application a problem document."""
    app.add_exception_handler(MailProxyError, _on_mail_proxy_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)


def internal_error(path: str) -> JSONResponse:
    """The answer to what nobody foresaw."""
    kind = _KINDS[MailProxyError]
    detail = "something went wrong here; the operator finds it in the log under this answer's X-Request-Id"
    return _response(path, kind, _INTERNAL, detail)


def outcome_of(error: Exception) -> tuple[int, str]:
    """Status and code of the problem that an error becomes."""
    match error:
        case StorageUnavailable():
            return HTTPStatus.SERVICE_UNAVAILABLE, _UNAVAILABLE
        case MailProxyError() if (status := _kind_of(error).status) < HTTPStatus.INTERNAL_SERVER_ERROR:
            return status, error.code
        case RequestValidationError():
            return _KINDS[InvalidInput].status, InvalidInput.code
        case HTTPException():
            return error.status_code, HTTPStatus(error.status_code).name.lower()
    return HTTPStatus.INTERNAL_SERVER_ERROR, _INTERNAL


def _kind_of(error: MailProxyError) -> _Kind:
    return next(_KINDS[each] for each in type(error).__mro__ if each in _KINDS)


async def _on_mail_proxy_error(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, MailProxyError):
        return internal_error(request.scope["path"])
    kind, path = _kind_of(error), request.scope["path"]
    match error:
        case NothingAccepted():
            rejected = [RejectedEntry.of(each).model_dump() for each in error.rejected]
            return _response(path, kind, error.code, error.detail, extension={"rejected": rejected})
        case InvalidInput(pointer=str(pointer)) if pointer:
            found = FieldError(where="body", pointer=pointer, code=error.code, detail=error.detail)
            return _response(path, kind, error.code, error.detail, errors=[found])
        case UnsupportedContentCoding():
            return _response(path, kind, error.code, error.detail, headers={"Accept-Encoding": "identity"})
        case Unauthenticated():
            challenge = {"WWW-Authenticate": 'Bearer realm="mail-proxy"'}
            return _response(path, kind, error.code, error.detail, headers=challenge)
        case TooManyCalls():
            wait = {"Retry-After": str(error.retry_after_seconds)}
            return _response(path, kind, error.code, error.detail, headers=wait)
        case StorageUnavailable():
            logger.warning("storage unavailable", reason=error.detail)
            wait = {"Retry-After": str(_RETRY_AFTER_SECONDS)}
            return _response(path, kind, _UNAVAILABLE, "storage is busy: send the same call again", headers=wait)
        case _ if kind.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            logger.error("call failed", error=type(error).__name__, reason=error.detail)
            return internal_error(path)
    return _response(path, kind, error.code, error.detail)


async def _on_validation_error(request: Request, error: Exception) -> JSONResponse:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    errors = [_field_error(each) for each in found[:_MAX_ERRORS]]
    first = errors[0] if errors else None
    detail = f"{first.pointer or first.where}: {first.detail}" if first else "the request breaks a rule"
    if len(errors) > 1:
        detail += f" (and {len(errors) - 1} more)"
    return _response(request.scope["path"], _KINDS[InvalidInput], InvalidInput.code, detail, errors=errors)


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    """What Starlette and FastAPI raise by themselves: mostly 404 for an unknown path and 405."""
    status = HTTPStatus(error.status_code) if isinstance(error, HTTPException) else HTTPStatus.BAD_REQUEST
    headers = error.headers if isinstance(error, HTTPException) else None
    allowed = _methods_of(request) if status is HTTPStatus.METHOD_NOT_ALLOWED else ""
    if allowed:
        headers = {"Allow": allowed}
    details = {
        HTTPStatus.NOT_FOUND: "there is no such path; /docs lists them",
        HTTPStatus.METHOD_NOT_ALLOWED: f"{request.method[:20]} is not possible here, but {allowed}",
    }
    kind = _Kind(status, status.phrase)
    code = status.name.lower()
    return _response(request.scope["path"], kind, code, details.get(status, status.phrase), headers=headers)


def _methods_of(request: Request) -> str:
    """What the path may be called with (RFC 9110, section 10.2.1); the framework names the methods of one route."""
    methods: set[str] = set()
    for each in iter_route_contexts(request.app.routes):
        match, _ = each.matches(request.scope)
        if match is not Match.NONE:
            methods |= each.methods or set()
    return ", ".join(sorted(methods))


def _field_error(found: Mapping[str, Any]) -> FieldError:
    """Leaves out the input, which may be a secret, but for numbers that are too small or too large."""
    where, *path = found["loc"]
    if where not in ("body", "query", "path", "header"):
        where, path = "body", list(found["loc"])
    pointer = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
    code = ERROR_CODES.get(found["type"], found["type"])
    detail = str(found["msg"])[:_MAX_DETAIL]
    if found["type"] in _NUMBER_RULES:
        detail += f", not {found.get('input')}"[:_MAX_SEEN]
    return FieldError(where=where, pointer=pointer[:500], code=code, detail=detail)


def _response(
    path: str,
    kind: _Kind,
    code: str,
    detail: str,
    *,
    errors: Sequence[FieldError] | None = None,
    extension: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    problem = Problem(
        type=f"urn:problem-type:{code}",
        title=kind.title,
        status=kind.status,
        detail=detail,
        instance=quote(path),
        code=code,
        errors=list(errors) if errors is not None else None,
    )
    content = problem.model_dump(exclude_none=True, by_alias=True) | dict(extension or {})
    return JSONResponse(content, status_code=kind.status, headers=dict(headers or {}), media_type=MEDIA_TYPE)
