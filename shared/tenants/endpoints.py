"""Where the proxy calls a tenant, and what proves to it who calls. Pure."""

import base64
from typing import Final

from shared.instance.model import Instance
from shared.tenants.model import AuthMethod, Tenant

DEFAULT_SYNC_PATH: Final = "/mail-proxy/sync"
DEFAULT_ATTACHMENT_PATH: Final = "/mail-proxy/attachments"


def sync_url(tenant: Tenant, instance: Instance) -> str | None:
    """Where the tenant's events go: its own base URL, else the instance's; None when neither is set."""
    return _url(tenant, instance, tenant.client_sync_path, instance.client_sync_path, DEFAULT_SYNC_PATH)


def attachment_url(tenant: Tenant, instance: Instance) -> str | None:
    """Where the tenant is asked for the bytes of attachments; None as above."""
    own, of_the_instance = tenant.client_attachment_path, instance.client_attachment_path
    return _url(tenant, instance, own, of_the_instance, DEFAULT_ATTACHMENT_PATH)


def authorization(tenant: Tenant, secret: str | None) -> dict[str, str]:
    """The header of `client_auth`."""
    match tenant.auth_method:
        case AuthMethod.BEARER:
            return {"Authorization": f"Bearer {secret or ''}"}
        case AuthMethod.BASIC:
            pair = f"{tenant.auth_user or ''}:{secret or ''}".encode()
            return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
        case AuthMethod.NONE:
            return {}


def _url(tenant: Tenant, instance: Instance, own: str | None, of_the_instance: str | None, default: str) -> str | None:
    """The instance's path goes with the instance's base URL only; the tenant's with either."""
    if tenant.client_base_url is not None:
        return tenant.client_base_url + (own or default)
    if instance.client_base_url is not None:
        return instance.client_base_url + (own or of_the_instance or default)
    return None
