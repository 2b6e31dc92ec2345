"""DynamoDB's typed attribute values to plain Python and back. Numbers are integers here: instants, counts, codes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types_boto3_dynamodb.type_defs import AttributeValueTypeDef, UniversalAttributeValueTypeDef

type Value = str | int | bool | bytes | list[Value] | dict[str, Value] | None
type Item = dict[str, Value]


def to_attribute(value: Value) -> "UniversalAttributeValueTypeDef":
    """Raises TypeError for anything that is not a `Value`."""
    match value:
        case str():
            return {"S": value}
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case None:
            return {"NULL": True}
        case bytes():
            return {"B": value}
        case list():
            return {"L": [to_attribute(each) for each in value]}
        case dict():
            return {"M": {name: to_attribute(each) for name, each in value.items()}}
    raise TypeError(f"{type(value).__name__} has no DynamoDB type here")


def from_attribute(attribute: "AttributeValueTypeDef") -> Value:
    """Raises TypeError for types that the project does not store (floats, sets)."""
    [(kind, value)] = attribute.items()
    match kind, value:
        case "S", str():
            return value
        case "N", str():
            return int(value)
        case "BOOL", bool():
            return value
        case "NULL", _:
            return None
        case "B", _:
            return bytes(attribute["B"])
        case "L", _:
            return [from_attribute(each) for each in attribute["L"]]
        case "M", _:
            return from_attributes(attribute["M"])
    raise TypeError(f"DynamoDB type {kind} is not used here")


def to_attributes(item: Item) -> "dict[str, UniversalAttributeValueTypeDef]":
    """A whole item."""
    return {name: to_attribute(value) for name, value in item.items()}


def from_attributes(attributes: "Mapping[str, AttributeValueTypeDef]") -> Item:
    """A whole item."""
    return {name: from_attribute(value) for name, value in attributes.items()}
