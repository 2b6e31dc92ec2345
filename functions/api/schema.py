"""Types that the API's documents share."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import BaseModel, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from shared.identifiers import AccountId, MailId, TenantId

EXAMPLE_KEY = "the-43-characters-of-a-key-come-here-aaaaaa"

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


@dataclass(frozen=True, slots=True)
class PatchOf:
    """Marks a JSON merge patch (RFC 7396) of what `model` describes: nothing is required, and anything may be null."""

    model: type[BaseModel]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Checks what the annotated type says, no more."""
        return handler(source)

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The schema of the patch, with what `model` refers to put in its place."""
        whole = self.model.model_json_schema()
        patch = _as_patch(whole, whole.pop("$defs", {}))
        return patch | {"title": f"{self.model.__name__}Patch"}


def _as_patch(schema: JsonSchemaValue, definitions: dict[str, JsonSchemaValue]) -> JsonSchemaValue:
    if "$ref" in schema:
        referred = definitions[schema["$ref"].rpartition("/")[2]]
        rest = {name: value for name, value in schema.items() if name not in ("$ref", "default")}
        return _as_patch(referred | rest, definitions)
    if "anyOf" in schema:
        return schema | {"anyOf": [_as_patch(each, definitions) for each in schema["anyOf"]]}
    if "items" in schema:
        return schema | {"items": _as_patch(schema["items"], definitions)}
    if "properties" not in schema:
        return schema
    properties = {name: _or_null(_as_patch(each, definitions)) for name, each in schema["properties"].items()}
    return {name: value for name, value in schema.items() if name != "required"} | {"properties": properties}


def _or_null(schema: JsonSchemaValue) -> JsonSchemaValue:
    null = {"type": "null"}
    rest = {name: value for name, value in schema.items() if name != "default"}
    return rest if null in rest.get("anyOf", []) else {"anyOf": [rest, null]}
