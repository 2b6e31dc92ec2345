"""moto behind the proxy's own connections: it gets the request as AWS would, and answers without a network."""

import copy
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders
from moto.core.models import botocore_stubber
from moto.dynamodb import models
from moto.dynamodb.models.table import Table as MotoTable

from shared.aws.connections import Answer, Connections

type Observer = Callable[[str, dict[str, Any]], None]
_observers: list[Observer] = []


@contextmanager
def observed(observer: Observer) -> Iterator[None]:
    """Meanwhile `observer` hears of each call: its operation, such as SendMessage, and its request."""
    _observers.append(observer)
    try:
        yield
    finally:
        _observers.remove(observer)


def post_to_moto(connections: Connections, headers: dict[str, str], body: bytes, path: str = "/") -> Answer:
    """In place of `Connections.post`."""
    for observer in _observers:
        observer(headers["X-Amz-Target"].rpartition(".")[2], json.loads(body))
    sent = HTTPHeaders()
    for name, value in headers.items():
        sent[name] = value
    request = AWSPreparedRequest("POST", f"https://{connections.host}{path}", sent, body, stream_output=False)
    answered = botocore_stubber.process_request(request)
    assert answered is not None, "moto does not know this service"
    status, answer_headers, answer_body = answered
    content = answer_body.encode() if isinstance(answer_body, str) else answer_body
    return Answer(status, {str(name).lower(): str(value) for name, value in answer_headers.items()}, content)


class OneCopyATransaction(threading.local):
    """In place of the module `copy` in moto, whose transactions copy the whole table for each of their actions, before
    they begin with the first: for a submission of ninety mails, ninety times.
    """

    def __init__(self) -> None:
        self._copies: dict[int, MotoTable] | None = None

    def deepcopy(self, value: object) -> object:
        if self._copies is None or not isinstance(value, MotoTable):
            return copy.deepcopy(value)
        if id(value) not in self._copies:
            self._copies[id(value)] = copy.deepcopy(value)
        return self._copies[id(value)]

    def within(self, transact: Callable[..., None]) -> Callable[..., None]:
        """`transact`, with one copy of each table."""

        def with_one_copy(backend: object, actions: object) -> None:
            self._copies = {}
            try:
                transact(backend, actions)
            finally:
                self._copies = None

        return with_one_copy


def copy_tables_once(patch: Callable[[object, str, object], None]) -> None:
    """Makes moto's transactions as fast as they can be."""
    once = OneCopyATransaction()
    patch(models, "copy", once)
    patch(models.DynamoDBBackend, "transact_write_items", once.within(models.DynamoDBBackend.transact_write_items))
