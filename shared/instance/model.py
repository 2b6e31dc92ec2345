"""The instance's settings, as the API takes and shows them."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from shared.clock import DAY, SECOND, Millis
from shared.json_values import WholeNumber
from shared.limits.model import PriorityShares
from shared.messages.model import Priority
from shared.messages.priorities import PriorityField
from shared.outgoing.urls import BaseUrl, UrlPath

DEFAULT_RETENTION: Millis = 7 * DAY
DEFAULT_EVENTS_RETENTION: Millis = 30 * DAY
LONGEST_AUDIT: Millis = 3_650 * DAY

type Seconds = Annotated[int, Field(ge=1, le=7 * 86_400), WholeNumber]


class RetryPolicy(BaseModel):
    """When a mail that was put off is tried again. Only tries at the mail itself count, never waits of its line."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schedule_seconds: Annotated[
        list[Seconds],
        Field(min_length=1, max_length=50, description="Delay before each further try; the last one repeats."),
    ] = [60, 300, 900, 3_600, 7_200, 14_400]
    max_age_seconds: Annotated[
        Seconds, Field(description="How long after it was due, or first tried, a mail is given up.")
    ] = 86_400

    def delay_after(self, attempts: int) -> Millis:
        """The unjittered delay after the `attempts`-th try (counted from 1)."""
        position = min(attempts, len(self.schedule_seconds)) - 1
        return self.schedule_seconds[position] * SECOND

    @property
    def max_age(self) -> Millis:
        return self.max_age_seconds * SECOND


class Instance(BaseModel):
    """The settings that hold for every tenant unless it says otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    retry: RetryPolicy = RetryPolicy()
    default_priority: PriorityField = Priority.MEDIUM
    priority_shares: PriorityShares = PriorityShares()
    retention_seconds: Annotated[
        int,
        Field(
            ge=3_600,
            le=30 * 86_400,
            description="How long a message is kept once it is final and its last report is acknowledged.",
        ),
        WholeNumber,
    ] = DEFAULT_RETENTION // SECOND
    events_retention_seconds: Annotated[
        int,
        Field(
            ge=86_400,
            le=90 * 86_400,
            description="How long an event can be pulled and replayed once it is acknowledged; not shorter than "
            "`retention_seconds`.",
        ),
        WholeNumber,
    ] = DEFAULT_EVENTS_RETENTION // SECOND
    audit_days: Annotated[
        int,
        Field(
            ge=1,
            le=LONGEST_AUDIT // DAY,
            description="How long a record of the audit log is kept, as said when it is made.",
        ),
    ] = 365
    calls_per_minute: Annotated[
        int, Field(ge=1, le=1_000_000, description="Of the API, with one token; the admin's as well."), WholeNumber
    ] = 6_000
    client_base_url: Annotated[
        BaseUrl | None,
        Field(description="Where tenants without a URL of their own get reports, and are asked for attachments."),
    ] = None
    client_sync_path: UrlPath | None = None
    client_attachment_path: UrlPath | None = None

    @property
    def retention(self) -> Millis:
        return self.retention_seconds * SECOND

    @property
    def events_retention(self) -> Millis:
        return self.events_retention_seconds * SECOND

    @property
    def audit_period(self) -> Millis:
        return self.audit_days * DAY

    @model_validator(mode="after")
    def _log_outlives_the_mails(self) -> Self:
        """The log says when the report of a mail was acknowledged (docs/adr/0060)."""
        if self.events_retention_seconds < self.retention_seconds:
            raise PydanticCustomError(
                "events_retention_too_short",
                "events_retention_seconds is {events}: it may not be shorter than retention_seconds, which is {mails}",
                {"events": self.events_retention_seconds, "mails": self.retention_seconds},
            )
        return self
