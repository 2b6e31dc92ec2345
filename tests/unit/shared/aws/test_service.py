"""Calls to AWS over a real connection: kept, replaced, repeated, refused."""

import json
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from shared.aws import connections
from shared.aws.clients import DYNAMODB, LAMBDA, SQS
from shared.aws.connections import Connections
from shared.aws.credentials import Credentials
from shared.aws.functions import Function
from shared.aws.service import Refused, Service
from shared.errors import ConfigurationError, StorageUnavailable
from tests.unit.clock import NOON

type Script = Callable[[bytes], bytes | None]


def reply(status: int, body: bytes, **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Peer:
    """Answers each request with the next of `answers`; None hangs up in place of an answer."""

    def __init__(self, answers: list[bytes | None]) -> None:
        self._answers = answers
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.connections = 0
        self.requests: list[bytes] = []
        self._current: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            self._current = connection
            with suppress(ConnectionError), connection, connection.makefile("rb") as received:
                while self._answer(connection, received):
                    pass

    def _answer(self, connection: socket.socket, received: Any) -> bool:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = received.readline()
            if not line:
                return False
            head += line
        length = next(int(each.split(b":")[1]) for each in head.split(b"\r\n") if each.lower().startswith(b"content-l"))
        self.requests.append(head + received.read(length))
        answer = self._answers.pop(0)
        if answer is None:
            return False
        connection.sendall(answer)
        return b"Connection: close" not in answer

    def close(self) -> None:
        if self._current is not None:
            with suppress(OSError):  # closed already
                self._current.shutdown(socket.SHUT_RDWR)
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(5)


@contextmanager
def peer(*answers: bytes | None) -> Iterator[Peer]:
    running = Peer(list(answers))
    try:
        yield running
    finally:
        running.close()


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr("time.sleep", found.append)
    return found


def service(url: str, dialect: Any = DYNAMODB) -> Service:
    by = Credentials("AKIA", "s3cret")
    return Service(
        dialect, connections=Connections(url), region="eu-central-1", credentials=lambda: by, clock=lambda: NOON
    )


OK = reply(200, b'{"Item": {}}')
THROTTLED = reply(400, b'{"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException", "message": "slower"}')
INVALID = reply(400, b'{"__type": "com.amazon.coral.validate#ValidationException", "message": "no such key"}')


def test_a_call_is_json_posted_to_its_target_and_signed() -> None:
    with peer(OK) as aws:
        assert service(aws.url).call("GetItem", {"TableName": "t"}, dict[str, object]) == {"Item": {}}
    head, _, body = aws.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST / HTTP/1.1\r\n")
    assert b"X-Amz-Target: DynamoDB_20120810.GetItem\r\n" in head
    assert b"Content-Type: application/x-amz-json-1.0\r\n" in head
    assert b"AKIA/20" in head
    assert b"/eu-central-1/dynamodb/aws4_request" in head
    assert json.loads(body) == {"TableName": "t"}


def test_an_answer_in_chunks_is_read_as_one() -> None:
    chunked = b'HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"Ite\r\n7\r\nm": {}}\r\n0\r\n\r\n'
    with peer(chunked, OK) as aws:
        calling = service(aws.url)
        for _ in range(2):
            assert calling.call("GetItem", {}, dict[str, object]) == {"Item": {}}
    assert aws.connections == 1


def test_an_endless_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_MAX_ANSWER", 200_000)
    endless = b"HTTP/1.1 200 X\r\n" + b"".join(b"X-More-%d: %s\r\n" % (n, b"x" * 1_000) for n in range(300))
    with peer(endless, reply(200, b" " * 300_000 + b"{}"), OK) as aws:
        assert service(aws.url).call("GetItem", {}, dict[str, object]) == {"Item": {}}
    assert len(aws.requests) == 3


def test_calls_share_a_connection() -> None:
    with peer(OK, OK, OK) as aws:
        calling = service(aws.url)
        for _ in range(3):
            calling.call("GetItem", {}, dict[str, object])
    assert aws.connections == 1


def test_a_kept_connection_that_died_is_replaced_without_a_pause(pauses: list[float]) -> None:
    with peer(OK, None, OK) as aws:
        calling = service(aws.url)
        for _ in range(2):
            calling.call("GetItem", {}, dict[str, object])
    assert (aws.connections, pauses) == (2, [])


def test_a_connection_that_the_service_closes_is_not_kept() -> None:
    with peer(reply(200, b"{}", Connection="close"), OK) as aws:
        calling = service(aws.url)
        for _ in range(2):
            calling.call("GetItem", {}, dict[str, object])
    assert aws.connections == 2


@pytest.mark.parametrize(
    "failure",
    [
        THROTTLED,
        reply(500, b"<html>"),
        reply(503, b"{}"),
        None,
        reply(200, b"{}", x_amz_crc32=str(zlib.crc32(b"other"))),
        b"HTTP/1.1 200 X\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{",
        b"nonsense\r\n",
    ],
    ids=["throttled", "500", "503", "hangs up", "damaged", "cut short", "not HTTP"],
)
def test_what_may_pass_is_tried_again_after_a_growing_pause(failure: bytes | None, pauses: list[float]) -> None:
    with peer(failure, failure, OK) as aws:
        assert service(aws.url).call("GetItem", {}, dict[str, object]) == {"Item": {}}
    assert len(pauses) == 2
    assert 0.05 <= pauses[0] <= 0.1 <= pauses[1] <= 0.2


def test_a_call_is_repeated_word_for_word() -> None:
    with peer(None, OK) as aws:
        service(aws.url).call("TransactWriteItems", {"ClientRequestToken": "t"}, dict[str, object])
    assert aws.requests[0] == aws.requests[1]


def test_what_does_not_pass_within_four_tries_is_told_as_passing_later(pauses: list[float]) -> None:
    with (
        peer(*[THROTTLED] * 4) as aws,
        pytest.raises(StorageUnavailable, match=r"DynamoDB PutItem.*Throttling.*slower"),
    ):
        service(aws.url).call("PutItem", {}, dict[str, object])
    assert len(pauses) == 3


def test_a_service_that_cannot_be_reached_is_told_as_passing_later() -> None:
    with peer() as gone:
        pass
    with pytest.raises(StorageUnavailable, match="DynamoDB PutItem"):
        service(gone.url).call("PutItem", {}, dict[str, object])


def test_a_mistake_of_ours_is_told_at_once_in_the_words_of_the_service(pauses: list[float]) -> None:
    with (
        peer(INVALID) as aws,
        pytest.raises(Refused, match="DynamoDB Query: ValidationException: no such key") as error,
    ):
        service(aws.url).call("Query", {}, dict[str, object])
    assert error.value.reason == "ValidationException"
    assert pauses == []


def test_the_documented_code_of_sqs_goes_before_its_newer_one() -> None:
    body = b'{"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "gone"}'
    answer = reply(400, body, x_amzn_query_error="AWS.SimpleQueueService.NonExistentQueue;Sender")
    with peer(answer) as aws, pytest.raises(Refused) as error:
        service(aws.url, SQS).call("SendMessage", {}, dict[str, object])
    assert error.value.reason == "AWS.SimpleQueueService.NonExistentQueue"


class TestAFunction:
    def test_is_started_with_an_event_and_not_waited_for(self) -> None:
        with peer(reply(202, b"")) as aws:
            Function(service(aws.url, LAMBDA), "proxy-Scheduler_1").start({"generation": 2})
        head, _, body = aws.requests[0].partition(b"\r\n\r\n")
        assert head.startswith(b"POST /2015-03-31/functions/proxy-Scheduler_1/invocations HTTP/1.1\r\n")
        assert b"X-Amz-Invocation-Type: Event\r\n" in head
        assert b"/eu-central-1/lambda/aws4_request" in head
        assert json.loads(body) == {"generation": 2}

    def test_that_is_throttled_is_started_after_a_pause(self, pauses: list[float]) -> None:
        throttled = reply(429, b'{"message": "Rate exceeded"}', x_amzn_ErrorType="TooManyRequestsException:http://a")
        with peer(throttled, reply(202, b"")) as aws:
            Function(service(aws.url, LAMBDA), "f").start({})
        assert len(pauses) == 1

    def test_that_is_gone_is_told_in_the_words_of_the_service(self) -> None:
        answer = reply(404, b'{"Message": "no function f"}', x_amzn_ErrorType="ResourceNotFoundException:http://a")
        with peer(answer) as aws, pytest.raises(Refused, match=r"Lambda Invoke: ResourceNotFound.*no function f"):
            Function(service(aws.url, LAMBDA), "f").start({})


class TestEndpoints:
    @pytest.fixture(autouse=True)
    def environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_DEFAULT_REGION"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_REGION", "eu-south-1")

    @pytest.mark.parametrize(
        ("variables", "host"),
        [
            ({}, "dynamodb.eu-south-1.amazonaws.com"),
            ({"AWS_REGION": "cn-north-1"}, "dynamodb.cn-north-1.amazonaws.com.cn"),
            ({"AWS_REGION": "", "AWS_DEFAULT_REGION": "us-east-2"}, "dynamodb.us-east-2.amazonaws.com"),
            ({"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}, "127.0.0.1:4566"),
            ({"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_DYNAMODB": "http://b"}, "b"),
        ],
        ids=str,
    )
    def test_are_those_of_the_region_unless_the_environment_names_others(
        self, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], host: str
    ) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert Service.from_environment(DYNAMODB)._connections.host == host

    def test_need_a_region(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("AWS_REGION")
        with pytest.raises(ConfigurationError, match="AWS_REGION"):
            Service.from_environment(DYNAMODB)
