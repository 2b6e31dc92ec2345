"""Types that the API's documents share."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import BaseModel, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from shared.identifiers import AccountId, MailId, TenantId

Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"}, examples=["2026-01-31T10:00:00.000Z"])]
PriorityName = Literal["immediate", "high", "medium", "low"]
NextCursor = Annotated[str | None, Field(description="Give it as `cursor` for the next page; null on the last page.")]

TenantPath = Annotated[TenantId, Path(description="The tenant's id.", examples=["acme"])]
AccountPath = Annotated[AccountId, Path(description="The account's id.", examples=["main"])]
MessagePath = Annotated[MailId, Path(description="The id that the client gave the message.", examples=["MSG-001"])]


@dataclass(frozen=True, slots=True)
class DocumentedAs:
    """Marks a value that is checked later, elsewhere: only the OpenAPI document shows it as `model`."""

    model: type[BaseModel]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Checks what the annotated type says, no more."""
        return handler(source)

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The schema of `model`."""
        return handler(self.model.__pydantic_core_schema__)
