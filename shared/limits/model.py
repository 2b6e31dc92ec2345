"""Sending limits, as accounts and tenants are told them."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from shared.clock import DAY, HOUR, MINUTE, SECOND
from shared.json_values import WholeNumber
from shared.limits.windows import Window

type Limit = Annotated[int, Field(ge=1, le=10_000_000), WholeNumber]


class CountBy(StrEnum):
    """What a limit counts: SES and Microsoft 365 count recipients, others messages."""

    MESSAGES = "messages"
    RECIPIENTS = "recipients"


class LimitBehavior(StrEnum):
    """What happens to a mail beyond the limit: it waits in its place, or becomes an error."""

    DEFER = "defer"
    REJECT = "reject"


class SendingLimits(BaseModel):
    """At most so many in any second, minute, hour, day; all that are given hold at once."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    per_second: Limit | None = None
    per_minute: Limit | None = None
    per_hour: Limit | None = None
    per_day: Limit | None = None
    count: CountBy = CountBy.MESSAGES
    behavior: LimitBehavior = LimitBehavior.DEFER

    @property
    def windows(self) -> tuple[Window, ...]:
        """Empty where nothing is limited."""
        given = (
            (SECOND, self.per_second),
            (MINUTE, self.per_minute),
            (HOUR, self.per_hour),
            (DAY, self.per_day),
        )
        return tuple(Window(length, limit) for length, limit in given if limit is not None)


class PriorityShares(BaseModel):
    """Percent of a window that a priority and all below it may use together; immediate may use all of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    high: Annotated[int, Field(ge=1, le=100), WholeNumber] = 95
    medium: Annotated[int, Field(ge=1, le=100), WholeNumber] = 85
    low: Annotated[int, Field(ge=1, le=100), WholeNumber] = 70

    @property
    def by_priority(self) -> tuple[int, int, int, int]:
        """In order of priority."""
        return (100, self.high, self.medium, self.low)
