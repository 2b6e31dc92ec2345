"""One call of the API: its request, when it may be made again, and what its answer means.

What may be repeated follows docs/api.md: every call made twice does what it does once, with an Idempotency-Key where it
takes one, but for those whose answer shows a secret. Those are repeated only while they cannot have arrived.
"""

import random
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Final
from urllib.parse import quote

from pydantic import ValidationError

from mail_proxy.errors import ApiError, InvalidArgument, MailProxyError, UnexpectedAnswer, error_class
from mail_proxy.models.base import Answer
from mail_proxy.models.problems import SubmissionProblem
from mail_proxy.steps import IDEMPOTENCY_KEY, Method, Outcome, Reply, Request, Step, Steps

_PASSING: Final = frozenset({429, 502, 503, 504})

type QueryValue = str | int | bool | datetime | None
type Query = Mapping[str, QueryValue]


@dataclass(frozen=True, slots=True)
class Retries:
    """How often, and after how long, a call is made again.

    The wait doubles from `first_delay` to `max_delay` seconds, drawn between half of that and the whole. A
    `Retry-After` of the answer counts instead, unless it is longer than `max_retry_after`: then the error is raised at
    once. `attempts` counts the first call; 1 repeats nothing.
    """

    attempts: int = 4
    first_delay: float = 0.5
    max_delay: float = 20.0
    max_retry_after: float = 65.0  # a spent minute's budget is there again by then

    def delay(self, attempt: int, retry_after: float | None, chance: float) -> float | None:
        """Seconds until the call is made again after its `attempt`-th try; None when it is not. 0 <= chance < 1."""
        if attempt >= self.attempts:
            return None
        if retry_after is not None:
            return retry_after if retry_after <= self.max_retry_after else None
        whole = min(self.max_delay, self.first_delay * 2.0 ** (attempt - 1))
        return whole * (0.5 + chance / 2)


@dataclass(frozen=True, slots=True)
class Call[T]:
    """A call of the API before it is made. `route` is its path in the OpenAPI document."""

    method: Method
    route: str
    read: Callable[[Reply], T]
    path: Mapping[str, str] = field(default_factory=dict)
    query: Query = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)
    idempotency_key: str | None = None
    shows_secret: bool = False

    def request(self) -> Request:
        """Raises InvalidArgument when a value cannot be part of a path."""
        segments = {name: segment(name, value) for name, value in self.path.items()}
        headers = {IDEMPOTENCY_KEY: self.idempotency_key} if self.idempotency_key is not None else {}
        query = {name: as_query(value) for name, value in self.query.items() if value is not None}
        return Request(self.method, self.route.format_map(segments), query, headers, self.body)


def segment(name: str, value: str) -> str:
    """A value as one segment of a path.

    `.` and `..` are ids that the API's pattern allows, but everything on the way shortens paths by them (RFC 3986
    §5.2.4): a call for one message would become a call for its tenant.
    """
    if value in ("", ".", ".."):
        raise InvalidArgument(f"{name} is {value!r}, which no path can hold")
    return quote(value, safe="@:")


def as_query(value: str | int | bool | datetime) -> str:
    """A value as the API reads it in a query. Raises InvalidArgument for a time without a time zone."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise InvalidArgument(f"{value.isoformat()} has no time zone: use datetime.now(UTC) or the like")
        return value.isoformat()
    return str(value)


def new_idempotency_key() -> str:
    """One that nobody else has."""
    return secrets.token_urlsafe(24)


@dataclass(frozen=True, slots=True)
class Caller:
    """Makes calls as steps, by one policy of repeating. `chance` draws from [0, 1)."""

    retries: Retries
    chance: Callable[[], float] = random.random

    def make[T](self, call: Call[T]) -> Steps[T]:
        """The call's result. Raises what `mail_proxy.errors` says."""
        reply = yield from self._answered(call)
        return call.read(reply)

    def _answered[T](self, call: Call[T]) -> Steps[Reply]:
        request = call.request()
        delay = 0.0
        may_be_done = False
        for attempt in count(1):
            outcome = yield Step(request, delay)
            if isinstance(outcome, Reply) and 200 <= outcome.status < 300:
                return outcome
            if may_be_done and call.method == "DELETE" and isinstance(outcome, Reply) and outcome.status == 404:
                return outcome  # the try before, whose answer was lost, has deleted it
            error = failure(outcome)
            may_be_done = may_be_done or may_have_been_done(outcome)
            wait = None
            if passes(call, outcome, error) and not (call.shows_secret and may_be_done):
                wait = self.retries.delay(attempt, error.retry_after, self.chance())
            if wait is None:
                raise error
            delay = wait
        raise AssertionError("unreachable: the loop returns or raises")


def may_have_been_done(outcome: Outcome) -> bool:
    """Whether a call that failed like this may have been carried out all the same."""
    if isinstance(outcome, Reply):
        return outcome.status >= 500
    return outcome.error.may_have_arrived


def passes[T](call: Call[T], outcome: Outcome, error: MailProxyError) -> bool:
    """Whether the same call may fare better later."""
    if not isinstance(outcome, Reply):
        return True
    under_way = isinstance(error, ApiError) and error.code == "idempotency_in_progress"
    return outcome.status in _PASSING or (under_way and call.idempotency_key is not None)


def failure(outcome: Outcome) -> MailProxyError:
    """The error that an outcome stands for, which is not a success."""
    if not isinstance(outcome, Reply):
        return outcome.error
    request_id = outcome.headers.get("x-request-id")
    retry_after = seconds(outcome.headers.get("retry-after"))
    if not outcome.headers.get("content-type", "").startswith("application/problem+json"):
        detail = f"status {outcome.status} and no problem document: {excerpt(outcome)}"
        return UnexpectedAnswer(detail, status=outcome.status, request_id=request_id, retry_after=retry_after)
    try:
        problem = SubmissionProblem.of_json(outcome.body)
    except ValidationError:
        detail = f"status {outcome.status} and a problem document of another form: {excerpt(outcome)}"
        return UnexpectedAnswer(detail, status=outcome.status, request_id=request_id)
    return error_class(problem.status, problem.code)(problem, request_id=request_id, retry_after=retry_after)


def seconds(retry_after: str | None) -> float | None:
    """A Retry-After in seconds, which is the form that the API uses (RFC 9110 §10.2.3); None for any other."""
    return float(retry_after) if retry_after is not None and retry_after.isascii() and retry_after.isdigit() else None


def excerpt(reply: Reply) -> str:
    """The beginning of an answer's body, printable."""
    return repr(reply.body[:200].decode("utf-8", "replace"))


def answer[A: Answer](model: type[A]) -> Callable[[Reply], A]:
    """Reads an answer as this model. Raises UnexpectedAnswer."""

    def read(reply: Reply) -> A:
        try:
            return model.of_json(reply.body)
        except ValidationError as error:
            [first, *_] = error.errors(include_url=False, include_input=False)
            place = "/".join(str(each) for each in first["loc"])
            detail = f"not the {model.__name__} that this version of the client knows, at /{place}: {first['msg']}"
            raise UnexpectedAnswer(detail, status=reply.status, request_id=reply.headers.get("x-request-id")) from None

    return read


def nothing(reply: Reply) -> None:
    """Of an answer without a body."""


def text(reply: Reply) -> str:
    """The body as it is."""
    return reply.body.decode()
