"""Fetches the attachments of a mail from where they lie, side by side, within bounds of memory and time."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

from shared.attachments.content import refuse_other_content
from shared.attachments.memory import Memory
from shared.attachments.origins import FetchFailed, Origins, Owner, Room
from shared.attachments.sources import FETCHED_MODES, infer_mode
from shared.errors import InvalidInput
from shared.instance.model import Instance
from shared.messages.model import Attachment
from shared.tenants.model import Tenant

MAX_MAIL_BYTES: Final = 40_000_000  # of all fetched attachments of a mail: with base64, relays take no more
# Of a function's 512 MB, with room for what is made of them: base64, the mail, and its copy at the connection.
MEMORY_BYTES: Final = 2 * MAX_MAIL_BYTES

type Files = Mapping[str, bytes]


class Fetcher:
    """For all visits of an execution environment. Belongs to one event loop."""

    def __init__(self, origins: Origins) -> None:
        self._origins = origins
        self._memory = Memory(MEMORY_BYTES)

    def for_visit(self, tenant_id: str, tenant: Tenant | None, instance: Instance) -> "VisitFetcher":
        """Settings are those of the visit's beginning."""
        return VisitFetcher(self._origins, self._memory, Owner(tenant_id, tenant, instance))

    async def close(self) -> None:
        await self._origins.close()


class VisitFetcher:
    """Fetches for the mails of one visit to a tenant's line."""

    def __init__(self, origins: Origins, memory: Memory, owner: Owner) -> None:
        self._origins = origins
        self._memory = memory
        self._owner = owner

    @asynccontextmanager
    async def fetched(self, attachments: Sequence[Attachment], seconds: float) -> AsyncIterator[Files]:
        """The files by `storage_path`, each fetched once; empty when all bytes came with the call. They count as held
        while the context lasts. Raises FetchFailed, also when it takes longer than `seconds`.
        """
        wanted = {each.storage_path: each for each in attachments if _is_fetched(each)}
        if not wanted:
            yield {}
            return
        async with self._memory.share(MAX_MAIL_BYTES) as share:
            files = await self._all(list(wanted.values()), seconds)
            share.shrink(sum(map(len, files.values())))
            for each in attachments:
                if each.storage_path in files:
                    _verify(each, files[each.storage_path])
            yield files

    async def _all(self, wanted: Sequence[Attachment], seconds: float) -> dict[str, bytes]:
        room = Room(MAX_MAIL_BYTES)
        try:
            async with asyncio.timeout(seconds):
                contents = await _side_by_side([self._origins.read(self._owner, each, room) for each in wanted])
        except TimeoutError as error:
            raise FetchFailed(f"the attachments were not fetched within {seconds:.0f} s", permanent=False) from error
        return {each.storage_path: content for each, content in zip(wanted, contents, strict=True)}


async def _side_by_side(fetches: Sequence[Coroutine[None, None, bytes]]) -> list[bytes]:
    """Raises the first failure, and ends the others."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in fetches]
    except* FetchFailed as failures:
        raise failures.exceptions[0] from None
    return [each.result() for each in tasks]


def _is_fetched(attachment: Attachment) -> bool:
    return infer_mode(attachment.storage_path, attachment.fetch_mode) in FETCHED_MODES


def _verify(attachment: Attachment, content: bytes) -> None:
    """Raises FetchFailed: what lies there is another file than the one that was meant."""
    try:
        refuse_other_content(attachment, content)
    except InvalidInput as error:
        raise FetchFailed(f"attachment {attachment.filename}: {error.detail}", permanent=True) from error
