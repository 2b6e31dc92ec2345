"""Starts Lambda functions."""

import json
from collections.abc import Mapping

from shared.aws.service import Service

MAX_EVENT = 256 * 1024  # octets: Lambda takes that much of an asynchronous invocation, at least


class Function:
    """One Lambda function, by its name."""

    def __init__(self, service: Service, name: str) -> None:
        self._service = service
        self._path = f"/2015-03-31/functions/{name}/invocations"

    def start(self, event: Mapping[str, object]) -> None:
        """Has it called with `event` (at most `MAX_EVENT` octets) soon, and does not wait for it.

        https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html. It may be called twice. Raises StorageError.
        """
        headers = {"Content-Type": "application/json", "X-Amz-Invocation-Type": "Event"}
        self._service.post("Invoke", headers, json.dumps(event).encode(), path=self._path, expected=202)
