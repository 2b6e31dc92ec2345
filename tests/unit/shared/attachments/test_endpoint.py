"""Attachments that the tenant's own endpoint is asked for."""

import base64
import json

from shared.outgoing.guard import Guard
from shared.tenants.model import Tenant, TenantSettings
from shared.tenants.table import TenantTable
from tests.unit.shared.attachments.fetchers import FAILURES, MakeFetcher, failure, fetched, file, for_acme
from tests.unit.shared.outgoing.peers import Peer, answering


def made(tenants: TenantTable, **settings: object) -> Tenant:
    new = tenants.create("acme", TenantSettings.model_validate(settings))
    assert new is not None
    return new.tenant


async def test_the_tenants_endpoint_is_asked_with_its_own_credentials(
    make_fetcher: MakeFetcher, tenants: TenantTable
) -> None:
    bearer = {"method": "bearer", "token": "TOKEN-OF-ACME"}
    with Peer(answering("200 OK", b"\x00raw\xff", "Content-Type: text/html")) as app:
        tenant = made(
            tenants, client_base_url=f"{app.url}/app", client_attachment_path="/files?x=1", client_auth=bearer
        )
        visit = for_acme(make_fetcher(Guard(["127.0.0.1"])), tenant)
        path = "März/doc_id=1"
        assert await fetched(visit, file(path)) == {path: b"\x00raw\xff"}
        assert await fetched(visit, file("/a", fetch_mode="endpoint")) == {"/a": b"\x00raw\xff"}
        requests = [request.split(b"\r\n\r\n") for request in app.requests]
    head = requests[0][0].decode().split("\r\n")
    assert head[0] == "POST /app/files?x=1 HTTP/1.1"
    assert {
        "Authorization: Bearer TOKEN-OF-ACME",
        "X-Mail-Proxy-Tenant: acme",
        "Content-Type: application/json",
    } <= set(head)
    assert [json.loads(body) for _, body in requests] == [{"storage_path": path}, {"storage_path": "/a"}]


async def test_a_tenant_without_an_endpoint_is_asked_at_the_instances(
    make_fetcher: MakeFetcher, tenants: TenantTable
) -> None:
    fetcher = make_fetcher(Guard(["127.0.0.1"]))
    with Peer(answering("200 OK", b"file")) as app:
        tenant = made(tenants, client_auth={"method": "basic", "user": "proxy", "password": "SECRET"})
        for path in (None, "/attachments"):
            shared = for_acme(fetcher, tenant, client_base_url=app.url, client_attachment_path=path)
            assert await fetched(shared, file("doc")) == {"doc": b"file"}
        lines = [request.decode().split("\r\n") for request in app.requests]
    assert [each[0] for each in lines] == [
        "POST /mail-proxy/attachments HTTP/1.1",
        "POST /attachments HTTP/1.1",
    ]
    assert f"Authorization: Basic {base64.b64encode(b'proxy:SECRET').decode()}" in lines[0]
    for nobody in (for_acme(fetcher, tenant), for_acme(fetcher, None, client_base_url="http://127.0.0.1:1")):
        failed = await failure(nobody, file("doc"))
        assert failed.permanent
        assert "no client_base_url" in failed.detail


async def test_a_failure_of_the_endpoint_says_whether_it_may_pass(
    make_fetcher: MakeFetcher, tenants: TenantTable
) -> None:
    tenant = made(tenants, client_auth={"method": "bearer", "token": "TOKEN-OF-ACME"})
    fetcher = make_fetcher(Guard(["127.0.0.1"]))
    for conversation, permanent, told in FAILURES:
        with Peer(conversation) as app:
            visit = for_acme(fetcher, tenant, client_base_url=app.url)
            url, failed = app.url, await failure(visit, file("doc"), seconds=0.6)
        assert (failed.permanent, told in failed.detail) == (permanent, True), failed.detail
        assert "TOKEN-OF-ACME" not in failed.detail
        if told.isdecimal():
            assert f"{url}/mail-proxy/attachments: answered with {told}" in failed.detail
    hidden = for_acme(make_fetcher(Guard([])), tenant, client_base_url="https://169.254.169.254")
    assert (await failure(hidden, file("doc"))).permanent
