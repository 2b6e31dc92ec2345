"""The rule for URLs that reports go to: https, but for hosts that the operator allows."""

from urllib.parse import urlsplit

from shared.errors import InvalidInput
from shared.outgoing.guard import Guard


def require_https(client_base_url: str | None, guard: Guard) -> None:
    """Raises InvalidInput for plain http to a host that is not allowed to have it."""
    if client_base_url is None:
        return
    parts = urlsplit(client_base_url)
    if parts.scheme != "https" and not guard.allows(parts.hostname or ""):
        raise InvalidInput(
            "client_base_url: https is needed; the operator can allow hosts in outgoing_allowed_hosts",
            code="https_required",
            pointer="/client_base_url",
        )
