"""Tenants, stored."""

import pytest

from shared.aws.dynamodb import Table
from shared.aws.kms import SecretSealer
from shared.errors import Conflict, NotFound
from shared.tenants.api_keys import ApiKeyTable
from shared.tenants.model import TenantSettings
from shared.tenants.table import TenantTable
from tests import boto
from tests.unit.clock import SettableClock

BEARER = {"client_auth": {"method": "bearer", "token": "SECRET"}, "client_base_url": "https://acme.example"}


@pytest.fixture
def tenants(registry: Table, sealer: SecretSealer, clock: SettableClock) -> TenantTable:
    return TenantTable(registry, sealer, clock)


def settings(**fields: object) -> TenantSettings:
    return TenantSettings.model_validate(fields)


def test_a_tenant_comes_into_being_with_its_key_or_not_at_all(
    tenants: TenantTable, registry: Table, clock: SettableClock
) -> None:
    new = tenants.create("acme", settings(**BEARER))
    assert new is not None
    key = ApiKeyTable(registry).find(new.api_key, clock.now)
    assert key is not None
    assert key.tenant_id == "acme"
    assert tenants.create("acme", settings(name="again")) is None
    assert tenants.get("acme") == new.tenant
    items = boto.dynamodb().scan(TableName=registry.name)["Items"]
    assert len(items) == 4
    assert new.api_key not in str(items)
    assert new.signing_secret not in str(items)


def test_settings_read_back_as_put_secrets_included(tenants: TenantTable, clock: SettableClock) -> None:
    new = tenants.create("acme", settings(**BEARER))
    assert new is not None
    assert tenants.settings_of(new.tenant) == settings(**BEARER)
    clock.advance(1)
    basic = settings(client_auth={"method": "basic", "user": "u", "password": "p"}, active=False, ack="lenient")
    replaced = tenants.replace(new.tenant, basic)
    assert tenants.settings_of(replaced) == basic
    assert tenants.client_secret(replaced) == "p"
    assert replaced.created_at == new.tenant.created_at


@pytest.mark.parametrize("later", [0, 1])
def test_two_changes_at_the_same_time_do_not_overwrite_each_other(
    tenants: TenantTable, clock: SettableClock, later: int
) -> None:
    new = tenants.create("acme", settings())
    assert new is not None
    clock.advance(later)
    tenants.replace(new.tenant, settings(name="first"))
    with pytest.raises(Conflict):
        tenants.replace(new.tenant, settings(name="second"))
    assert tenants.get("acme").name == "first"


def test_an_unknown_tenant_is_not_found(tenants: TenantTable) -> None:
    with pytest.raises(NotFound):
        tenants.get("acme")


def test_tenants_are_paged_in_order_of_id(tenants: TenantTable) -> None:
    for name in ("b", "a", "c"):
        tenants.create(name, settings())
    first = tenants.page(limit=2)
    assert ([each.id for each in first.tenants], first.next) == (["a", "b"], "b")
    second = tenants.page(limit=2, after=first.next)
    assert ([each.id for each in second.tenants], second.next) == (["c"], None)
