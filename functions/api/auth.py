"""Who calls, and what they may reach: the admin everything, a tenant only what lies under its own id.

Tokens are never logged and never kept: caches hold their hashes, for `CACHED` at most, so that a revoked token
dies within it.
"""

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from shared.clock import SECOND, Clock, Millis
from shared.errors import Forbidden, Unauthenticated
from shared.tenants.api_keys import ApiKey, ApiKeyTable

CACHED: Millis = 30 * SECOND
_MAX_CACHED = 1_000
_MAX_TOKEN_LENGTH = 512

_api_token = APIKeyHeader(
    name="X-API-Token",
    scheme_name="ApiToken",
    description="The admin token, or the API key of a tenant.",
    auto_error=False,
)
_bearer = HTTPBearer(
    scheme_name="BearerToken", description="The same token, the way RFC 6750 sends it.", auto_error=False
)


@dataclass(frozen=True, slots=True)
class Caller:
    """`tenant_id` and `key_id`, which names the key and tells nothing of it, are None for the admin."""

    tenant_id: str | None
    key_id: str | None = None

    @property
    def is_admin(self) -> bool:
        """Whether the caller may reach everything."""
        return self.tenant_id is None


class Authenticator:
    """Turns tokens into callers. `read_admin_token` may be slow: what it returns is kept for `CACHED`."""

    def __init__(self, read_admin_token: Callable[[], str], api_keys: ApiKeyTable, clock: Clock) -> None:
        self._read_admin_token = read_admin_token
        self._api_keys = api_keys
        self._clock = clock
        self._lock = Lock()
        self._admin: tuple[bytes, Millis] | None = None
        self._tenants: OrderedDict[bytes, tuple[ApiKey, Millis]] = OrderedDict()

    def caller(self, token: str | None) -> Caller:
        """Raises Unauthenticated, with one and the same answer for a token missing, wrong or expired."""
        if token and len(token) <= _MAX_TOKEN_LENGTH:
            now = self._clock()
            hashed = hashlib.sha256(token.encode()).digest()
            key = self._cached(hashed, now)
            if key is not None:
                return Caller(key.tenant_id, key.id)
            if hmac.compare_digest(hashed, self._admin_hash(now)):
                return Caller(None)
            key = self._api_keys.find(token, now)
            if key is not None:
                self._keep(hashed, key, now)
                return Caller(key.tenant_id, key.id)
        raise Unauthenticated("a valid token is needed, in X-API-Token or in Authorization: Bearer")

    def _admin_hash(self, now: Millis) -> bytes:
        """Comparing hashes keeps the time taken from telling anything about the token, its length included."""
        with self._lock:
            known = self._admin
        if known is not None and _is_fresh(known[1], now):
            return known[0]
        hashed = hashlib.sha256(self._read_admin_token().encode()).digest()
        with self._lock:
            self._admin = (hashed, now)
        return hashed

    def _cached(self, hashed: bytes, now: Millis) -> ApiKey | None:
        with self._lock:
            found = self._tenants.get(hashed)
        if found is None:
            return None
        key, since = found
        return key if _is_fresh(since, now) and key.is_valid(now) else None

    def _keep(self, hashed: bytes, key: ApiKey, now: Millis) -> None:
        with self._lock:
            self._tenants[hashed] = (key, now)
            self._tenants.move_to_end(hashed)
            while len(self._tenants) > _MAX_CACHED:
                self._tenants.popitem(last=False)


def _is_fresh(since: Millis, now: Millis) -> bool:
    """Not so when the clock was set back."""
    return 0 <= now - since < CACHED


def presented_token(request: Request) -> str | None:
    """The token as the caller sent it; X-API-Token is looked at first."""
    api_token = request.headers.get("x-api-token")
    if api_token:
        return api_token
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


# The gate has authenticated the caller before. The two security schemes put the padlock into the OpenAPI document.
async def _known_caller(
    request: Request,
    _header: Annotated[str | None, Security(_api_token)],
    _authorization: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> Caller:
    caller = getattr(request.state, "caller", None)
    if not isinstance(caller, Caller):
        raise Unauthenticated("a valid token is needed")
    return caller


CurrentCaller = Annotated[Caller, Depends(_known_caller)]


async def require_admin(caller: CurrentCaller) -> None:
    """Raises Forbidden for tenants."""
    if not caller.is_admin:
        raise Forbidden("only the admin token may do this")


async def require_tenant(request: Request, caller: CurrentCaller) -> None:
    """Lets the admin pass, and the tenant named in the path. Raises Forbidden for other tenants."""
    if not caller.is_admin and caller.tenant_id != request.path_params.get("tenant_id"):
        raise Forbidden("this token belongs to another tenant")
