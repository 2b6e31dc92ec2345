"""Calls AWS services that speak JSON over POST: DynamoDB, SQS, KMS, Secrets Manager, EventBridge, and Lambda.

In place of boto3, whose layers take most of a small call's CPU and of a function's start (docs/adr/0034). What is kept
of it: the retries of its standard mode (https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html),
and the region, credentials and endpoints that the environment names.
"""

import json
import os
import random
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self, cast

from shared.aws.connections import Answer, ConnectionLost, Connections
from shared.aws.credentials import Credentials, current_credentials
from shared.aws.region import current_region
from shared.aws.signing import signed
from shared.clock import Clock, system_clock
from shared.errors import StorageError, StorageUnavailable

_TRIES = 4
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0

_TRANSIENT = {
    "InternalFailure",
    "InternalServerError",
    "ItemCollectionSizeLimitExceededException",
    "KMSInternalException",
    "KMSThrottlingException",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TransactionConflictException",
    "TransactionInProgressException",
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a service is addressed: `name` in host names, `target` before each operation, `version` of its JSON."""

    name: str
    title: str
    target: str
    version: str


class Refused(StorageError):
    """The service said no, and would again. `reason` is AWS's code, `answer` the whole of what it said."""

    def __init__(self, detail: str, *, reason: str, answer: Mapping[str, Any]) -> None:
        super().__init__(detail)
        self.reason = reason
        self.answer = answer


class Service:
    """One service in one region. Safe to use from several threads."""

    def __init__(
        self,
        dialect: Dialect,
        *,
        connections: Connections,
        region: str,
        credentials: Callable[[], Credentials] = current_credentials,
        clock: Clock = system_clock,
    ) -> None:
        self._dialect = dialect
        self._connections = connections
        self._region = region
        self._credentials = credentials
        self._clock = clock

    @classmethod
    def from_environment(cls, dialect: Dialect) -> Self:
        """Raises ConfigurationError when no region is named."""
        region = current_region()
        return cls(dialect, connections=Connections(_endpoint(dialect.name, region)), region=region)

    def call[T: Mapping[str, object]](
        self,
        operation: str,
        request: Mapping[str, object],
        shape: type[T],  # noqa: ARG002 - for the type checker
    ) -> T:
        """The answer, whose `shape` is AWS's word (its API reference) and is not checked again.

        Raises StorageUnavailable for what may pass, after four tries; else Refused.
        """
        headers = {
            "Content-Type": f"application/x-amz-json-{self._dialect.version}",
            "X-Amz-Target": f"{self._dialect.target}.{operation}",
        }
        return cast("T", json.loads(self.post(operation, headers, json.dumps(request).encode())))

    def post(
        self, operation: str, headers: Mapping[str, str], body: bytes, *, path: str = "/", expected: int = 200
    ) -> bytes:
        """What is answered with the status `expected`. Raises as `call` does."""
        for attempt in range(1, _TRIES + 1):
            failure: StorageError
            try:
                answer = self._connections.post(self._signed(headers, body, path), body, path)
                if answer.status == expected and _is_intact(answer):
                    return answer.body
                failure = self._failure(operation, answer)
            except ConnectionLost as error:
                failure = StorageUnavailable(f"{self._dialect.title} {operation}: {error}")
            if attempt == _TRIES or not isinstance(failure, StorageUnavailable):
                raise failure
            _pause(attempt)
        raise AssertionError("unreachable")

    def _signed(self, headers: Mapping[str, str], body: bytes, path: str) -> dict[str, str]:
        return signed(
            {"Host": self._connections.host, **headers},
            body,
            path=path,
            credentials=self._credentials(),
            region=self._region,
            service=self._dialect.name,
            now=self._clock(),
        )

    def _failure(self, operation: str, answer: Answer) -> StorageError:
        said = _document(answer.body)
        reason = _code(answer, said)
        message = said.get("message") or said.get("Message") or ""
        detail = f"{self._dialect.title} {operation}: {reason or answer.status}: {message}"
        if answer.status == 200 or answer.status == 429 or answer.status >= 500 or reason in _TRANSIENT:
            return StorageUnavailable(detail)
        return Refused(detail, reason=reason, answer=said)


def _endpoint(service: str, region: str) -> str:
    """As the SDKs' shared settings have it (https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html)."""
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    own = os.environ.get(f"AWS_ENDPOINT_URL_{service.upper()}") or os.environ.get("AWS_ENDPOINT_URL")
    return own or f"https://{service}.{region}.{domain}"


def _is_intact(answer: Answer) -> bool:
    """DynamoDB sends a checksum along."""
    told = answer.headers.get("x-amz-crc32")
    return told is None or zlib.crc32(answer.body) == int(told)


def _document(body: bytes) -> Mapping[str, Any]:
    """Empty for what is no JSON object, such as a proxy's page."""
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _code(answer: Answer, said: Mapping[str, Any]) -> str:
    """AWS's short code. SQS tells the one that is documented in a header, beside a newer name; Lambda has it in
    another header only."""
    documented = answer.headers.get("x-amzn-query-error", "").partition(";")[0]
    alone = answer.headers.get("x-amzn-errortype", "").partition(":")[0]
    return documented or str(said.get("__type", "")).rpartition("#")[2] or alone


def _pause(attempt: int) -> None:
    longest = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2**attempt)
    time.sleep(longest * random.uniform(0.5, 1))  # noqa: S311 - no secret
