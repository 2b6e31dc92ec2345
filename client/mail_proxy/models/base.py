"""What all models of the API share. They are written by hand from docs/openapi.json; a test holds them to it.

Limits and patterns are the API's business: it names what breaks them, so they are not repeated here.
"""

from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict

type LaneName = Literal["immediate", "high", "medium", "low"]
type QueueName = Literal["immediate", "high", "medium", "low", "reports", "mailbox"]
type PriorityInput = LaneName | Literal[0, 1, 2, 3]
type Status = Literal["pending", "sent", "deferred", "error", "cancelled", "suspended"]


class Answer(BaseModel):
    """What the API says."""

    model_config = ConfigDict(
        extra="ignore",
        frozen=True,
        defer_build=True,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )
    unknown_fields: ClassVar[Literal["ignore", "allow"]] = "ignore"

    @classmethod
    def of_json(cls, body: bytes) -> Self:
        """Of an answer's body. Fields that a later version adds are passed over, also inside settings.

        Raises pydantic's ValidationError.
        """
        return cls.model_validate_json(body, extra=cls.unknown_fields)


class Settings(BaseModel):
    """What the API is told. A field that is not set is not sent: the API's default holds then. Others are refused."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        defer_build=True,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )

    def body(self) -> bytes:
        """As JSON, of only what was set."""
        return self.model_dump_json(exclude_unset=True, by_alias=True).encode()
