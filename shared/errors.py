"""The one tree of errors. Adapters translate foreign errors where they arise; the API maps them to problems.

MailProxyError
├── InvalidInput            what a caller sent cannot be taken; names the field
├── Unauthenticated         no token, or a wrong one
├── Forbidden               a valid token, out of its reach
├── NotFound
├── Conflict                the thing is in a state that does not allow the call
│   └── InFlight            a worker holds the mail just now
├── TooManyCalls            the token's calls of this minute are spent
├── ConfigurationError      the deployment itself is wrong (settings, secrets)
└── StorageError            an AWS service said no
    ├── ConditionFailed     a conditional write met another state
    ├── TransactionRefused  one or more actions of a transaction met another state
    ├── StaleReceipt        the wake-up is no longer ours
    └── StorageUnavailable  throttled, unreachable or failing: worth another try
"""

from collections.abc import Mapping, Sequence


class MailProxyError(Exception):
    """Base of all errors raised on purpose. `code` is stable and machine-readable, `detail` is for people."""

    code = "error"

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        if code is not None:
            self.code = code


class InvalidInput(MailProxyError):
    """A value from outside breaks a rule; `pointer` is the JSON pointer (RFC 6901) of the field."""

    code = "invalid"

    def __init__(self, detail: str, *, code: str | None = None, pointer: str = "") -> None:
        super().__init__(detail, code=code)
        self.pointer = pointer


class Unauthenticated(MailProxyError):
    """No token, or one that is not known."""

    code = "unauthenticated"


class Forbidden(MailProxyError):
    """A valid token, used beyond its reach."""

    code = "forbidden"


class NotFound(MailProxyError):
    """What was asked for does not exist."""

    code = "not_found"


class Conflict(MailProxyError):
    """The state of the thing does not allow what was asked."""

    code = "conflict"


class InFlight(Conflict):
    """A worker holds the mail just now: its fate is not ours to change."""

    code = "in_flight"


class TooManyCalls(MailProxyError):
    """The token has made all the calls that it may make for now."""

    code = "too_many_calls"

    def __init__(self, detail: str, *, retry_after_seconds: int) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class ConfigurationError(MailProxyError):
    """The deployment is wrong: nothing that a caller can mend."""

    code = "configuration"


class StorageError(MailProxyError):
    """An AWS service refused or failed."""

    code = "storage"


class ConditionFailed(StorageError):
    """`item` is what the store holds instead, where the service returned it."""

    code = "condition_failed"

    def __init__(self, detail: str, *, item: Mapping[str, object] | None = None) -> None:
        super().__init__(detail)
        self.item = item


class TransactionRefused(StorageError):
    """`failed` names the positions of the actions whose condition did not hold; the others changed nothing."""

    code = "transaction_refused"

    def __init__(self, detail: str, *, failed: Sequence[int]) -> None:
        super().__init__(detail)
        self.failed = tuple(failed)


class StaleReceipt(StorageError):
    """The wake-up's hold has run out: another worker may have it."""

    code = "stale_receipt"


class StorageUnavailable(StorageError):
    """Throttled, unreachable or failing: the same call may succeed later."""

    code = "storage_unavailable"
