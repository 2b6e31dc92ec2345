"""What of a body may be kept, by its schema: for every route there is, and for schemas made up here."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field, JsonValue, SecretStr, TypeAdapter

from functions.api import app
from functions.api.redaction import REDACTED, Redaction

SECRET = "hunter2-the-secret"


def routes_with_bodies() -> list[APIRoute]:
    routes = [route for module in app._ROUTES for route in module.router.routes]
    return [route for route in routes if isinstance(route, APIRoute) and route.body_field is not None]


def resolved(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    return definitions[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def filled(schema: dict[str, Any], definitions: dict[str, Any]) -> Iterator[Any]:
    """Values with all fields there are, a secret in each that takes one; one value for each alternative."""
    schema = resolved(schema, definitions)
    choices = schema.get("anyOf", []) + schema.get("oneOf", [])
    if choices:
        for each in choices:
            yield from filled(each, definitions)
    elif schema.get("format") == "password":
        yield SECRET
    elif "properties" in schema:
        fields = {name: list(filled(each, definitions)) for name, each in schema["properties"].items()}
        for turn in range(max(map(len, fields.values()), default=1)):
            yield {name: values[turn % len(values)] for name, values in fields.items()}
    elif "items" in schema:
        yield list(filled(schema["items"], definitions))
    else:
        yield "plain"


def test_no_secret_of_any_route_is_kept_wherever_it_stands() -> None:
    secrets_met = 0
    for route in routes_with_bodies():
        (body,) = route.dependant.body_params
        redaction = Redaction.of_body(body.field_info)
        schema = redaction._schema
        for value in filled(schema, schema.get("$defs", {})):
            secrets_met += json.dumps(value).count(SECRET)
            assert SECRET not in json.dumps(redaction.of(value)), route.name
    assert secrets_met >= 10


class Inner(BaseModel):
    token: SecretStr
    name: str


class Outer(BaseModel):
    plain: str
    inners: list[Inner] | None = None
    either: Inner | str | None = None
    hidden: list[dict[str, str]] = Field(default=[], json_schema_extra={"writeOnly": True})


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ({"plain": "x", "unknown": SECRET, SECRET: 1}, {"plain": "x"}),
        ({"inners": [{"token": SECRET, "name": "n"}]}, {"inners": [{"token": REDACTED, "name": "n"}]}),
        ({"either": {"token": SECRET}}, {"either": {"token": REDACTED}}),
        ({"either": "word"}, {"either": "word"}),
        ({"inners": None, "either": None}, {"inners": None, "either": None}),
        ({"hidden": [{"any": SECRET}]}, {"hidden": REDACTED}),
        ({"either": {"token": {"nested": SECRET}}}, {"either": {"token": REDACTED}}),
    ],
)
def test_only_fields_that_the_schema_names_are_kept_and_secrets_are_told_to_be_there(
    body: JsonValue, kept: JsonValue
) -> None:
    assert Redaction(TypeAdapter(Outer).json_schema()).of(body) == kept
