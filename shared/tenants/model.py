"""A tenant, as stored and as the API takes and shows it."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator
from pydantic_core import PydanticCustomError

from shared.clock import Millis
from shared.identifiers import AccountId
from shared.instance.model import RetryPolicy
from shared.json_values import WholeNumber
from shared.limits.model import SendingLimits
from shared.outgoing.credentials import BearerToken, Password
from shared.outgoing.urls import BaseUrl, UrlPath


class AuthMethod(StrEnum):
    """What the proxy's calls to the tenant carry."""

    NONE = "none"
    BEARER = "bearer"
    BASIC = "basic"


class Acknowledgement(StrEnum):
    """`strict`: only `"ok": true` acknowledges. `lenient`: any 2xx does, unless `ok` is literally false."""

    STRICT = "strict"
    LENIENT = "lenient"


class ClientAuth(BaseModel):
    """How the proxy proves itself to the tenant's endpoints."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: AuthMethod = AuthMethod.NONE
    token: BearerToken | None = None
    user: Annotated[str | None, Field(max_length=256, pattern=r"^[^:\x00-\x1f\x7f-\x9f]*$")] = None
    password: Password | None = None

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        needed = {AuthMethod.BEARER: ("token",), AuthMethod.BASIC: ("user", "password")}.get(self.method, ())
        for name in needed:
            if not getattr(self, name):
                raise PydanticCustomError(
                    "missing_field",
                    "method {method} needs {name}",
                    {"method": self.method.value, "name": name},
                )
        return self

    @property
    def secret(self) -> str | None:
        """The one that `method` uses; others are not kept."""
        held = {AuthMethod.BEARER: self.token, AuthMethod.BASIC: self.password}.get(self.method)
        return held.get_secret_value() if held else None


class TenantSettings(BaseModel):
    """What a tenant may be told to be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str | None, Field(max_length=200)] = None
    active: Annotated[StrictBool, Field(description="False refuses submissions, and stops sending and pushing.")] = True
    client_base_url: BaseUrl | None = None
    client_sync_path: UrlPath | None = None
    client_attachment_path: Annotated[
        UrlPath | None,
        Field(description="Where attachments of mode `endpoint` are asked for; else `/mail-proxy/attachments`."),
    ] = None
    client_auth: ClientAuth = ClientAuth()
    default_account: AccountId | None = None
    ack: Acknowledgement = Acknowledgement.STRICT
    limits: Annotated[SendingLimits, Field(description="Over all accounts, besides those of each account.")] = (
        SendingLimits()
    )
    retry: Annotated[RetryPolicy | None, Field(description="Instead of the instance's.")] = None
    calls_per_minute: Annotated[
        int | None, Field(ge=1, le=1_000_000, description="Of the API, instead of the instance's."), WholeNumber
    ] = None


class Tenant(BaseModel):
    """A tenant as stored. `sealed_auth` is the secret of `client_auth` under KMS; what is suspended is no setting, nor
    is that it is being deleted, since `deleting_since`."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str | None = None
    active: bool = True
    client_base_url: str | None = None
    client_sync_path: str | None = None
    client_attachment_path: str | None = None
    auth_method: AuthMethod = AuthMethod.NONE
    auth_user: str | None = None
    sealed_auth: bytes | None = None
    default_account: str | None = None
    ack: Acknowledgement = Acknowledgement.STRICT
    limits: SendingLimits = SendingLimits()
    retry: RetryPolicy | None = None
    calls_per_minute: int | None = None
    suspended: bool = False
    suspended_batches: list[str] = []
    deleting_since: Millis | None = None
    created_at: Millis
    updated_at: Millis

    def holds_back(self, batch_code: str | None) -> bool:
        """Whether mails of this batch, or without one, are not sent at present."""
        return self.suspended or batch_code in self.suspended_batches
