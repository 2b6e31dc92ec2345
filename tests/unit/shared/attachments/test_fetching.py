"""Fetching attachments: from real servers on loopback, and S3 in-process."""

import asyncio
import gzip
import hashlib

import pytest
from pydantic import SecretStr

from shared.attachments import fetching
from shared.attachments.fetching import MAX_MAIL_BYTES, VisitFetcher
from shared.attachments.origins import FetchFailed
from shared.attachments.uploads import upload_key
from shared.aws.dynamodb import Table
from shared.aws.kms import SecretSealer
from shared.aws.s3 import Bucket
from shared.outgoing.guard import Guard
from shared.storages.allowed import AllowedBuckets
from shared.storages.model import S3StorageSettings, StorageKind
from shared.storages.table import StorageTable
from tests.unit.clock import SettableClock
from tests.unit.shared.attachments.fetchers import (
    FAILURES,
    ULID,
    MakeFetcher,
    failure,
    fetched,
    file,
    for_acme,
)
from tests.unit.shared.outgoing.hostile import HOSTILE_URLS
from tests.unit.shared.outgoing.peers import Peer, answering, until_the_client_leaves


async def test_bytes_that_came_with_the_call_are_left_alone(fetcher: VisitFetcher) -> None:
    assert await fetched(fetcher, file("base64:QQ==")) == {}


async def test_an_upload_is_read_and_one_that_never_came_is_an_error(
    fetcher: VisitFetcher, payloads_bucket: Bucket
) -> None:
    missing = await failure(fetcher, file(f"upload:{ULID}"))
    assert missing.permanent
    assert f"upload:{ULID}" in missing.detail
    payloads_bucket.put(upload_key("acme", ULID), b"uploaded")
    assert await fetched(fetcher, file(f"upload:{ULID}")) == {f"upload:{ULID}": b"uploaded"}
    payloads_bucket.put(upload_key("other", ULID.replace("0", "1")), b"of another tenant")
    assert (await failure(fetcher, file(f"upload:{ULID.replace('0', '1')}"))).permanent


async def test_a_url_that_leads_to_what_is_not_public_is_an_error_before_any_connection(
    make_fetcher: MakeFetcher,
) -> None:
    guarded = for_acme(make_fetcher(Guard([])))
    with Peer(answering("200 OK", b"a secret of the network")) as peer:
        port = peer.url.rpartition(":")[2]
        for url in HOSTILE_URLS:
            with pytest.raises(FetchFailed):
                await fetched(guarded, file(url.format(port=port), fetch_mode="http_url"))

    assert peer.connections == 0


async def test_a_storage_is_read_by_its_own_credentials(fetcher: VisitFetcher, storages: StorageTable) -> None:
    with Peer(answering("200 OK", b"stored")) as s3:
        settings = S3StorageSettings(
            kind=StorageKind.S3, bucket="acme-files", prefix="out/", region="eu-west-1", endpoint_url=s3.url,
            access_key_id="AKIA", secret_access_key=SecretStr("SECRET"),
        )  # fmt: skip
        storages.put("acme", "files", settings)
        assert await fetched(fetcher, file("files:März/a b+c.pdf")) == {"files:März/a b+c.pdf": b"stored"}
        [request] = s3.requests
    line, *headers = request.decode().split("\r\n")
    assert line == "GET /acme-files/out/M%C3%A4rz/a%20b%2Bc.pdf HTTP/1.1"
    signed = next(each for each in headers if each.startswith("Authorization:"))
    assert "Credential=AKIA/20260101/eu-west-1/s3/aws4_request" in signed
    assert "role-token" not in request.decode()
    unknown = await failure(fetcher, file("unknown:a.pdf"))
    assert unknown.permanent
    assert "no storage unknown" in unknown.detail


async def test_the_role_reads_nothing_but_what_is_allowed_when_it_is_read(
    fetcher: VisitFetcher, storages: StorageTable, registry: Table, sealer: SecretSealer, clock: SettableClock
) -> None:
    for path in ("s3://tenants-files/other/a.pdf", "s3://payloads/MAIL#other#1#x", "s3://tenants-files/acme2/a"):
        refused = await failure(fetcher, file(path))
        assert refused.permanent
        assert "may not read" in refused.detail
    once_allowed = StorageTable(registry, sealer, AllowedBuckets.from_setting("old-files"), clock)
    once_allowed.put("acme", "old", S3StorageSettings(kind=StorageKind.S3, bucket="old-files"))
    assert "may not read" in (await failure(fetcher, file("old:a.pdf"))).detail


async def test_a_failure_says_whether_it_may_pass_and_what_was_seen(fetcher: VisitFetcher) -> None:
    for conversation, permanent, told in FAILURES:
        with Peer(conversation) as server:
            url = server.url
            failed = await failure(fetcher, file(f"{url}/a.pdf?token=SECRET"), seconds=0.6)
        assert (failed.permanent, told in failed.detail) == (permanent, True), failed.detail
        assert "SECRET" not in failed.detail
        assert failed.detail.startswith(("attachment a.pdf: ", "the attachments were not fetched within"))
        if told.isdecimal():
            assert f"{url}/a.pdf: answered with {told}" in failed.detail


async def test_an_endless_file_and_a_bomb_are_cut_off(fetcher: VisitFetcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "MAX_MAIL_BYTES", 1_000_000)
    endless = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    bomb = gzip.compress(b"0" * 50_000_000)
    for conversation in (
        until_the_client_leaves(endless + (b"10000\r\n" + b"x" * 65_536 + b"\r\n") * 40),
        answering("200 OK", bomb, "Content-Encoding: gzip"),
    ):
        with Peer(conversation) as server:
            failed = await failure(fetcher, file(server.url))
        assert failed.permanent
        assert "1,000,000 bytes in all" in failed.detail


async def test_addresses_that_are_not_public_are_refused_for_good(make_fetcher: MakeFetcher) -> None:
    guarded = for_acme(make_fetcher(Guard([])))
    for url in (
        "https://127.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "http://example.com/",
    ):
        assert (await failure(guarded, file(url))).permanent, url


async def test_another_file_than_the_one_that_was_meant_is_not_sent(fetcher: VisitFetcher) -> None:
    with Peer(answering("200 OK", b"content")) as server:
        right = hashlib.md5(b"content", usedforsecurity=False).hexdigest()
        assert await fetched(fetcher, file(server.url, content_md5=right.upper())) == {server.url: b"content"}
        wrong = await failure(fetcher, file(server.url, content_md5="0" * 32))
    assert wrong.permanent
    assert right in wrong.detail


async def test_a_file_that_is_named_twice_is_fetched_once(fetcher: VisitFetcher) -> None:
    with Peer(answering("200 OK", b"logo")) as server:
        assert await fetched(fetcher, file(server.url), file(server.url, content_id="logo")) == {server.url: b"logo"}
        assert server.connections == 1


async def test_many_mails_with_large_files_stay_within_the_memory(
    fetcher: VisitFetcher, payloads_bucket: Bucket
) -> None:
    """20 mails of 20 MB, 80 MB at a time: as many as fit, and all of them in the end."""
    payloads_bucket.put(upload_key("acme", ULID), b"x" * (MAX_MAIL_BYTES // 2))
    held, most = 0, 0

    async def mail() -> None:
        nonlocal held, most
        async with fetcher.fetched([file(f"upload:{ULID}")], 60) as files:
            held += len(files[f"upload:{ULID}"])
            most = max(most, held)
            await asyncio.sleep(0.01)
            held -= len(files[f"upload:{ULID}"])

    await asyncio.gather(*(mail() for _ in range(20)))
    assert MAX_MAIL_BYTES // 2 < most <= 2 * MAX_MAIL_BYTES
