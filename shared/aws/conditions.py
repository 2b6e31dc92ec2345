"""Conditions on items, as values: `Attr("status").eq("sent") & ~Attr("claimed_until").exists()`.

Keys are named with `Key`, other attributes with `Attr`, as boto3's own have it; a name is the whole name, never a path.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
"""

from dataclasses import dataclass
from typing import Literal

from shared.aws.attributes import Value

type Comparator = Literal["=", "<>", "<", "<=", ">", ">="]


class Condition:
    """One of the classes below. Conditions are joined with `&` and `|`, and turned round with `~`."""

    __slots__ = ()

    def __and__(self, other: "Condition") -> "Condition":
        return Both(self, other)

    def __or__(self, other: "Condition") -> "Condition":
        return Either(self, other)

    def __invert__(self) -> "Condition":
        return Not(self)


@dataclass(frozen=True, slots=True)
class Compared(Condition):
    """The attribute is there and compares so with the value."""

    name: str
    comparator: Comparator
    value: Value


@dataclass(frozen=True, slots=True)
class Between(Condition):
    """From `low` to `high`, both included."""

    name: str
    low: Value
    high: Value


@dataclass(frozen=True, slots=True)
class BeginsWith(Condition):
    """A text that begins so."""

    name: str
    prefix: str


@dataclass(frozen=True, slots=True)
class Contains(Condition):
    """A list that holds the value, or a text that holds the text."""

    name: str
    value: Value


@dataclass(frozen=True, slots=True)
class Exists(Condition):
    """The attribute is there, whatever it holds."""

    name: str


@dataclass(frozen=True, slots=True)
class Both(Condition):
    """Each of the two holds."""

    left: Condition
    right: Condition


@dataclass(frozen=True, slots=True)
class Either(Condition):
    """One of the two holds, or both do."""

    left: Condition
    right: Condition


@dataclass(frozen=True, slots=True)
class Not(Condition):
    """It does not hold."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class Attr:
    """An attribute, to say something of."""

    name: str

    def eq(self, value: Value) -> Condition:
        return Compared(self.name, "=", value)

    def ne(self, value: Value) -> Condition:
        """Also true of an attribute that is not there."""
        return Compared(self.name, "<>", value)

    def lt(self, value: Value) -> Condition:
        return Compared(self.name, "<", value)

    def lte(self, value: Value) -> Condition:
        return Compared(self.name, "<=", value)

    def gt(self, value: Value) -> Condition:
        return Compared(self.name, ">", value)

    def gte(self, value: Value) -> Condition:
        return Compared(self.name, ">=", value)

    def between(self, low: Value, high: Value) -> Condition:
        return Between(self.name, low, high)

    def begins_with(self, prefix: str) -> Condition:
        return BeginsWith(self.name, prefix)

    def contains(self, value: Value) -> Condition:
        return Contains(self.name, value)

    def exists(self) -> Condition:
        return Exists(self.name)

    def not_exists(self) -> Condition:
        return Not(Exists(self.name))


class Key(Attr):
    """An attribute of the key of a table or an index."""
