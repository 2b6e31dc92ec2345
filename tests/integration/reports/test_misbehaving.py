"""Endpoints that misbehave: whatever they do, nothing counts as taken, the line waits, and everything comes again."""

import datetime
import itertools
import socket
import ssl
import struct
from collections.abc import Callable
from contextlib import ExitStack

import aiohttp
import pytest
import trustme

from localstack.receiver import Receiver
from shared.clock import MINUTE, SECOND
from shared.outgoing import http
from shared.reports.sync_table import SyncTable
from tests.integration.lane_driver import TENANT, Driver, System
from tests.integration.reports.test_reporting import LINE, report, told
from tests.unit.shared.outgoing.peers import Conversation, Peer, answering, until_the_client_leaves

OK = b'{"ok": true}'
_100_MB = 100 * 1024 * 1024


def reset_in_mid_body(client: socket.socket) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + OK)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def chunked_for_ever(client: socket.socket) -> None:
    """An acknowledgement at first sight, which does not end: a blank at a time."""
    client.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    client.sendall(b"%x\r\n%s\r\n" % (len(OK), OK))
    client.settimeout(0.02)
    while True:
        client.sendall(b"1\r\n \r\n")
        try:
            if not client.recv(1):
                return
        except TimeoutError:
            continue


def of_100_megabytes(client: socket.socket) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % _100_MB)
    for _ in range(_100_MB // 65_536):
        client.sendall(b" " * 65_536)


def redirecting_to_itself(client: socket.socket) -> None:
    client.sendall(b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /mail-proxy/sync\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize(
    ("conversation", "said"),
    [
        (until_the_client_leaves(), "ime"),  # "Timeout on reading ..."
        (until_the_client_leaves(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n" + OK[:6]), "ime"),
        (chunked_for_ever, "ime"),
        (reset_in_mid_body, ""),
        (of_100_megabytes, "1,000,000 bytes"),
        (redirecting_to_itself, "HTTP 307"),
        (answering("200 OK", b"{'ok': True}"), "no answer"),
        (answering("200 OK", b'{"ok": true'), "no answer"),
        (answering("200 OK", b"\xff\xfe"), "no answer"),
        (answering("200 OK", b'{"ok": 1}'), "no answer"),
        (answering("200 OK", b'{"ok": true, "error": {"a": 1}}'), "no answer"),
        (answering("200 OK", b"[" * 100_000), "no answer"),
    ],
    ids=[
        "silent", "silent in mid-body", "chunked for ever", "reset in mid-body", "100 MB", "redirect loop",
        "invalid JSON", "half an answer", "no UTF-8", "ok of another type", "error of another type", "bottomless",
    ],
)  # fmt: skip
async def test_what_is_no_answer_brings_everything_again(
    system: System, driver: Driver, monkeypatch: pytest.MonkeyPatch, conversation: Conversation, said: str
) -> None:
    monkeypatch.setattr(http, "_TIMEOUT", aiohttp.ClientTimeout(total=0.5))
    with Peer(conversation) as peer:
        system.add_tenant(client_base_url=peer.url)
        report(system, "m1", "m2")
        await driver.run()

        assert peer.connections == 1
    await nothing_was_taken_and_everything_comes_again(system, driver, said)


async def nothing_was_taken_and_everything_comes_again(system: System, driver: Driver, said: str) -> None:
    state = SyncTable(system.messages).get(TENANT)
    assert state.failures == 1
    assert said in str(state.last_error)
    assert (system.head_of(LINE).blocked_until or 0) - system.clock() == 45 * SECOND
    assert len(system.events()) == 2

    with Receiver() as mended:
        system.change_tenant(client_base_url=mended.url)
        await driver.pass_time(2 * MINUTE)
        assert told(mended) == ["m1", "m2"]


def unknown_authority(ca: trustme.CA) -> trustme.LeafCert:
    return ca.issue_cert("127.0.0.1")


def other_host(ca: trustme.CA) -> trustme.LeafCert:
    return ca.issue_cert("shop.example.org")


def run_out(ca: trustme.CA) -> trustme.LeafCert:
    long_ago = datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC)
    return ca.issue_cert("127.0.0.1", not_before=long_ago, not_after=long_ago + datetime.timedelta(days=1))


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """An authority that the reporter believes, for the proof that it is the certificate that it minds."""
    ca, context = trustme.CA(), ssl.create_default_context()
    ca.configure_trust(context)
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", context)
    return ca


@pytest.mark.parametrize(
    ("certificate", "said"),
    [(unknown_authority, "local issuer certificate"), (other_host, "IP address mismatch"), (run_out, "expired")],
)
async def test_an_endpoint_with_a_bad_certificate_hears_nothing(
    system: System,
    driver: Driver,
    trusted: trustme.CA,
    certificate: Callable[[trustme.CA], trustme.LeafCert],
    said: str,
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate(trustme.CA() if certificate is unknown_authority else trusted).configure_cert(context)
    with Peer(answering("200 OK", OK), tls=context) as peer:
        system.add_tenant(client_base_url=peer.url)
        report(system, "m1", "m2")
        await driver.run()

        assert peer.requests == []
    await nothing_was_taken_and_everything_comes_again(system, driver, said)


async def test_an_endpoint_with_a_good_certificate_hears_everything(
    system: System, driver: Driver, trusted: trustme.CA
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trusted.issue_cert("127.0.0.1").configure_cert(context)
    with Peer(answering("200 OK", OK), tls=context) as peer:
        system.add_tenant(client_base_url=peer.url)
        report(system, "m1", "m2")
        await driver.run()

        assert len(peer.requests) == 1
    assert system.pages() == []


async def test_an_endpoint_that_errs_in_turn_gets_everything_in_the_end(system: System, driver: Driver) -> None:
    """500, then a reset, then a refusal, then an answer that is none, then a good one."""
    turns = itertools.chain(
        [
            answering("500 Internal Server Error", b"", "Connection: close"),
            reset_in_mid_body,
            answering("200 OK", b'{"ok": false}', "Connection: close"),
            answering("200 OK", b"OK", "Connection: close"),
        ],
        itertools.repeat(answering("200 OK", OK, "Connection: close")),
    )

    def in_turn(client: socket.socket) -> None:
        next(turns)(client)

    with ExitStack() as running:
        peer = running.enter_context(Peer(in_turn))
        system.add_tenant(client_base_url=peer.url)
        report(system, "m1", "m2")
        await driver.run()
        for expected in (1, 2, 3, 4):
            assert SyncTable(system.messages).get(TENANT).failures == expected
            assert len(system.events()) == 2
            system.clock.now = system.head_of(LINE).blocked_until or 0
            driver.make_round()
            await driver.run()

        bodies = {request.partition(b"\r\n\r\n")[2] for request in peer.requests}
        assert len(peer.requests) == 5
        assert len(bodies) == 1
    assert SyncTable(system.messages).get(TENANT).failures == 0
    assert [event.id for event in system.logged_events()] == ["m1", "m2"]
