"""SMTP accounts and what trying one tells, and the storages of attachments."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from mail_proxy.models.base import Answer, Settings
from mail_proxy.models.tenants import SendingLimits

type TlsMode = Literal["tls", "starttls", "opportunistic", "none"]
type Grant = Literal["refresh_token", "client_credentials", "jwt_bearer"]
type SessionStep = Literal["resolve", "connect", "tls", "greeting", "ehlo", "starttls", "token", "auth"]
type Scope = Literal["relay", "account"]


class OAuthSettings(Settings):
    """How access tokens for the relay are asked for (XOAUTH2)."""

    grant: Grant
    token_url: str
    client_id: str
    client_secret: str | None = Field(default=None, repr=False)
    refresh_token: str | None = Field(default=None, repr=False)
    private_key: str | None = Field(default=None, repr=False)
    key_id: str | None = None
    subject: str | None = None
    audience: str | None = None
    scope: str | None = None


class OAuth(Answer):
    """How access tokens for the relay are asked for, without secrets."""

    grant: Grant
    token_url: str
    client_id: str
    has_client_secret: bool = False
    has_refresh_token: bool = False
    has_private_key: bool = False
    key_id: str | None = None
    subject: str | None = None
    audience: str | None = None
    scope: str | None = None


class AccountSettings(Settings):
    """A relay, and how mail goes through it. What is left out gets its default; a password that is left out stays."""

    host: str
    port: int
    tls: TlsMode
    username: str | None = None
    password: str | None = Field(default=None, repr=False)
    oauth: OAuthSettings | None = None
    verify_certificate: bool = True
    ca_certificate: str | None = None
    max_connections: int | None = None
    batch_size: int = 100
    idle_seconds: int = 60
    parallelism: int = 1
    limits: SendingLimits = Field(default_factory=SendingLimits)
    is_pec_account: bool = False
    pec_max_total_mb: int = 30


class AccountHealth(Answer):
    """Whether the relay can be used; while it cannot, why and since when."""

    status: Literal["ok", "waiting"]
    since: datetime | None = None
    scope: Scope | None = None
    stage: str | None = None
    code: int | None = None
    reason: str | None = None


class AccountView(Answer):
    """An SMTP account, without its secrets."""

    id: str
    host: str
    port: int
    tls: TlsMode
    username: str | None
    has_password: bool
    oauth: OAuth | None
    verify_certificate: bool
    has_ca_certificate: bool
    max_connections: int | None
    batch_size: int
    idle_seconds: int
    parallelism: int
    limits: SendingLimits
    is_pec_account: bool
    pec_max_total_mb: int
    health: AccountHealth
    created_at: datetime
    updated_at: datetime


class AccountList(Answer):
    """A page of accounts."""

    accounts: tuple[AccountView, ...]
    next_cursor: str | None


class CertificateView(Answer):
    """The certificate that a relay showed."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime


class EncryptionView(Answer):
    """How a session was encrypted."""

    version: str
    cipher: str
    certificate: CertificateView | None


class FailureView(Answer):
    """Where a session ended, why, which setting it hangs on, and what to do."""

    step: SessionStep
    scope: Scope
    pointer: str
    code: int | None
    error: str | None
    reason: str
    advice: str


class StepView(Answer):
    """One step of a session: how long it took and what was seen."""

    step: SessionStep
    ok: bool
    duration_ms: float
    seen: str


class VerificationView(Answer):
    """What a real session with the relay showed, up to AUTH; no mail is sent."""

    ok: bool
    failure: FailureView | None
    duration_ms: float
    addresses: tuple[str, ...]
    address: str | None
    greeting: str | None
    extensions: dict[str, str]
    tls: EncryptionView | None
    mechanism: str | None
    warnings: tuple[str, ...]
    steps: tuple[StepView, ...]


class S3StorageSettings(Settings):
    """A bucket, or a part of one, where files of attachments lie. Without credentials the instance's role reads it."""

    kind: Literal["s3"] = "s3"
    bucket: str
    prefix: str = ""
    region: str | None = None
    endpoint_url: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = Field(default=None, repr=False)

    def body(self) -> bytes:
        """With `kind`, which tells the API what the rest is."""
        return self.model_copy(update={"kind": self.kind}).model_dump_json(exclude_unset=True).encode()


class StorageView(Answer):
    """A storage, without its secret."""

    name: str
    kind: Literal["s3"]
    bucket: str
    prefix: str
    region: str | None
    endpoint_url: str | None
    access_key_id: str | None
    has_secret_access_key: bool
    created_at: datetime
    updated_at: datetime


class StorageList(Answer):
    """A page of storages."""

    storages: tuple[StorageView, ...]
    next_cursor: str | None
