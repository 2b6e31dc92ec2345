"""Everything that the client raises, in one tree.

MailProxyError
 ├ InvalidArgument         what was given cannot become a call (also a ValueError)
 ├ ConnectionFailed        no answer; `may_have_arrived` says whether the call may have been carried out
 │  └ TimedOut             (also a TimeoutError)
 ├ UnexpectedAnswer        an answer that is not the API's, or of another version
 ├ NotSent                 a message that is waited for has failed or was cancelled
 ├ StillWaiting            a message that is waited for is not final yet (also a TimeoutError)
 ├ UntrustedReport         a call of the report endpoint that the proxy did not sign, or too long ago
 └ ApiError                a problem document (RFC 9457): `status`, `code`, `detail`, `errors`
    ├ BadRequest           400  the body is not JSON
    ├ Unauthenticated      401  no such token, or expired
    ├ Forbidden            403  the token is not for this
    ├ NotFound             404
    ├ Conflict             409  not as things are; `code` says why
    ├ TooLarge             413
    ├ Invalid              422  `errors` names each broken rule by its JSON pointer
    │  └ NothingAccepted        a submission of which every message was refused: `rejected`
    ├ TooManyCalls         429  `retry_after` seconds
    └ ServerFailed         5xx
       └ Unavailable       503  `retry_after` seconds
"""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mail_proxy.models.messages import MessageView, RejectedEntry
    from mail_proxy.models.problems import FieldError, SubmissionProblem


class MailProxyError(Exception):
    """Anything that the client raises. `retry_after`: after how many seconds the proxy wants to be asked again."""

    retry_after: float | None = None


class InvalidArgument(MailProxyError, ValueError):
    """What was given cannot become a call. Nothing was sent."""


class ConnectionFailed(MailProxyError):
    """No answer came.

    `may_have_arrived` is False when the call cannot have reached the proxy, so that making it again is always safe.
    """

    def __init__(self, detail: str, *, may_have_arrived: bool) -> None:
        super().__init__(detail)
        self.may_have_arrived = may_have_arrived


class TimedOut(ConnectionFailed, TimeoutError):
    """No answer came in time."""


class UnexpectedAnswer(MailProxyError):
    """An answer that is not the API's: of something in between, or of another version. `status` is the HTTP status."""

    def __init__(
        self, detail: str, *, status: int, request_id: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.request_id = request_id
        self.retry_after = retry_after


class NotSent(MailProxyError):
    """The message that was waited for ended otherwise: `message.status` is `error` or `cancelled`."""

    def __init__(self, message: "MessageView") -> None:
        replies = (f"{each.address}: {each.reply}" for each in message.recipients if each.reply)
        super().__init__(f"message {message.id} ended as {message.status}" + "".join(f"; {reply}" for reply in replies))
        self.message = message


class StillWaiting(MailProxyError, TimeoutError):
    """The message that was waited for is not final yet; `message` is how it was seen last. It stays in the proxy."""

    def __init__(self, message: "MessageView", timeout: float) -> None:
        super().__init__(f"message {message.id} is still {message.status} after {timeout:g} seconds")
        self.message = message


class UntrustedReport(MailProxyError):
    """A call of the report endpoint that the proxy did not sign with this secret, or too long ago. Answer it 401."""


class ApiError(MailProxyError):
    """The API refused: a problem document (RFC 9457). `code` is stable, `detail` is for people.

    `request_id` finds the call in the instance's log; `retry_after` is in seconds.
    """

    def __init__(
        self, problem: "SubmissionProblem", *, request_id: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(f"{problem.detail} ({problem.status} {problem.code})")
        self.problem = problem
        self.request_id = request_id
        self.retry_after = retry_after

    @property
    def status(self) -> int:
        return self.problem.status

    @property
    def code(self) -> str:
        return self.problem.code

    @property
    def detail(self) -> str:
        return self.problem.detail

    @property
    def errors(self) -> "tuple[FieldError, ...]":
        """Each broken rule, with the JSON pointer (RFC 6901) of the field that breaks it."""
        return self.problem.errors or ()


class BadRequest(ApiError):
    """400: what was sent is not JSON as the API takes it."""


class Unauthenticated(ApiError):
    """401: the token is missing, unknown, revoked or expired."""


class Forbidden(ApiError):
    """403: the token is not for this tenant, or not the admin's."""


class NotFound(ApiError):
    """404: there is no such tenant, account or message."""


class Conflict(ApiError):
    """409: not as things are. `code` says why, for example `in_flight` or `tenant_inactive`."""


class TooLarge(ApiError):
    """413: more than the API takes in one call."""


class Invalid(ApiError):
    """422: `errors` names each broken rule."""


class NothingAccepted(Invalid):
    """422: every message of a submission was refused, for the reasons in `rejected`."""

    @property
    def rejected(self) -> "tuple[RejectedEntry, ...]":
        return self.problem.rejected or ()


class TooManyCalls(ApiError):
    """429: the token's calls of this minute are spent. `retry_after` says for how long."""


class ServerFailed(ApiError):
    """5xx: a fault of the instance. Its log has it under `request_id`."""


class Unavailable(ServerFailed):
    """503: AWS is throttling or unreachable. The client has made the call again as often as it may."""


_BY_STATUS: Final[dict[int, type[ApiError]]] = {
    400: BadRequest,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    422: Invalid,
    429: TooManyCalls,
    503: Unavailable,
}


def error_class(status: int, code: str) -> type[ApiError]:
    """Which error stands for a problem of this status and code."""
    if code == "nothing_accepted":
        return NothingAccepted
    return _BY_STATUS.get(status, ServerFailed if status >= 500 else ApiError)
