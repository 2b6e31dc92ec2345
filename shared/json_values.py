"""Values as callers write them in JSON, taken as the OpenAPI document says and no wider.

Pydantic by itself is kinder: it takes `true` and `"1"` for 1, and `"0"` for a time.
"""

import re
from typing import Annotated, Final

from pydantic import AwareDatetime, BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

# Section 5.6, but for a missing zone, which pydantic names.
_RFC_3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)?", re.ASCII)
_MILLISECONDS_FROM: Final = 20_000_000_000  # as pydantic tells them: in seconds that is the year 2603
_LAST: Final = 253_402_300_799_000  # the end of the year 9999, in milliseconds


def _refuse_what_json_calls_no_number(value: object) -> object:
    if isinstance(value, bool | str):
        raise PydanticCustomError("int_type", "Input should be a valid integer")
    return value


def _in_rfc_3339(value: object) -> object:
    if value is not None and not (isinstance(value, str) and _RFC_3339.fullmatch(value)):
        raise PydanticCustomError(
            "invalid_time", "expected a time with its zone, such as 2026-01-31T10:00:00Z (RFC 3339)"
        )
    return value


def _in_rfc_3339_or_epoch(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not 0 <= value <= _LAST:
            raise PydanticCustomError("invalid_time", "expected seconds or milliseconds since 1970, before year 10000")
        return value
    return _in_rfc_3339(value)


# After the bounds of an `int`: `Annotated[int, Field(ge=1), WholeNumber]`. 5.0 is one, as JSON Schema has it.
WholeNumber = BeforeValidator(_refuse_what_json_calls_no_number)
Moment = Annotated[AwareDatetime, BeforeValidator(_in_rfc_3339)]
OptionalMomentOrEpoch = Annotated[
    AwareDatetime | None,
    BeforeValidator(_in_rfc_3339_or_epoch),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "format": "date-time"},
                {
                    "type": "number",
                    "minimum": 0,
                    "maximum": _LAST,
                    "description": f"seconds since the epoch; from {_MILLISECONDS_FROM} on, milliseconds",
                },
                {"type": "null"},
            ],
            "examples": ["2026-01-31T10:00:00Z"],
        }
    ),
]
