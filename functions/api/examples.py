"""An example of each answer, put together from the examples of the single values: one that is written down as a whole
would drift apart from its model.
"""

from collections.abc import Mapping
from typing import Any

type Schema = Mapping[str, Any]


class NoExample(LookupError):
    """A value that the document says too little of to show one; the message names it."""


def add_examples(document: Mapping[str, Any]) -> None:
    """Gives every answer in JSON that has none an example. Raises NoExample."""
    schemas = document["components"]["schemas"]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for status, response in operation["responses"].items():
                for content in _answers(status, response):
                    content["example"] = example_of(content["schema"], schemas, f"{method.upper()} {path} {status}")


def _answers(status: str, response: Mapping[str, Any]) -> list[dict[str, Any]]:
    content = response.get("content", {}).get("application/json")
    has_own = content is None or content.keys() & {"example", "examples"}
    return [] if has_own or not status.startswith("2") else [content]


def example_of(schema: Schema, schemas: Mapping[str, Schema], name: str) -> object:
    """The schema's own example, else its only value, its default, or what the examples of its parts make.

    A value that may be null and has no example is null. Raises NoExample.
    """
    match schema:
        case {"examples": [first, *_]} | {"const": first} | {"enum": [first, *_]} | {"default": first}:
            return first
        case {"$ref": str(reference)}:
            referred = reference.rpartition("/")[2]
            return example_of(schemas[referred], schemas, referred)
        case {"anyOf": choices} | {"oneOf": choices}:
            if {"type": "null"} in choices:
                return None
            return example_of(choices[0], schemas, name)
        case {"properties": properties}:
            return {each: example_of(value, schemas, f"{name}.{each}") for each, value in properties.items()}
        case {"type": "object"}:
            return {}
        case {"type": "array", "items": items}:
            return [example_of(items, schemas, f"{name}[]")]
        case {"type": "boolean"}:
            return False
    raise NoExample(f"{name} has no example: give its field `examples=[...]`")
