"""Fetches the attachments of a mail from where they lie, side by side, within bounds of memory and time.

What fails says whether it may pass: then the mail is put off, else it is an error. URLs are told without their queries,
which may hold signatures.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from shared.attachments.content import refuse_other_content
from shared.attachments.memory import Memory
from shared.attachments.sources import (
    FETCHED_MODES,
    FetchMode,
    infer_mode,
    object_place,
    stored_place,
    upload_id,
)
from shared.attachments.uploads import upload_key
from shared.aws.credentials import Credentials, current_credentials
from shared.aws.objects import ObjectAddress, get_headers
from shared.aws.s3 import Bucket
from shared.aws.threads import in_thread
from shared.clock import Clock
from shared.errors import InvalidInput, MailProxyError, NotFound, StorageError, StorageUnavailable
from shared.messages.model import Attachment
from shared.outgoing.guard import AddressRefused, Guard
from shared.storages.allowed import AllowedBuckets
from shared.storages.model import Storage
from shared.storages.table import StorageTable

if TYPE_CHECKING:
    from shared.outgoing.http import GuardedHttp

MAX_MAIL_BYTES: Final = 40_000_000  # of all fetched attachments of a mail: with base64, relays take no more
# Of a function's 512 MB, with room for what is made of them: base64, the mail, and its copy at the connection.
MEMORY_BYTES: Final = 2 * MAX_MAIL_BYTES
_PASSING = frozenset([408, 425, 429])  # and all of 5xx

type Files = Mapping[str, bytes]


class FetchFailed(MailProxyError):
    """`permanent`: trying again does not help."""

    code = "fetch_failed"

    def __init__(self, detail: str, *, permanent: bool) -> None:
        super().__init__(detail)
        self.permanent = permanent


class Fetcher:
    """Belongs to one event loop."""

    def __init__(
        self,
        *,
        storages: StorageTable,
        uploads: Bucket,
        allowed: AllowedBuckets,
        guard: Guard,
        region: str,
        clock: Clock,
        credentials: Callable[[], Credentials] = current_credentials,
    ) -> None:
        self._storages = storages
        self._uploads = uploads
        self._allowed = allowed
        self._guard = guard
        self._region = region
        self._clock = clock
        self._credentials = credentials
        self._memory = Memory(MEMORY_BYTES)
        self._http: GuardedHttp | None = None

    @asynccontextmanager
    async def fetched(self, tenant_id: str, attachments: Sequence[Attachment], seconds: float) -> AsyncIterator[Files]:
        """The files by `storage_path`, each fetched once; empty when all bytes came with the call. They count as held
        while the context lasts. Raises FetchFailed, also when it takes longer than `seconds`.
        """
        wanted = {each.storage_path: each for each in attachments if _mode(each) in FETCHED_MODES}
        if not wanted:
            yield {}
            return
        async with self._memory.share(MAX_MAIL_BYTES) as share:
            files = await self._all(tenant_id, list(wanted.values()), seconds)
            share.shrink(sum(map(len, files.values())))
            for each in attachments:
                if each.storage_path in files:
                    _verify(each, files[each.storage_path])
            yield files

    async def _all(self, tenant_id: str, wanted: Sequence[Attachment], seconds: float) -> dict[str, bytes]:
        room = _Room(MAX_MAIL_BYTES)
        try:
            async with asyncio.timeout(seconds):
                contents = await _side_by_side([self._one(tenant_id, each, room) for each in wanted])
        except TimeoutError as error:
            raise FetchFailed(f"the attachments were not fetched within {seconds:.0f} s", permanent=False) from error
        return {each.storage_path: content for each, content in zip(wanted, contents, strict=True)}

    async def _one(self, tenant_id: str, attachment: Attachment, room: "_Room") -> bytes:
        path = attachment.storage_path
        try:
            match _mode(attachment):
                case FetchMode.UPLOAD:
                    return await self._upload(tenant_id, upload_id(path), room)
                case FetchMode.S3:
                    place = object_place(path)
                    address = ObjectAddress(place.bucket, place.key, self._region)
                    return await self._by_the_role(tenant_id, address, room)
                case FetchMode.STORAGE:
                    return await self._stored(tenant_id, path, room)
                case _:
                    return await self._get(path, {}, room)
        except FetchFailed as error:
            raise FetchFailed(f"attachment {attachment.filename}: {error.detail}", permanent=error.permanent) from error
        except (InvalidInput, NotFound) as error:
            raise FetchFailed(f"attachment {attachment.filename}: {error.detail}", permanent=True) from error
        except StorageError as error:
            passing = isinstance(error, StorageUnavailable)
            raise FetchFailed(f"attachment {attachment.filename}: {error.detail}", permanent=not passing) from error

    async def _upload(self, tenant_id: str, identity: str, room: "_Room") -> bytes:
        opened = await in_thread(self._uploads.open, upload_key(tenant_id, identity))
        if opened is None:
            raise FetchFailed(f"upload:{identity}: nothing was uploaded, or it has left since", permanent=True)
        try:
            room.take(opened.size)
            return await in_thread(opened.read)
        finally:
            opened.close()

    async def _stored(self, tenant_id: str, storage_path: str, room: "_Room") -> bytes:
        place = stored_place(storage_path)
        storage = await in_thread(self._storages.get, tenant_id, place.storage)
        address = ObjectAddress(
            storage.bucket, storage.prefix + place.path, storage.region or self._region, storage.endpoint_url
        )
        if storage.uses_the_role:
            return await self._by_the_role(tenant_id, address, room)
        return await self._signed(address, await in_thread(self._credentials_of, storage), room)

    async def _by_the_role(self, tenant_id: str, address: ObjectAddress, room: "_Room") -> bytes:
        if not self._allowed.cover(tenant_id, address.bucket, address.key):
            raise FetchFailed(
                f"s3://{address.bucket}/{address.key}: the instance may not read this for the tenant", permanent=True
            )
        return await self._signed(address, self._credentials(), room)

    def _credentials_of(self, storage: Storage) -> Credentials:
        secret = self._storages.secret_access_key(storage)
        if storage.access_key_id is None or secret is None:
            raise InvalidInput(f"storage {storage.name} has no credentials")
        return Credentials(storage.access_key_id, secret)

    async def _signed(self, address: ObjectAddress, credentials: Credentials, room: "_Room") -> bytes:
        return await self._get(address.url, get_headers(address, credentials, self._clock()), room)

    async def _get(self, url: str, headers: Mapping[str, str], room: "_Room") -> bytes:
        from shared.outgoing.http import CallFailed, GuardedHttp  # aiohttp, which most mails do not need

        if self._http is None:
            self._http = GuardedHttp(self._guard)
        shown = _shown(url)
        try:
            answer = await self._http.get(url, headers=headers, allowance=room)
        except CallFailed as error:
            permanent = error.code == AddressRefused.code
            raise FetchFailed(f"{shown}: {error.detail}", permanent=permanent) from error
        if answer.status != 200:
            passing = answer.status in _PASSING or answer.status >= 500
            raise FetchFailed(f"{shown}: answered with {answer.status}", permanent=not passing)
        return answer.body

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()


class _Room:
    """What is left for the files of one mail."""

    def __init__(self, left: int) -> None:
        self._left = left

    def check(self, size: int) -> None:
        """Raises FetchFailed when a file of `size` bytes would make the mail's files too large together."""
        if size > self._left:
            raise FetchFailed(
                f"the fetched attachments of a mail may have {MAX_MAIL_BYTES:,} bytes in all: a file of {size:,} is "
                "too much",
                permanent=True,
            )

    def take(self, size: int) -> None:
        """The same for what was read."""
        self.check(size)
        self._left -= size


async def _side_by_side(fetches: Sequence[Coroutine[None, None, bytes]]) -> list[bytes]:
    """Raises the first failure, and ends the others."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in fetches]
    except* FetchFailed as failures:
        raise failures.exceptions[0] from None
    return [each.result() for each in tasks]


def _mode(attachment: Attachment) -> FetchMode:
    return infer_mode(attachment.storage_path, attachment.fetch_mode)


def _verify(attachment: Attachment, content: bytes) -> None:
    """Raises FetchFailed: what lies there is another file than the one that was meant."""
    try:
        refuse_other_content(attachment, content)
    except InvalidInput as error:
        raise FetchFailed(f"attachment {attachment.filename}: {error.detail}", permanent=True) from error


def _shown(url: str) -> str:
    """Without the query, and without what stands before an `@`; nothing of what is no URL."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "a URL that cannot be read"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"[:300]
