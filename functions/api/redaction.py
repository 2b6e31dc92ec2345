"""What of a call's body may be kept: the fields that its schema names, and of secrets only that they were there.

Going by the schema rather than by names that sound secret, a new secret cannot be forgotten: pydantic marks every
`SecretStr` as `writeOnly`, and what is not to be kept for another reason is marked the same way.
"""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from pydantic import JsonValue, TypeAdapter
from pydantic.fields import FieldInfo

REDACTED = "[redacted]"

type Schema = dict[str, Any]


class Redaction:
    """Of the bodies of one route."""

    def __init__(self, schema: Schema) -> None:
        """`schema` is a JSON schema as pydantic makes them, with its definitions under `$defs`."""
        self._schema = schema
        self._definitions: dict[str, Schema] = schema.get("$defs", {})

    @classmethod
    def of_body(cls, body: FieldInfo) -> "Redaction":
        """By the type that the route takes."""
        annotated: Any = Annotated[(body.annotation, *body.metadata)] if body.metadata else body.annotation
        return cls(TypeAdapter(annotated).json_schema())

    def of(self, body: JsonValue) -> JsonValue:
        """The body without what may not be kept. Only for bodies that fit the schema: a secret under a wrong type is
        not told from anything else."""
        return self._kept(body, [self._schema])

    def _kept(self, value: JsonValue, schemas: Iterable[Schema]) -> JsonValue:
        """`schemas` are those that the value may fit."""
        if value is None:
            return None
        possible = [each for schema in schemas for each in self._alternatives(schema)]
        if any(each.get("writeOnly") for each in possible):
            return REDACTED
        match value:
            case dict():
                return self._object(value, possible)
            case list():
                items = [each["items"] for each in possible if "items" in each]
                return [self._kept(each, items) for each in value]
        return value

    def _object(self, value: dict[str, JsonValue], possible: list[Schema]) -> JsonValue:
        named: dict[str, list[Schema]] = {}
        for schema in possible:
            for name, each in schema.get("properties", {}).items():
                named.setdefault(name, []).append(each)
        return {name: self._kept(each, named[name]) for name, each in value.items() if name in named}

    def _alternatives(self, schema: Schema) -> Iterator[Schema]:
        """The schema itself, which may say `writeOnly` beside a reference, and all that it refers to."""
        yield schema
        if "$ref" in schema:
            yield from self._alternatives(self._definitions[schema["$ref"].removeprefix("#/$defs/")])
        for word in ("anyOf", "oneOf", "allOf"):
            for each in schema.get(word, []):
                yield from self._alternatives(each)
