"""Calls to tenants' endpoints: guarded, without redirects, bounded in time and size."""

import gzip
import socket
import struct
from collections.abc import AsyncIterator

import aiohttp
import pytest

from shared.outgoing import http
from shared.outgoing.guard import Guard
from shared.outgoing.http import MAX_ANSWER_BYTES, Answer, CallFailed, GuardedHttp
from tests.unit.shared.outgoing.hostile import HOSTILE_URLS
from tests.unit.shared.outgoing.peers import Peer, answering, saying, until_the_client_leaves

LOCAL = Guard(["127.0.0.1"])
FORBIDDEN = Guard([])


@pytest.fixture
async def calls() -> AsyncIterator[GuardedHttp]:
    caller = GuardedHttp(LOCAL)
    yield caller
    await caller.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_TIMEOUT", aiohttp.ClientTimeout(total=0.3))


async def post(caller: GuardedHttp, url: str, body: bytes = b"{}") -> Answer:
    return await caller.post(url, body=body, headers={"Content-Type": "application/json", "Authorization": "Bearer t"})


async def test_body_and_headers_arrive_and_the_answer_comes_back_whole(calls: GuardedHttp) -> None:
    with Peer(answering("200 OK", b'{"ok": true}')) as peer:
        answer = await post(calls, peer.url + "/sync?x=1", b'{"delivery_report": []}')

    assert answer == Answer(200, b'{"ok": true}')
    (request,) = peer.requests
    assert request.startswith(b"POST /sync?x=1 HTTP/1.1\r\n")
    assert b"\r\nAuthorization: Bearer t\r\n" in request
    assert request.endswith(b'\r\n\r\n{"delivery_report": []}')


@pytest.mark.parametrize("body", [b"", b"not json", b"\xff\xfe\x00", b'{"ok": tru'])
async def test_a_body_of_any_kind_comes_back_as_it_is(calls: GuardedHttp, body: bytes) -> None:
    with Peer(answering("200 OK", body)) as peer:
        assert (await post(calls, peer.url)).body == body


@pytest.mark.parametrize("status", [201, 204, 304, 400, 401, 404, 410, 429, 500, 503])
async def test_a_status_of_any_kind_is_an_answer(calls: GuardedHttp, status: int) -> None:
    with Peer(answering(f"{status} Whatever")) as peer:
        assert (await post(calls, peer.url)).status == status


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_a_redirect_is_not_followed(calls: GuardedHttp, status: str) -> None:
    with (
        Peer(answering("200 OK", b'{"ok": true}')) as elsewhere,
        Peer(answering(status, b"", f"Location: {elsewhere.url}/")) as peer,
    ):
        answer = await post(calls, peer.url)

    assert answer.status == int(status[:3])
    assert elsewhere.connections == 0


async def test_a_cookie_is_not_kept(calls: GuardedHttp) -> None:
    with Peer(answering("200 OK", b"", "Set-Cookie: a=b; Path=/", "Connection: close")) as peer:
        await post(calls, peer.url)
        await post(calls, peer.url)

    assert not any(b"cookie" in request.lower() for request in peer.requests)


async def test_an_answer_of_the_greatest_size_is_taken(calls: GuardedHttp) -> None:
    with Peer(answering("200 OK", b"x" * MAX_ANSWER_BYTES)) as peer:
        assert len((await post(calls, peer.url)).body) == MAX_ANSWER_BYTES


async def test_a_larger_answer_is_refused(calls: GuardedHttp) -> None:
    too_large = answering("200 OK", b"x" * (MAX_ANSWER_BYTES + 1))
    with Peer(too_large) as peer, pytest.raises(CallFailed, match="1,000,000"):
        await post(calls, peer.url)


async def test_an_answer_without_end_is_refused_without_reading_on(calls: GuardedHttp) -> None:
    def endless(client: socket.socket) -> None:
        client.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            client.sendall(b"10000\r\n" + b"x" * 65_536 + b"\r\n")

    with Peer(endless) as peer, pytest.raises(CallFailed, match="1,000,000"):
        await post(calls, peer.url)


async def test_a_small_answer_that_unpacks_to_a_large_one_is_refused(calls: GuardedHttp) -> None:
    bomb = gzip.compress(b"\0" * 100_000_000)
    with Peer(answering("200 OK", bomb, "Content-Encoding: gzip")) as peer, pytest.raises(CallFailed):
        await post(calls, peer.url)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nContent-Length: 4\r\n\r\nnope",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000 + b"\r\n",
        b"HTTP/9.9 abc\r\n\r\n",
        b"\x16\x03\x01\x00",
    ],
)
async def test_an_answer_that_is_broken_is_no_answer(calls: GuardedHttp, octets: bytes, impatient: None) -> None:
    with Peer(saying(octets)) as peer, pytest.raises(CallFailed):
        await post(calls, peer.url)


async def test_a_reset_in_mid_body_is_no_answer(calls: GuardedHttp) -> None:
    def reset(client: socket.socket) -> None:
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with Peer(reset) as peer, pytest.raises(CallFailed):
        await post(calls, peer.url)


@pytest.mark.parametrize(
    "beginning", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"]
)
async def test_a_peer_that_falls_silent_is_given_up(calls: GuardedHttp, impatient: None, beginning: bytes) -> None:
    with Peer(until_the_client_leaves(beginning)) as peer, pytest.raises(CallFailed):
        await post(calls, peer.url)


async def test_a_peer_that_answers_drop_by_drop_is_given_up_all_the_same(calls: GuardedHttp, impatient: None) -> None:
    def dripping(client: socket.socket) -> None:
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        client.settimeout(0.02)
        while True:
            client.sendall(b"x")
            try:
                if not client.recv(1):
                    return
            except TimeoutError:
                continue

    with Peer(dripping) as peer, pytest.raises(CallFailed):
        await post(calls, peer.url)


async def test_nobody_listening_is_no_answer(calls: GuardedHttp) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    with pytest.raises(CallFailed):
        await post(calls, f"http://127.0.0.1:{port}/")


async def test_a_connection_that_the_peer_closed_meanwhile_is_replaced(calls: GuardedHttp) -> None:
    with Peer(answering("200 OK", b"", "Connection: close")) as peer:
        for _ in range(3):
            assert (await post(calls, peer.url)).status == 200

    assert peer.connections == 3


@pytest.mark.parametrize("url", HOSTILE_URLS)
async def test_a_url_that_leads_to_what_is_not_public_is_refused_before_any_connection(url: str) -> None:
    caller = GuardedHttp(FORBIDDEN)
    with Peer(answering("200 OK")) as peer, pytest.raises(CallFailed):
        await post(caller, url.format(port=peer.url.rpartition(":")[2]))
    await caller.close()

    assert peer.connections == 0


async def test_plain_http_is_refused_unless_the_operator_allows_the_host() -> None:
    caller = GuardedHttp(FORBIDDEN)

    with pytest.raises(CallFailed, match="https"):
        await post(caller, "http://shop.example.org/")
    await caller.close()


async def test_a_name_that_leads_elsewhere_at_the_second_look_is_refused_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: the address that is checked is the address that is connected to."""
    leads_to = iter(["8.8.8.8", "127.0.0.1"])

    def resolve(
        _host: str, port: int, *_args: object, **_kwargs: object
    ) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(leads_to), port))]

    caller = GuardedHttp(FORBIDDEN)
    with Peer(answering("200 OK")) as peer:
        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        port = peer.url.rpartition(":")[2]
        with pytest.raises(CallFailed, match="not a public address"):
            await post(caller, f"https://shop.example.org:{port}/")
    await caller.close()

    assert peer.connections == 0


async def test_no_proxy_of_the_environment_is_used(calls: GuardedHttp, monkeypatch: pytest.MonkeyPatch) -> None:
    with Peer(answering("418 proxy")) as proxy, Peer(answering("200 OK")) as peer:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert (await post(calls, peer.url)).status == 200

    assert proxy.connections == 0
