"""The rule for URLs that the proxy will call: https and no private address, but for hosts that the operator allows.

Where a name leads is checked when it is called.
"""

from ipaddress import ip_address
from urllib.parse import urlsplit

from shared.errors import InvalidInput
from shared.outgoing.guard import Guard, is_public


def require_https(url: str | None, guard: Guard, *, pointer: str = "/client_base_url") -> None:
    """Raises InvalidInput, which names the field, for plain http or an address to a host that may not have it."""
    if url is None:
        return
    parts = urlsplit(url)
    host = parts.hostname or ""
    if guard.allows(host):
        return
    field = pointer.removeprefix("/").replace("/", ".")
    if parts.scheme != "https":
        raise InvalidInput(
            f"{field}: https is needed; the operator can allow hosts in outgoing_allowed_hosts",
            code="https_required",
            pointer=pointer,
        )
    if not _may_be_public(host):
        raise InvalidInput(
            f"{field}: {host} is not a public address; the operator can allow hosts in outgoing_allowed_hosts",
            code="address_refused",
            pointer=pointer,
        )


def _may_be_public(host: str) -> bool:
    try:
        return is_public(ip_address(host.partition("%")[0]))
    except ValueError:  # a name
        return True
