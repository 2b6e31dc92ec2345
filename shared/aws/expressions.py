"""Conditions and updates in the language of DynamoDB's expressions
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.html)."""

from dataclasses import dataclass, field

from shared.aws.attributes import Attribute, Value, to_attribute
from shared.aws.conditions import BeginsWith, Between, Both, Compared, Condition, Contains, Either, Exists, Not
from shared.aws.writes import Update


@dataclass(slots=True)
class Expression:
    """Collects one call's expressions with the names and values they refer to."""

    names: dict[str, str] = field(default_factory=dict)
    values: dict[str, Attribute] = field(default_factory=dict)

    def condition(self, condition: Condition) -> str:
        """Names and values become placeholders: no name is a reserved word, no value is read as an expression."""
        match condition:
            case Compared(name, comparator, value):
                return f"{self._name(name)} {comparator} {self._value(value)}"
            case Between(name, low, high):
                return f"{self._name(name)} BETWEEN {self._value(low)} AND {self._value(high)}"
            case BeginsWith(name, prefix):
                return f"begins_with({self._name(name)}, {self._value(prefix)})"
            case Contains(name, value):
                return f"contains({self._name(name)}, {self._value(value)})"
            case Exists(name):
                return f"attribute_exists({self._name(name)})"
            case Both(left, right):
                return f"({self.condition(left)} AND {self.condition(right)})"
            case Either(left, right):
                return f"({self.condition(left)} OR {self.condition(right)})"
            case Not(Exists(name)):
                return f"attribute_not_exists({self._name(name)})"
            case Not(inner):
                return f"(NOT {self.condition(inner)})"
        raise TypeError(f"{type(condition).__name__} is no condition")

    def key_condition(self, condition: Condition) -> str:
        """As `condition`, for a query, which takes no parentheses round the whole."""
        match condition:
            case Both(left, right):
                return f"{self.condition(left)} AND {self.condition(right)}"
            case _:
                return self.condition(condition)

    def update(self, change: Update) -> str:
        sets = [f"{self._name(name)} = {self._value(value)}" for name, value in change.set.items()]
        adds = [f"{self._name(name)} {self._value(value)}" for name, value in change.add.items()]
        removes = [self._name(name) for name in change.remove]
        clauses = (("SET", sets), ("ADD", adds), ("REMOVE", removes))
        return " ".join(f"{word} {', '.join(parts)}" for word, parts in clauses if parts)

    def name_in(self, request: dict[str, object]) -> None:
        """Adds names and values to the request; DynamoDB refuses empty ones."""
        if self.names:
            request["ExpressionAttributeNames"] = self.names
        if self.values:
            request["ExpressionAttributeValues"] = self.values

    def _name(self, name: str) -> str:
        placeholder = f"#n{len(self.names)}"
        self.names[placeholder] = name
        return placeholder

    def _value(self, value: Value) -> str:
        placeholder = f":v{len(self.values)}"
        self.values[placeholder] = to_attribute(value)
        return placeholder
