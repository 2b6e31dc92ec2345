"""The client against the API itself, in this process: the application over AWS in-process, reached by httpx."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi.testclient import TestClient

from functions.api.app import create_app
from functions.api.services import Services
from mail_proxy import AccountSettings, AsyncMailProxy, MailProxy, NewTenantView, Tenant, TenantSettings
from mail_proxy.transports import BlockingTransport
from tests.unit.functions.api.caller import ADMIN_TOKEN
from tests.unit.functions.api.conftest import client, no_name_is_looked_up, services

__all__ = ["client", "no_name_is_looked_up", "services"]

BASE_URL = "http://localhost"


@pytest.fixture
def proxy(client: TestClient) -> MailProxy:
    """The instance as the admin reaches it, with nothing in it."""
    return MailProxy(BASE_URL, ADMIN_TOKEN, http=client)


@pytest.fixture
def acme(proxy: MailProxy) -> Tenant[BlockingTransport]:
    """A tenant with an account `main`, as the admin reaches it."""
    created = proxy.tenants.put("acme", TenantSettings(default_account="main"))
    assert isinstance(created, NewTenantView)
    tenant = proxy.tenant("acme")
    tenant.accounts.put("main", AccountSettings(host="smtp.example.com", port=587, tls="starttls"))
    return tenant


@pytest.fixture
async def async_proxy(services: Services) -> AsyncIterator[AsyncMailProxy]:
    """The same instance, awaited."""
    http = httpx.AsyncClient(transport=httpx.ASGITransport(app=create_app(lambda: services)))
    async with AsyncMailProxy(BASE_URL, ADMIN_TOKEN, http=http) as proxy:
        yield proxy
