"""An SMTP account, as stored and as the API takes and shows it."""

import ssl
from enum import StrEnum
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StrictBool,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from shared.accounts.oauth.settings import OAuth, OAuthSettings
from shared.clock import Millis
from shared.json_values import WholeNumber
from shared.limits.model import SendingLimits
from shared.lines.line import MAX_PARTS, Line, account_lines
from shared.outgoing.credentials import Password

IMPLICIT_TLS_PORTS = (465, 2465)  # RFC 8314 §3.3, and Amazon SES beside it
CLEARTEXT_PORTS = (25, 587, 2587)  # RFC 5321, RFC 6409, and Amazon SES beside it
DEFAULT_IDLE_SECONDS = 60
DEFAULT_PEC_MAX_TOTAL_MB = 30  # what every provider has to take (DM 2 November 2005, art. 12)


class TlsMode(StrEnum):
    """`tls`: from the first byte. `starttls`: required. `opportunistic`: STARTTLS if offered. `none`: never."""

    TLS = "tls"
    STARTTLS = "starttls"
    OPPORTUNISTIC = "opportunistic"
    NONE = "none"


def readable_certificates(pem: str | None) -> str | None:
    """Raises PydanticCustomError for what is no certificate in PEM."""
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
        AfterValidator(readable_certificates),
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

    # Each checks its field against those above it, so that the error is about the field. One that is wrong by itself is
    # not among them.

    @field_validator("tls")
    @classmethod
    def _fits_the_port(cls, tls: TlsMode, others: ValidationInfo) -> TlsMode:
        port = others.data.get("port")
        if port in IMPLICIT_TLS_PORTS and tls is not TlsMode.TLS:
            raise PydanticCustomError(
                "tls_mode_mismatch", "port {port} speaks TLS from the first byte: tls must be 'tls', not '{tls}'",
                {"port": port, "tls": tls.value},
            )  # fmt: skip
        if port in CLEARTEXT_PORTS and tls is TlsMode.TLS:
            raise PydanticCustomError(
                "tls_mode_mismatch", "port {port} begins in the clear: tls must be 'starttls', not '{tls}'",
                {"port": port, "tls": tls.value},
            )  # fmt: skip
        return tls

    @field_validator("password")
    @classmethod
    def _is_of_a_user(cls, password: SecretStr | None, others: ValidationInfo) -> SecretStr | None:
        if password is not None and others.data.get("username", "") is None:
            raise PydanticCustomError("missing_field", "a password needs a username")
        return password

    @field_validator("oauth")
    @classmethod
    def _is_alone_and_of_a_user(cls, oauth: OAuthSettings | None, others: ValidationInfo) -> OAuthSettings | None:
        if oauth is not None and others.data.get("username", "") is None:
            raise PydanticCustomError("missing_field", "oauth needs a username: the mailbox to send as")
        if oauth is not None and others.data.get("password") is not None:
            raise PydanticCustomError("exclusive_fields", "an account has a password or oauth, not both")
        tls = others.data.get("tls")
        if oauth is not None and tls in (TlsMode.NONE, TlsMode.OPPORTUNISTIC):
            raise PydanticCustomError(
                "tls_required",
                "an access token never goes out in the clear: tls must be 'tls' or 'starttls', not '{tls}'",
                {"tls": tls.value},
            )
        return oauth

    @field_validator("parallelism")
    @classmethod
    def _has_its_connections(cls, parallelism: int, others: ValidationInfo) -> int:
        connections = others.data.get("max_connections")
        if connections is not None and parallelism > connections:
            raise PydanticCustomError(
                "too_few_connections",
                "parallelism of {parallelism} needs max_connections of at least as many, not {max_connections}",
                {"parallelism": parallelism, "max_connections": connections},
            )
        return parallelism


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
