"""Reads the bytes of one attachment from where they lie. What fails says whether it may pass.

URLs are told without their queries, which may hold signatures.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from shared.attachments.sources import FetchMode, infer_mode, object_place, stored_place, upload_id
from shared.attachments.uploads import upload_key
from shared.aws.credentials import Credentials, current_credentials
from shared.aws.objects import ObjectAddress, get_headers
from shared.aws.s3 import Bucket
from shared.aws.threads import in_thread
from shared.clock import Clock
from shared.errors import InvalidInput, MailProxyError, NotFound, StorageError, StorageUnavailable
from shared.instance.model import Instance
from shared.messages.model import Attachment
from shared.outgoing.guard import AddressRefused, Guard
from shared.storages.allowed import AllowedBuckets
from shared.storages.model import Storage
from shared.storages.table import StorageTable
from shared.tenants.endpoints import attachment_url, authorization
from shared.tenants.model import Tenant
from shared.tenants.table import TenantTable

if TYPE_CHECKING:
    from shared.outgoing.http import Answer, GuardedHttp

TENANT_HEADER: Final = "X-Mail-Proxy-Tenant"  # tells tenants apart that share the instance's endpoint
_PASSING = frozenset([408, 425, 429])  # and all of 5xx


class FetchFailed(MailProxyError):
    """`permanent`: trying again does not help."""

    code = "fetch_failed"

    def __init__(self, detail: str, *, permanent: bool) -> None:
        super().__init__(detail)
        self.permanent = permanent


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose attachments are read, as a visit knows it; `tenant` is None when it is gone."""

    tenant_id: str
    tenant: Tenant | None
    instance: Instance


class Room:
    """What is left for the files of one mail."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._left = total

    def check(self, size: int) -> None:
        """Raises FetchFailed when a file of `size` bytes would make the mail's files too large together."""
        if size > self._left:
            raise FetchFailed(
                f"the fetched attachments of a mail may have {self._total:,} bytes in all: a file of {size:,} is "
                "too much",
                permanent=True,
            )

    def take(self, size: int) -> None:
        """The same for what was read."""
        self.check(size)
        self._left -= size


class Origins:
    """Belongs to one event loop."""

    def __init__(
        self,
        *,
        tenants: TenantTable,
        storages: StorageTable,
        uploads: Bucket,
        allowed: AllowedBuckets,
        guard: Guard,
        region: str,
        clock: Clock,
        credentials: Callable[[], Credentials] = current_credentials,
    ) -> None:
        self._tenants = tenants
        self._storages = storages
        self._uploads = uploads
        self._allowed = allowed
        self._guard = guard
        self._region = region
        self._clock = clock
        self._credentials = credentials
        self._http: GuardedHttp | None = None

    async def read(self, owner: Owner, attachment: Attachment, room: Room) -> bytes:
        """Raises FetchFailed, also when the file does not fit into the room."""
        path, tenant_id = attachment.storage_path, owner.tenant_id
        try:
            match infer_mode(path, attachment.fetch_mode):
                case FetchMode.UPLOAD:
                    return await self._upload(tenant_id, upload_id(path), room)
                case FetchMode.S3:
                    place = object_place(path)
                    address = ObjectAddress(place.bucket, place.key, self._region)
                    return await self._by_the_role(tenant_id, address, room)
                case FetchMode.STORAGE:
                    return await self._stored(tenant_id, path, room)
                case FetchMode.ENDPOINT:
                    return await self._asked_for(owner, path, room)
                case _:
                    return await self._get(path, {}, room)
        except FetchFailed as error:
            raise FetchFailed(f"attachment {attachment.filename}: {error.detail}", permanent=error.permanent) from error
        except (InvalidInput, NotFound) as error:
            raise FetchFailed(f"attachment {attachment.filename}: {error.detail}", permanent=True) from error
        except StorageError as error:
            passing = isinstance(error, StorageUnavailable)
            raise FetchFailed(f"attachment {attachment.filename}: {error.detail}", permanent=not passing) from error

    async def _upload(self, tenant_id: str, identity: str, room: Room) -> bytes:
        opened = await in_thread(self._uploads.open, upload_key(tenant_id, identity))
        if opened is None:
            raise FetchFailed(f"upload:{identity}: nothing was uploaded, or it has left since", permanent=True)
        try:
            room.take(opened.size)
            return await in_thread(opened.read)
        finally:
            opened.close()

    async def _stored(self, tenant_id: str, storage_path: str, room: Room) -> bytes:
        place = stored_place(storage_path)
        storage = await in_thread(self._storages.get, tenant_id, place.storage)
        address = ObjectAddress(
            storage.bucket, storage.prefix + place.path, storage.region or self._region, storage.endpoint_url
        )
        if storage.uses_the_role:
            return await self._by_the_role(tenant_id, address, room)
        return await self._signed(address, await in_thread(self._credentials_of, storage), room)

    async def _by_the_role(self, tenant_id: str, address: ObjectAddress, room: Room) -> bytes:
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

    async def _signed(self, address: ObjectAddress, credentials: Credentials, room: Room) -> bytes:
        return await self._get(address.url, get_headers(address, credentials, self._clock()), room)

    async def _asked_for(self, owner: Owner, storage_path: str, room: Room) -> bytes:
        """From the tenant's own endpoint."""
        tenant = owner.tenant
        url = None if tenant is None else attachment_url(tenant, owner.instance)
        if tenant is None or url is None:
            raise FetchFailed("the tenant has no client_base_url to ask for it, nor has the instance", permanent=True)
        secret = await in_thread(self._tenants.client_secret, tenant)
        headers = {"Content-Type": "application/json", TENANT_HEADER: tenant.id} | authorization(tenant, secret)
        body = json.dumps({"storage_path": storage_path}).encode()
        call = self._opened().post_for_file(url, body=body, headers=headers, allowance=room)
        return await _file_of(call, _shown(url))

    async def _get(self, url: str, headers: Mapping[str, str], room: Room) -> bytes:
        return await _file_of(self._opened().get(url, headers=headers, allowance=room), _shown(url))

    def _opened(self) -> "GuardedHttp":
        from shared.outgoing.http import GuardedHttp  # aiohttp, which most mails do not need

        if self._http is None:
            self._http = GuardedHttp(self._guard)
        return self._http

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()


async def _file_of(call: Awaitable["Answer"], shown: str) -> bytes:
    from shared.outgoing.http import CallFailed

    try:
        answer = await call
    except CallFailed as error:
        permanent = error.code == AddressRefused.code
        raise FetchFailed(f"{shown}: {error.detail}", permanent=permanent) from error
    if answer.status != 200:
        passing = answer.status in _PASSING or answer.status >= 500
        raise FetchFailed(f"{shown}: answered with {answer.status}", permanent=not passing)
    return answer.body


def _shown(url: str) -> str:
    """Without the query, and without what stands before an `@`; nothing of what is no URL."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "a URL that cannot be read"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"[:300]
