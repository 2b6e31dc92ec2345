"""An SMTP account, as stored and as the API takes and shows it."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from shared.clock import Millis
from shared.outgoing.credentials import Password

IMPLICIT_TLS_PORT = 465


class TlsMode(StrEnum):
    """`tls`: from the first byte. `starttls`: required. `opportunistic`: STARTTLS if offered. `none`: never."""

    TLS = "tls"
    STARTTLS = "starttls"
    OPPORTUNISTIC = "opportunistic"
    NONE = "none"


class AccountSettings(BaseModel):
    """What an account may be told to be. An omitted password is kept if there is one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9._:-]+$")]
    port: Annotated[int, Field(ge=1, le=65_535)]
    tls: TlsMode
    username: Annotated[str | None, Field(min_length=1, max_length=320, pattern=r"^[^\x00-\x1f]+$")] = None
    password: Annotated[Password | None, Field(description="Kept under KMS, never shown again.")] = None
    verify_certificate: bool = True

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.port == IMPLICIT_TLS_PORT and self.tls is not TlsMode.TLS:
            raise PydanticCustomError(
                "tls_mode_mismatch", "port 465 speaks TLS from the first byte: tls must be 'tls', not '{tls}'",
                {"tls": self.tls.value},
            )  # fmt: skip
        if self.password is not None and self.username is None:
            raise PydanticCustomError("missing_field", "a password needs a username")
        return self


class Account(BaseModel):
    """An account as stored. `version` counts changes: sessions and opened secrets are kept per version."""

    model_config = ConfigDict(frozen=True)

    tenant_id: str
    id: str
    host: str
    port: int
    tls: TlsMode
    username: str | None = None
    sealed_password: bytes | None = None
    verify_certificate: bool = True
    version: int
    created_at: Millis
    updated_at: Millis

    @property
    def secret_owner(self) -> str:
        return secret_owner(self.id)


def secret_owner(account_id: str) -> str:
    """What the password's encryption context binds it to."""
    return f"account/{account_id}"
