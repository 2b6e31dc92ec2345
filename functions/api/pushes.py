"""Refuses what makes no sense for a tenant whose events are not pushed."""

from functions.api.services import Services
from shared.errors import Conflict
from shared.instance.model import Instance
from shared.tenants.endpoints import sync_url
from shared.tenants.model import Tenant


def pushed_tenant(services: Services, tenant_id: str) -> tuple[Tenant, Instance]:
    """The tenant, and the instance. Raises NotFound, and Conflict when there is nothing to call."""
    tenant, instance = services.tenants.get(tenant_id), services.instance.get()
    if not tenant.active:
        raise Conflict(f"tenant {tenant_id} is not active: nothing is pushed", code="inactive")
    if sync_url(tenant, instance) is None:
        raise Conflict(f"tenant {tenant_id} has no client_base_url, nor has the instance", code="no_endpoint")
    return tenant, instance
