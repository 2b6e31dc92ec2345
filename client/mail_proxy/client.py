"""The two clients: `MailProxy` blocks, `AsyncMailProxy` is awaited. Both have the same operations."""

import ipaddress
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urlsplit

from mail_proxy.errors import InvalidArgument
from mail_proxy.exchange import Caller, Retries
from mail_proxy.resources.instance import Proxy
from mail_proxy.transports import AwaitingTransport, BlockingTransport

if TYPE_CHECKING:
    import httpx

_TIMEOUT: Final = 35.0  # seconds: API Gateway answers within 30


class MailProxy(Proxy[BlockingTransport]):
    """The API of an instance, blocking.

    `token` is the admin token or a tenant's key. `base_url` is https, or http on this machine. `timeout` is for each
    exchange, in seconds. An `http` client of your own (for a proxy, other certificates) is used as it is, and closed
    with this one.

        with MailProxy("https://abc123.execute-api.eu-central-1.amazonaws.com", key) as proxy:
            acme = proxy.tenant("acme")
            accepted = acme.messages.send(from_="no-reply@acme.example", to="anna@example.com", text="Hi Anna")
            acme.messages.wait_until_sent(accepted.id)

    One instance may be used by several threads.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        timeout: float = _TIMEOUT,
        retries: Retries | None = None,
        http: "httpx.Client | None" = None,
    ) -> None:
        url = checked_base_url(base_url)
        if http is None:
            from httpx import Client

            http = Client(timeout=timeout, follow_redirects=False)
        super().__init__(BlockingTransport(http, url, checked_token(token)), Caller(retries or Retries()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes all connections."""
        self._transport.close()


class AsyncMailProxy(Proxy[AwaitingTransport]):
    """The API of an instance, for asyncio. The arguments are those of `MailProxy`.

    async with AsyncMailProxy("https://abc123.execute-api.eu-central-1.amazonaws.com", key) as proxy:
        acme = proxy.tenant("acme")
        async for message in acme.messages.list(status="error"):
            await acme.messages.retry(message.id)
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        timeout: float = _TIMEOUT,
        retries: Retries | None = None,
        http: "httpx.AsyncClient | None" = None,
    ) -> None:
        url = checked_base_url(base_url)
        if http is None:
            from httpx import AsyncClient

            http = AsyncClient(timeout=timeout, follow_redirects=False)
        super().__init__(AwaitingTransport(http, url, checked_token(token)), Caller(retries or Retries()))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes all connections."""
        await self._transport.close()


def checked_base_url(url: str) -> str:
    """The URL without a slash at its end. Raises InvalidArgument: the token would go over the wire in the clear."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError as error:
        raise InvalidArgument(f"{url!r} is no URL: {error}") from error
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment or parts.username is not None:
        raise InvalidArgument(f"{url!r} is not like https://proxy.example or http://127.0.0.1:8000")
    if parts.scheme == "http" and not of_this_machine(host):
        raise InvalidArgument(f"{url!r} must be https: the token would go over the network in the clear")
    return url.rstrip("/")


def of_this_machine(host: str) -> bool:
    """Whether calls to this host stay on this machine."""
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761 §6.3
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def checked_token(token: str) -> str:
    """Raises InvalidArgument when it cannot be part of a header; the message does not show it."""
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise InvalidArgument("the token is empty, or has characters that no token has")
    return token
