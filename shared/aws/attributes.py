"""DynamoDB's typed attribute values, in the JSON of its wire, to plain Python and back.

Numbers are integers here: instants, counts, codes.
"""

import base64
from collections.abc import Mapping

type Value = str | int | bool | bytes | list[Value] | dict[str, Value] | None
type Item = dict[str, Value]

# One entry each: the type's letter, and the content. https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html
type Attribute = dict[str, str | bool | list[Attribute] | dict[str, Attribute]]
type Attributes = dict[str, Attribute]


def to_attribute(value: Value) -> Attribute:
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
            return {"B": base64.b64encode(value).decode()}
        case list():
            return {"L": [to_attribute(each) for each in value]}
        case dict():
            return {"M": to_attributes(value)}
    raise TypeError(f"{type(value).__name__} has no DynamoDB type here")


def from_attribute(attribute: Attribute) -> Value:
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
        case "B", str():
            return base64.b64decode(value)
        case "L", list():
            return [from_attribute(each) for each in value]
        case "M", dict():
            return from_attributes(value)
    raise TypeError(f"DynamoDB type {kind} is not used here")


def to_attributes(item: Item) -> Attributes:
    """A whole item."""
    return {name: to_attribute(value) for name, value in item.items()}


def from_attributes(attributes: Mapping[str, Attribute]) -> Item:
    """A whole item."""
    return {name: from_attribute(value) for name, value in attributes.items()}
