"""An SMTP account, as stored and as the API takes and shows it."""

import ssl
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, model_validator
from pydantic_core import PydanticCustomError

from shared.accounts.oauth.settings import OAuth, OAuthSettings
from shared.clock import Millis
from shared.json_values import WholeNumber
from shared.limits.model import SendingLimits
from shared.lines.line import MAX_PARTS, Line, account_lines
from shared.outgoing.credentials import Password

IMPLICIT_TLS_PORT = 465
DEFAULT_IDLE_SECONDS = 60
DEFAULT_PEC_MAX_TOTAL_MB = 30  # what every provider has to take (DM 2 November 2005, art. 12)


class TlsMode(StrEnum):
    """`tls`: from the first byte. `starttls`: required. `opportunistic`: STARTTLS if offered. `none`: never."""

    TLS = "tls"
    STARTTLS = "starttls"
    OPPORTUNISTIC = "opportunistic"
    NONE = "none"


def _readable_certificates(pem: str | None) -> str | None:
    if pem is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
        except (ssl.SSLError, ValueError, TypeError) as error:  # TypeError: not ASCII
            raise PydanticCustomError("invalid_certificate", "expected one or more certificates in PEM") from error
    return pem


class AccountSettings(BaseModel):
    """What an account may be told to be. An omitted password is kept if there is one; so are the secrets of `oauth`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9._:-]+$")]
    port: Annotated[int, Field(ge=1, le=65_535), WholeNumber]
    tls: TlsMode
    username: Annotated[str | None, Field(min_length=1, max_length=320, pattern=r"^[^\x00-\x1f]+$")] = None
    password: Annotated[Password | None, Field(description="Kept under KMS, never shown again.")] = None
    oauth: Annotated[OAuthSettings | None, Field(description="AUTH XOAUTH2 in place of a password.")] = None
    verify_certificate: StrictBool = True
    ca_certificate: Annotated[
        str | None,
        Field(max_length=50_000, description="PEM of the authorities to trust instead of the public ones."),
        AfterValidator(_readable_certificates),
    ] = None
    max_connections: Annotated[
        int | None,
        Field(ge=1, le=100, description="At a time, over all priorities. Left out: one for each priority that sends."),
        WholeNumber,
    ] = None
    batch_size: Annotated[int, Field(ge=1, le=10_000, description="Mails over one connection."), WholeNumber] = 100
    idle_seconds: Annotated[
        int, Field(ge=1, le=600, description="How long a connection is kept open without a mail."), WholeNumber
    ] = DEFAULT_IDLE_SECONDS
    parallelism: Annotated[
        int,
        Field(
            ge=1,
            le=MAX_PARTS,
            description="Lines that the mail of each priority is spread over, by its id. Order holds within each.",
        ),
        WholeNumber,
    ] = 1
    limits: SendingLimits = SendingLimits()
    is_pec_account: Annotated[
        StrictBool, Field(description="Italian certified mail: its formal rules are kept at submission and at sending.")
    ] = False
    pec_max_total_mb: Annotated[
        int,
        Field(ge=1, le=10_000, description="Size times recipients of a PEC mail; providers may take more."),
        WholeNumber,
    ] = DEFAULT_PEC_MAX_TOTAL_MB

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.port == IMPLICIT_TLS_PORT and self.tls is not TlsMode.TLS:
            raise PydanticCustomError(
                "tls_mode_mismatch", "port 465 speaks TLS from the first byte: tls must be 'tls', not '{tls}'",
                {"tls": self.tls.value},
            )  # fmt: skip
        if self.password is not None and self.username is None:
            raise PydanticCustomError("missing_field", "a password needs a username")
        if self.oauth is not None and self.username is None:
            raise PydanticCustomError("missing_field", "oauth needs a username: the mailbox to send as")
        if self.oauth is not None and self.password is not None:
            raise PydanticCustomError("exclusive_fields", "an account has a password or oauth, not both")
        if self.max_connections is not None and self.parallelism > self.max_connections:
            raise PydanticCustomError(
                "too_few_connections",
                "parallelism of {parallelism} needs max_connections of at least as many, not {max_connections}",
                {"parallelism": self.parallelism, "max_connections": self.max_connections},
            )
        return self


class Account(BaseModel):
    """An account as stored. `version` counts changes: sessions and opened secrets are kept per version.

    `parts` is the highest `parallelism` that it ever had: in so many lines of each lane its mail may wait.
    """

    model_config = ConfigDict(frozen=True)

    tenant_id: str
    id: str
    host: str
    port: int
    tls: TlsMode
    username: str | None = None
    sealed_password: bytes | None = None
    oauth: OAuth | None = None
    sealed_oauth: bytes | None = None
    verify_certificate: bool = True
    ca_certificate: str | None = None
    max_connections: int | None = None
    batch_size: int = 100
    idle_seconds: int = DEFAULT_IDLE_SECONDS
    parallelism: int = 1
    parts: int = 1
    limits: SendingLimits = SendingLimits()
    is_pec_account: bool = False
    pec_max_total_mb: int = DEFAULT_PEC_MAX_TOTAL_MB
    version: int
    created_at: Millis
    updated_at: Millis

    @property
    def secret_owner(self) -> str:
        return secret_owner(self.id)

    @property
    def lines(self) -> list[Line]:
        """Every line that may hold mail of the account, in order of priority."""
        return account_lines(self.tenant_id, self.id, self.parts)


def secret_owner(account_id: str) -> str:
    """What the password's encryption context binds it to."""
    return f"account/{account_id}"
