"""How clients write a priority: its name, or its number."""

from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from shared.messages.model import Priority


def _priority(value: object) -> object:
    if isinstance(value, str) and value.upper() in Priority.__members__:
        return Priority[value.upper()]
    if isinstance(value, int) and not isinstance(value, bool) and value in Priority:
        return Priority(value)
    names = ", ".join(f"{each.value} or {each.name.lower()}" for each in Priority)
    raise PydanticCustomError("invalid_priority", "expected {names}", {"names": names})


_PRIORITY_SCHEMA = {
    "anyOf": [
        {"type": "string", "enum": [each.name.lower() for each in Priority]},
        {"type": "integer", "enum": [each.value for each in Priority]},
    ],
    "examples": ["high"],
}

PriorityField = Annotated[Priority, BeforeValidator(_priority), WithJsonSchema(_PRIORITY_SCHEMA)]
