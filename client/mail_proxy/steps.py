"""What every operation is made of: steps that ask for HTTP exchanges, without making them.

An operation is a generator. It yields a `Step`, is sent the `Outcome`, and returns its result. Retries, pages and
waiting are written once this way; `transports` drives the steps, blocking or awaiting.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from mail_proxy.errors import ConnectionFailed

type Method = Literal["GET", "PUT", "POST", "PATCH", "DELETE"]

IDEMPOTENCY_KEY: Final = "Idempotency-Key"


@dataclass(frozen=True, slots=True)
class Form:
    """A file and the fields that go before it, as multipart/form-data."""

    fields: Mapping[str, str]
    file: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request.

    `url` is a path of the API, which gets the token; or, with `form`, the whole address of somewhere else, which does
    not. `body` is JSON.
    """

    method: Method
    url: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)
    form: Form | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """Make this request, `delay` seconds from now."""

    request: Request
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, whatever its status. `at` is when it was there, in seconds of a clock that only goes forward."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes = field(repr=False)
    at: float


@dataclass(frozen=True, slots=True)
class Unreachable:
    """No answer came; `at` is when that was clear."""

    error: ConnectionFailed
    at: float


type Outcome = Reply | Unreachable
type Steps[T] = Generator[Step, Outcome, T]
