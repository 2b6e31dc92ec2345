"""A storage, as stored and as the API takes and shows it. `kind` tells what it is; S3 is the only one so far."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from shared.clock import Millis
from shared.errors import InvalidInput
from shared.identifiers import OWNER_ID_PATTERN
from shared.outgoing.credentials import Password
from shared.outgoing.urls import EndpointUrl
from shared.storages.paths import refuse_tricks

BUCKET_PATTERN = r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html

StorageName = Annotated[str, StringConstraints(pattern=OWNER_ID_PATTERN)]


class StorageKind(StrEnum):
    """What keeps the files."""

    S3 = "s3"


def _plain_prefix(prefix: str) -> str:
    try:
        return refuse_tricks(prefix) if prefix else prefix
    except InvalidInput as error:
        raise PydanticCustomError("invalid_path", "{reason}", {"reason": error.detail}) from error


class S3StorageSettings(BaseModel):
    """What a storage in S3 may be told to be. An omitted secret is kept if there is one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal[StorageKind.S3]
    bucket: Annotated[str, Field(pattern=BUCKET_PATTERN, examples=["acme-files"])]
    prefix: Annotated[
        str,
        Field(max_length=512, description="Put before every path, as it is: end it with /.", examples=["outgoing/"]),
        AfterValidator(_plain_prefix),
    ] = ""
    region: Annotated[str | None, Field(pattern=r"^[a-z0-9-]{1,32}$", description="Left out: the instance's own.")] = (
        None
    )
    endpoint_url: Annotated[
        EndpointUrl | None, Field(description="Of a service that speaks S3's protocol. Needs credentials.")
    ] = None
    access_key_id: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=128,
            pattern=r"^[!-~]+$",
            description="Left out: the instance's role reads, if the deployment allows it this bucket.",
        ),
    ] = None
    secret_access_key: Annotated[Password | None, Field(description="Kept under KMS, never shown again.")] = None

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.secret_access_key is not None and self.access_key_id is None:
            raise PydanticCustomError("missing_field", "a secret_access_key needs an access_key_id")
        # What the role signs, its session's token included, goes to AWS alone.
        if self.endpoint_url is not None and self.access_key_id is None:
            raise PydanticCustomError("missing_field", "an endpoint_url needs access_key_id and secret_access_key")
        return self


class Storage(BaseModel):
    """A storage as stored; `version` counts changes."""

    model_config = ConfigDict(frozen=True)

    tenant_id: str
    name: str
    kind: StorageKind
    bucket: str
    prefix: str = ""
    region: str | None = None
    endpoint_url: str | None = None
    access_key_id: str | None = None
    sealed_secret_access_key: bytes | None = None
    version: int
    created_at: Millis
    updated_at: Millis

    @property
    def uses_the_role(self) -> bool:
        """Whether the instance's own role reads it."""
        return self.access_key_id is None
