"""Tenants and their keys, and the settings of the instance."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from mail_proxy.models.base import Answer, LaneName, PriorityInput, Settings

type Acknowledgement = Literal["strict", "lenient"]
type AuthMethod = Literal["none", "bearer", "basic"]


class SendingLimits(Settings):
    """How much may be sent; beyond it mail waits (`defer`) or fails (`reject`)."""

    per_second: int | None = None
    per_minute: int | None = None
    per_hour: int | None = None
    per_day: int | None = None
    count: Literal["messages", "recipients"] = "messages"
    behavior: Literal["defer", "reject"] = "defer"


class RetryPolicy(Settings):
    """When a mail that was put off is tried again, and how old it may become, in seconds."""

    schedule_seconds: list[int] = Field(default=[60, 300, 900, 3600, 7200, 14400])
    max_age_seconds: int = 86400


class PriorityShares(Settings):
    """The share of a sending limit that a priority may use up, in percent."""

    high: int = 95
    medium: int = 85
    low: int = 70


class Instance(Settings):
    """The settings of the instance. What is left out gets its default."""

    retry: RetryPolicy = Field(default_factory=RetryPolicy)
    default_priority: PriorityInput = 2
    priority_shares: PriorityShares = Field(default_factory=PriorityShares)
    retention_seconds: int = 604800
    events_retention_seconds: int = 2592000
    audit_days: int = 365
    calls_per_minute: int = 6000
    client_base_url: str | None = None
    client_sync_path: str | None = None
    client_attachment_path: str | None = None


class InstanceView(Answer):
    """The settings of the instance, and whether it is paused."""

    retry: RetryPolicy
    default_priority: LaneName
    priority_shares: PriorityShares
    retention_seconds: int
    events_retention_seconds: int
    audit_days: int
    calls_per_minute: int
    client_base_url: str | None
    client_sync_path: str | None
    client_attachment_path: str | None
    paused: bool


class ClientAuth(Settings):
    """How the proxy proves itself to the tenant's endpoint. A secret is never shown again."""

    method: AuthMethod = "none"
    token: str | None = Field(default=None, repr=False)
    user: str | None = None
    password: str | None = Field(default=None, repr=False)


class ClientAuthView(Answer):
    """How the proxy proves itself to the tenant's endpoint, without secrets."""

    method: AuthMethod
    user: str | None
    has_secret: bool


class TenantSettings(Settings):
    """What a tenant is told to be. What is left out gets its default."""

    name: str | None = None
    active: bool = True
    client_base_url: str | None = None
    client_sync_path: str | None = None
    client_attachment_path: str | None = None
    client_auth: ClientAuth = Field(default_factory=ClientAuth)
    default_account: str | None = None
    ack: Acknowledgement = "strict"
    limits: SendingLimits = Field(default_factory=SendingLimits)
    retry: RetryPolicy | None = None
    calls_per_minute: int | None = None


class TenantChanges(Settings):
    """What is to change of a tenant (RFC 7396): what is left out stays, None goes back to the default."""

    name: str | None = None
    active: bool | None = None
    client_base_url: str | None = None
    client_sync_path: str | None = None
    client_attachment_path: str | None = None
    client_auth: ClientAuth | None = None
    default_account: str | None = None
    ack: Acknowledgement | None = None
    limits: SendingLimits | None = None
    retry: RetryPolicy | None = None
    calls_per_minute: int | None = None


class TenantView(Answer):
    """A tenant."""

    id: str
    name: str | None
    active: bool
    client_base_url: str | None
    client_sync_path: str | None
    client_attachment_path: str | None
    client_auth: ClientAuthView
    default_account: str | None
    ack: Acknowledgement
    limits: SendingLimits
    retry: RetryPolicy | None
    calls_per_minute: int | None
    suspended: bool
    suspended_batches: tuple[str, ...]
    deleting: bool
    created_at: datetime
    updated_at: datetime


class NewTenantView(TenantView):
    """A tenant that was just created, with its secrets: they are shown this once."""

    api_key: str = Field(repr=False)
    signing_secret: str = Field(repr=False)


class TenantList(Answer):
    """A page of tenants."""

    tenants: tuple[TenantView, ...]
    next_cursor: str | None


class ApiKeyRotationCall(Settings):
    """When the new key expires, and how long the one before works beside it."""

    expires_at: datetime | None = None
    overlap_seconds: int = 3600


class ApiKeyView(Answer):
    """A key, without itself."""

    id: str
    created_at: datetime
    expires_at: datetime | None


class RotatedView(ApiKeyView):
    """A new key, shown this once, and until when the one before works."""

    api_key: str = Field(repr=False)
    previous: ApiKeyView | None


class SigningSecretRotationCall(Settings):
    """How long reports are signed with the old secret as well."""

    overlap_seconds: int = 86400


class SigningSecretView(Answer):
    """A new secret, shown this once, and until when reports are signed with the one before as well."""

    signing_secret: str = Field(repr=False)
    previous_until: datetime | None
