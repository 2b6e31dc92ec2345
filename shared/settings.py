"""What the deployment tells each function through its environment, read and checked once, at start."""

import os
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.clock import SECOND, Millis
from shared.errors import ConfigurationError
from shared.lines.line import LineKind
from shared.mailboxes.kinds import MailboxKind

# How long a sender or reporter may be at work, as its function is configured.
type WorkerTimeout = Annotated[int, Field(ge=1, le=900)]


class Settings(BaseModel):
    """Common to all functions."""

    model_config = ConfigDict(frozen=True)

    registry_table: str
    messages_table: str
    lane_immediate_queue_url: str
    lane_high_queue_url: str
    lane_medium_queue_url: str
    lane_low_queue_url: str
    reports_queue_url: str
    mailboxes_queue_url: str | None = None  # only where mailboxes are read

    @property
    def queue_urls(self) -> dict[LineKind, str]:
        mailboxes = {LineKind.MAILBOX: self.mailboxes_queue_url} if self.mailboxes_queue_url else {}
        return mailboxes | {
            LineKind.IMMEDIATE: self.lane_immediate_queue_url,
            LineKind.HIGH: self.lane_high_queue_url,
            LineKind.MEDIUM: self.lane_medium_queue_url,
            LineKind.LOW: self.lane_low_queue_url,
            LineKind.REPORTS: self.reports_queue_url,
        }

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Raises ConfigurationError that names each variable missing or wrong."""
        known = {name: environment[name.upper()] for name in cls.model_fields if name.upper() in environment}
        try:
            return cls.model_validate(known)
        except ValidationError as error:
            wrong = ", ".join(f"{each['loc'][0]!s}".upper() + f": {each['msg']}" for each in error.errors())
            raise ConfigurationError(f"environment variables of this function: {wrong}") from error


def _hosts(value: str) -> list[str]:
    return [host for host in (each.strip() for each in value.split(",")) if host]


class ApiSettings(Settings):
    """Of the API."""

    lane_immediate_dead_letters_url: str
    lane_high_dead_letters_url: str
    lane_medium_dead_letters_url: str
    lane_low_dead_letters_url: str
    reports_dead_letters_url: str
    mailboxes_dead_letters_url: str | None = None  # only where mailboxes are read
    kms_key_id: str
    payloads_bucket: str
    worker_timeout_seconds: WorkerTimeout
    admin_token_secret_id: str
    outgoing_allowed_hosts: str = ""
    attachment_buckets: str = ""
    mailbox_kinds: str = ""  # comma-separated; none where no mailboxes are read

    @property
    def kinds_of_mailboxes(self) -> frozenset[MailboxKind]:
        """Raises ConfigurationError for one that there is not."""
        try:
            return frozenset(MailboxKind(kind) for kind in _hosts(self.mailbox_kinds))
        except ValueError as error:
            raise ConfigurationError(f"environment variable MAILBOX_KINDS: {error}") from error

    @property
    def dead_letters_urls(self) -> dict[LineKind, str]:
        """Of the queues that take what the queues of `queue_urls` gave up on."""
        mailboxes = {LineKind.MAILBOX: self.mailboxes_dead_letters_url} if self.mailboxes_dead_letters_url else {}
        return mailboxes | {
            LineKind.IMMEDIATE: self.lane_immediate_dead_letters_url,
            LineKind.HIGH: self.lane_high_dead_letters_url,
            LineKind.MEDIUM: self.lane_medium_dead_letters_url,
            LineKind.LOW: self.lane_low_dead_letters_url,
            LineKind.REPORTS: self.reports_dead_letters_url,
        }

    @property
    def allowed_hosts(self) -> list[str]:
        return _hosts(self.outgoing_allowed_hosts)

    @property
    def worker_timeout(self) -> Millis:
        return self.worker_timeout_seconds * SECOND


class SenderSettings(Settings):
    """Of a sender, which works one lane."""

    lane: LineKind
    kms_key_id: str
    payloads_bucket: str
    instance_key_secret_id: str
    outgoing_allowed_hosts: str = ""
    attachment_buckets: str = ""

    @property
    def allowed_hosts(self) -> list[str]:
        return _hosts(self.outgoing_allowed_hosts)


class ReporterSettings(Settings):
    """Of the reporter."""

    kms_key_id: str
    outgoing_allowed_hosts: str = ""

    @property
    def allowed_hosts(self) -> list[str]:
        return _hosts(self.outgoing_allowed_hosts)


class PublisherSettings(Settings):
    """Of the publisher."""

    event_bus_name: str


class PollerSettings(Settings):
    """Of the function that reads mailboxes."""

    kms_key_id: str
    payloads_bucket: str
    instance_key_secret_id: str
    outgoing_allowed_hosts: str = ""

    @property
    def allowed_hosts(self) -> list[str]:
        return _hosts(self.outgoing_allowed_hosts)


class SchedulerSettings(Settings):
    """Of the scheduler."""

    payloads_bucket: str
    worker_timeout_seconds: WorkerTimeout

    @property
    def worker_timeout(self) -> Millis:
        return self.worker_timeout_seconds * SECOND
