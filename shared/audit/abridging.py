"""Cuts JSON down to what a record may hold. Where something is left out stands an ellipsis."""

import json

from pydantic import JsonValue

MAX_STRING = 200
CUT = "…"


def abridged(value: JsonValue, max_bytes: int) -> JsonValue:
    """The value with texts cut at 200 characters, and what comes after about `max_bytes` of its JSON left out."""
    return _Abridgement(max_bytes).of(value)


class _Abridgement:
    """`_left` falls below zero by one text at most, and by the brackets around what is cut."""

    def __init__(self, max_bytes: int) -> None:
        self._left = max_bytes

    def of(self, value: JsonValue) -> JsonValue:
        match value:
            case dict():
                return self._object(value)
            case list():
                return self._array(value)
            case str() if len(value) > MAX_STRING:
                return self._counted(value[:MAX_STRING] + CUT)
        return self._counted(value)

    def _object(self, value: dict[str, JsonValue]) -> JsonValue:
        kept: dict[str, JsonValue] = {}
        for name, each in value.items():
            if self._left <= 0:
                return kept | {CUT: f"{len(value) - len(kept)} more"}
            self._left -= len(name) + len('"":,')
            kept[name] = self.of(each)
        return kept

    def _array(self, value: list[JsonValue]) -> JsonValue:
        kept: list[JsonValue] = []
        for each in value:
            if self._left <= 0:
                return [*kept, f"{CUT} {len(value) - len(kept)} more"]
            self._left -= len(",")
            kept.append(self.of(each))
        return kept

    def _counted(self, value: JsonValue) -> JsonValue:
        self._left -= len(json.dumps(value, ensure_ascii=False).encode())
        return value
