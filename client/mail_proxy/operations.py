"""Makes one definition of an operation callable both ways: blocking on a `MailProxy`, awaited on an `AsyncMailProxy`.

A resource is written once, over the kind of its transport. Its methods give steps; what a caller sees is their result,
an awaitable of it, or an iterator over pages, as the resource's transport says, with types that follow.
"""

import functools
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Concatenate, overload

from mail_proxy.exchange import Call, Caller
from mail_proxy.steps import Steps
from mail_proxy.transports import Awaited, AwaitingTransport, BlockingTransport, Transport


class Resource[M: Transport]:
    """A part of the API, reached over a transport, of one tenant if `tenant_id` is set."""

    def __init__(self, transport: M, caller: Caller, tenant_id: str = "") -> None:
        self._transport = transport
        self._caller = caller
        self._tenant_id = tenant_id

    def _make[T](self, call: Call[T]) -> Steps[T]:
        return self._caller.make(call)


class operation[R: Resource[Any], **P, T]:  # noqa: N801  a decorator
    """A method that gives steps, seen by callers as their result or an awaitable of it."""

    def __init__(self, method: Callable[Concatenate[R, P], Steps[T]]) -> None:
        self._method = method
        self.__doc__ = method.__doc__

    @overload
    def __get__(self, resource: Resource[BlockingTransport], owner: type) -> Callable[P, T]: ...

    @overload
    def __get__(self, resource: Resource[AwaitingTransport], owner: type) -> Callable[P, Awaited[T]]: ...

    def __get__(self, resource: Any, owner: type) -> Callable[P, T] | Callable[P, Awaited[T]]:
        @functools.wraps(self._method)
        def call(*args: P.args, **kwargs: P.kwargs) -> T | Awaited[T]:
            return resource._transport.run(self._method(resource, *args, **kwargs))  # type: ignore[no-any-return]

        return call  # type: ignore[return-value]  # which of both the transport is, the overloads say


@dataclass(frozen=True, slots=True)
class Page[I]:
    """Some items of a list, and where to go on: None at its end."""

    items: tuple[I, ...]
    next_cursor: str | None


type Turn[I] = Callable[[str | None], Steps[Page[I]]]


@dataclass(frozen=True, slots=True)
class Listing[I]:
    """A list: `turn` gives the page at a cursor. `begin` is the cursor of the first."""

    turn: Turn[I]
    begin: str | None = None


class Pages[I]:
    """The items of a list, fetched page by page as they are asked for. Iterating again fetches again."""

    def __init__(self, transport: BlockingTransport, listing: Listing[I]) -> None:
        self._transport = transport
        self._listing = listing

    def __iter__(self) -> Iterator[I]:
        for page in self.pages():
            yield from page.items

    def pages(self) -> Iterator[Page[I]]:
        """The pages themselves: `next_cursor` of one is where a later listing may go on."""
        cursor = self._listing.begin
        while True:
            page = self._transport.run(self._listing.turn(cursor))
            yield page
            if (cursor := page.next_cursor) is None:
                return


class AsyncPages[I]:
    """The items of a list, fetched page by page as they are asked for. Iterating again fetches again."""

    def __init__(self, transport: AwaitingTransport, listing: Listing[I]) -> None:
        self._transport = transport
        self._listing = listing

    async def __aiter__(self) -> AsyncIterator[I]:
        async for page in self.pages():
            for item in page.items:
                yield item

    async def pages(self) -> AsyncIterator[Page[I]]:
        """The pages themselves: `next_cursor` of one is where a later listing may go on."""
        cursor = self._listing.begin
        while True:
            page = await self._transport.run(self._listing.turn(cursor))
            yield page
            if (cursor := page.next_cursor) is None:
                return


class listing[R: Resource[Any], **P, I]:  # noqa: N801  a decorator
    """A method that gives a list, seen by callers as an iterable of its items."""

    def __init__(self, method: Callable[Concatenate[R, P], Listing[I]]) -> None:
        self._method = method
        self.__doc__ = method.__doc__

    @overload
    def __get__(self, resource: Resource[BlockingTransport], owner: type) -> Callable[P, Pages[I]]: ...

    @overload
    def __get__(self, resource: Resource[AwaitingTransport], owner: type) -> Callable[P, AsyncPages[I]]: ...

    def __get__(self, resource: Any, owner: type) -> Callable[P, Pages[I]] | Callable[P, AsyncPages[I]]:
        @functools.wraps(self._method)
        def call(*args: P.args, **kwargs: P.kwargs) -> Pages[I] | AsyncPages[I]:
            listing = self._method(resource, *args, **kwargs)
            transport: Transport = resource._transport
            if isinstance(transport, BlockingTransport):
                return Pages(transport, listing)
            return AsyncPages(transport, listing)

        return call  # type: ignore[return-value]  # which of both the transport is, the overloads say
