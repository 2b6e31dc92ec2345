"""Turns what botocore raises into the error tree, once for all adapters."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from shared.errors import StaleReceipt, StorageError, StorageUnavailable

_STALE_RECEIPT = {
    "ReceiptHandleIsInvalid",
    "InvalidParameterValue",
    "MessageNotInflight",
    "AWS.SimpleQueueService.MessageNotInflight",
}
_TRANSIENT = {
    "InternalServerError",
    "InternalFailure",
    "ItemCollectionSizeLimitExceededException",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TransactionConflictException",
    "TransactionInProgressException",
    "KMSThrottlingException",
}


def error_code(error: ClientError) -> str:
    """The code that AWS gave, empty where it gave none."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def translated(service: str, action: str) -> Iterator[None]:
    """Raises StorageUnavailable for what may pass, StorageError for what will not, each naming service and action."""
    try:
        yield
    except ClientError as error:
        code = error_code(error)
        said = error.response.get("Error", {}).get("Message", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in _TRANSIENT or status >= 500:
            raise StorageUnavailable(f"{service} {action}: {code}: {said}") from error
        raise StorageError(f"{service} {action}: {code}: {said}") from error
    except BotoCoreError as error:
        raise StorageUnavailable(f"{service} {action}: {error}") from error


@contextmanager
def translated_receipt(action: str) -> Iterator[None]:
    """As `translated` for SQS calls with a receipt handle: an outlived handle raises StaleReceipt."""
    try:
        with translated("SQS", action):
            yield
    except StorageError as error:
        cause = error.__cause__
        if isinstance(cause, ClientError) and error_code(cause) in _STALE_RECEIPT:
            raise StaleReceipt(error.detail) from cause
        raise
