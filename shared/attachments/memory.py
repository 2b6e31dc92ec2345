"""The memory that fetched attachments may take at a time, in bytes rather than in numbers of files."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Share:
    """What one mail holds of the memory. What it turns out not to need it gives back at once."""

    def __init__(self, memory: "Memory", held: int) -> None:
        self._memory = memory
        self.held = held

    def shrink(self, needed: int) -> None:
        """To `needed` bytes, which are no more than were held."""
        spare, self.held = self.held - needed, needed
        self._memory.give_back(spare)


class Memory:
    """Shares are given in the order in which they were asked for. Each asks once, for the most that it may need, so
    that none ever waits for another while it holds something."""

    def __init__(self, total: int) -> None:
        self._free = total
        self._total = total
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def share(self, most: int) -> AsyncIterator[Share]:
        """At most the total."""
        wanted = min(most, self._total)
        await self._take(wanted)
        share = Share(self, wanted)
        try:
            yield share
        finally:
            share.shrink(0)

    def give_back(self, amount: int) -> None:
        self._free += amount
        self._serve()

    async def _take(self, wanted: int) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((wanted, turn))
        self._serve()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back(wanted)  # it came just then
            raise

    def _serve(self) -> None:
        while self._waiting:
            wanted, turn = self._waiting[0]
            if turn.cancelled():
                self._waiting.popleft()
                continue
            if wanted > self._free:
                return
            self._waiting.popleft()
            self._free -= wanted
            turn.set_result(None)
