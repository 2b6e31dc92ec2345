"""Attachment storages of a tenant."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path, Response, status
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from functions.api.auth import require_tenant
from functions.api.cursors import Cursor, Limit, decode_owner_id, encode_cursor
from functions.api.gate import GatedRoute
from functions.api.problems import documented
from functions.api.schema import NextCursor, TenantPath, Timestamp
from functions.api.services import Provided
from functions.api.urls import require_https
from shared.clock import iso8601
from shared.storages.model import S3StorageSettings, Storage, StorageKind, StorageName

router = APIRouter(
    prefix="/v1/tenants/{tenant_id}/storages",
    tags=["attachments"],
    route_class=GatedRoute,
    dependencies=[Depends(require_tenant)],
)

StoragePath = Annotated[StorageName, Path(description="The storage's name.", examples=["files"])]

_OWN_CREDENTIALS = {
    "summary": "A bucket of the tenant's own account",
    "value": {
        "kind": "s3",
        "bucket": "acme-files",
        "prefix": "outgoing/",
        "region": "eu-central-1",
        "access_key_id": "AKIAIOSFODNN7EXAMPLE",
        "secret_access_key": "a-secret-of-the-bucket",
    },
}
_BY_THE_ROLE = {
    "summary": "A bucket that the operator allows the instance to read",
    "value": {"kind": "s3", "bucket": "shared-files", "prefix": "acme/"},
}


class StorageView(BaseModel):
    """A storage; its secret is never shown."""

    name: str = Field(examples=["files"])
    kind: StorageKind
    bucket: str = Field(examples=["acme-files"])
    prefix: str = Field(examples=["outgoing/"])
    region: str | None = Field(examples=["eu-central-1"])
    endpoint_url: str | None = Field(examples=[None])
    access_key_id: str | None = Field(examples=["AKIAIOSFODNN7EXAMPLE"])
    has_secret_access_key: bool = Field(examples=[True])
    created_at: Timestamp
    updated_at: Timestamp

    @classmethod
    def of(cls, storage: Storage) -> "StorageView":
        """The storage as shown."""
        return cls(
            name=storage.name,
            kind=storage.kind,
            bucket=storage.bucket,
            prefix=storage.prefix,
            region=storage.region,
            endpoint_url=storage.endpoint_url,
            access_key_id=storage.access_key_id,
            has_secret_access_key=storage.sealed_secret_access_key is not None,
            created_at=iso8601(storage.created_at),
            updated_at=iso8601(storage.updated_at),
        )


class StorageList(BaseModel):
    """One page of a tenant's storages, in order of name."""

    storages: list[StorageView]
    next_cursor: NextCursor


@router.get("", summary="List storages", responses=documented(404))
def list_storages(tenant_id: TenantPath, services: Provided, limit: Limit = 100, cursor: Cursor = None) -> StorageList:
    """In order of name."""
    listing = f"storages#{tenant_id}"
    after = decode_owner_id(listing, cursor) if cursor is not None else None
    services.tenants.get(tenant_id)
    page = services.storages.page(tenant_id, limit=limit, after=after)
    next_cursor = encode_cursor(listing, page.next) if page.next is not None else None
    return StorageList(storages=[StorageView.of(each) for each in page.storages], next_cursor=next_cursor)


@router.get("/{name}", summary="Read a storage", responses=documented(404))
def get_storage(tenant_id: TenantPath, name: StoragePath, services: Provided) -> StorageView:
    """Settings, without the secret."""
    return StorageView.of(services.storages.get(tenant_id, name))


@router.put(
    "/{name}",
    summary="Create or replace a storage",
    response_model=StorageView,
    response_description="Replaced",
    responses=documented(404, 409, body=True, created=StorageView),
)
def put_storage(
    tenant_id: TenantPath,
    name: StoragePath,
    settings: Annotated[S3StorageSettings, Body(openapi_examples={"own": _OWN_CREDENTIALS, "role": _BY_THE_ROLE})],
    services: Provided,
) -> StorageView | Response:
    """A secret left out stays, as long as `access_key_id` and `endpoint_url` stay. Without credentials the instance's
    own role reads: only buckets, or parts of them, that the deployment allows (422 `bucket_refused`). The bucket is not
    called: whether it can be read is seen when a message's attachment is fetched.
    """
    services.tenants.get(tenant_id)
    require_https(settings.endpoint_url, services.guard, pointer="/endpoint_url")
    storage, is_new = services.storages.put(tenant_id, name, settings)
    view = StorageView.of(storage)
    if is_new:
        return JSONResponse(view.model_dump(mode="json"), status_code=status.HTTP_201_CREATED)
    return view


@router.delete("/{name}", summary="Delete a storage", status_code=status.HTTP_204_NO_CONTENT, responses=documented(404))
def delete_storage(tenant_id: TenantPath, name: StoragePath, services: Provided) -> None:
    """The files stay where they are. Messages that wait, and name it, become an `error`."""
    services.storages.delete(tenant_id, name)
