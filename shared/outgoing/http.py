"""HTTP calls to where tenants say: guarded, without redirects, bounded in time and size."""

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from shared.errors import MailProxyError
from shared.outgoing.guard import AddressRefused, Guard

MAX_ANSWER_BYTES = 1_000_000
_TIMEOUT = aiohttp.ClientTimeout(total=30, connect=10)


class CallFailed(MailProxyError):
    """No usable answer: refused address, no connection, time-out, broken or too large an answer.

    The code is that of `AddressRefused` where the URL may not be called at all, so that only another URL can help.
    """

    code = "call_failed"


@dataclass(frozen=True, slots=True)
class Answer:
    """The whole answer; its status may be any."""

    status: int
    body: bytes


class Allowance(Protocol):
    """How much may be read. Both raise what the caller of the call is to see when it is too much."""

    def check(self, size: int) -> None:
        """Before a body that says it has `size` bytes is read."""

    def take(self, size: int) -> None:
        """For each piece that was read, unpacked."""


class _GuardedResolver(AbstractResolver):
    """aiohttp connects to exactly the addresses that this returns."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=each.address,
                port=port,
                family=each.family,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for each in await self._guard.resolve(host, port)
            if family in (socket.AF_UNSPEC, each.family)
        ]

    async def close(self) -> None:
        """Nothing is held."""


class GuardedHttp:
    """Belongs to one event loop; connections are kept between calls."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, *, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Raises CallFailed."""
        target = await self._checked(_read_url(url))
        session = self._opened()
        try:
            async with session.post(target, data=body, headers=headers, allow_redirects=False) as response:
                return Answer(response.status, await _read(response))
        except (aiohttp.ClientError, OSError, ValueError) as error:  # TimeoutError is an OSError
            raise CallFailed(str(error) or type(error).__name__) from error
        except AddressRefused as error:
            raise CallFailed(error.detail, code=error.code) from error

    async def get(self, url: str, *, headers: Mapping[str, str], allowance: Allowance) -> Answer:
        """`url` goes out as it is. The body is read where the status is 200, within the allowance. Raises CallFailed,
        and what the allowance raises.
        """
        return await self._file("GET", _read_url(url, encoded=True), None, headers, allowance)

    async def post_for_file(self, url: str, *, body: bytes, headers: Mapping[str, str], allowance: Allowance) -> Answer:
        """Posts as `post` does, and reads as `get` does. Raises what `get` raises."""
        return await self._file("POST", _read_url(url), body, headers, allowance)

    async def _file(
        self, method: str, url: URL, body: bytes | None, headers: Mapping[str, str], allowance: Allowance
    ) -> Answer:
        target = await self._checked(url)
        sent = {"Accept-Encoding": "identity", **headers}
        session = self._opened()
        try:
            async with session.request(method, target, data=body, headers=sent, allow_redirects=False) as response:
                content = await _read_within(response, allowance) if response.status == HTTPStatus.OK else b""
                return Answer(response.status, content)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise CallFailed(_without_url(error)) from error
        except AddressRefused as error:
            raise CallFailed(error.detail, code=error.code) from error

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                resolver=_GuardedResolver(self._guard),
                use_dns_cache=False,
                # A frozen environment does not see its peer close: what it finds after longer is likely dead.
                keepalive_timeout=3,
            )
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
            )
        return self._session

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _checked(self, target: URL) -> URL:
        """The URL, with its scheme and host allowed. Raises CallFailed.

        The host is resolved here already, although the resolver checks names once more when the connection is made:
        aiohttp does not ask it about what looks like an address.
        """
        try:
            host = target.host or ""
            if target.scheme != "https" and not (target.scheme == "http" and self._guard.allows(host)):
                refused = f"{target.scheme or 'no scheme'} is not allowed for {host or 'no host'}: use https"
                raise CallFailed(refused, code=AddressRefused.code)
            async with asyncio.timeout(_TIMEOUT.connect):
                await self._guard.resolve(host, target.port or 443)
        except AddressRefused as error:
            raise CallFailed(error.detail, code=error.code) from error
        except (OSError, ValueError) as error:
            raise CallFailed(f"{str(error) or 'the host is not found in time'}") from error
        return target


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The whole answer. Raises CallFailed when it is larger than the limit, without reading on."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(65_536):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise CallFailed(f"the answer is larger than {MAX_ANSWER_BYTES:,} bytes")
    return bytes(body)


async def _read_within(response: aiohttp.ClientResponse, allowance: Allowance) -> bytes:
    if response.content_length is not None:
        allowance.check(response.content_length)
    body = bytearray()
    async for chunk in response.content.iter_chunked(65_536):
        allowance.take(len(chunk))
        body += chunk
    return bytes(body)


def _read_url(url: str, *, encoded: bool = False) -> URL:
    """Raises CallFailed."""
    try:
        return URL(url, encoded=encoded)
    except ValueError as error:
        raise CallFailed(str(error)) from error


def _without_url(error: Exception) -> str:
    """What went wrong; some errors of aiohttp quote the URL, whose query may be a secret."""
    if isinstance(error, aiohttp.ClientResponseError):
        return error.message or type(error).__name__
    if isinstance(error, aiohttp.InvalidURL):
        return "not a URL that can be called"
    return str(error) or type(error).__name__
