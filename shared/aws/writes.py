"""Keys, conditions and writes of DynamoDB as the project says them, and the expressions that DynamoDB reads."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from boto3.dynamodb.conditions import ConditionBase, ConditionExpressionBuilder

from shared.aws.attributes import Item, Value, to_attribute

if TYPE_CHECKING:
    from types_boto3_dynamodb.type_defs import UniversalAttributeValueTypeDef

type Condition = ConditionBase


@dataclass(frozen=True, slots=True)
class ItemKey:
    """Partition and sort key."""

    pk: str
    sk: str

    @property
    def item(self) -> Item:
        return {"pk": self.pk, "sk": self.sk}

    @classmethod
    def of(cls, item: Item) -> "ItemKey":
        return cls(pk=str(item["pk"]), sk=str(item["sk"]))


@dataclass(frozen=True, slots=True)
class Put:
    """Writes one item whole."""

    item: Item
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """Sets, removes and adds to attributes of one item, which comes into being if it was absent."""

    key: ItemKey
    set: Item = field(default_factory=dict)
    remove: Sequence[str] = ()
    add: dict[str, int] = field(default_factory=dict)
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Removes one item; removing an absent one is no error."""

    key: ItemKey
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """Only in transactions: holds the others to a condition on this item, which may lie in another `table`."""

    key: ItemKey
    condition: Condition
    table: str | None = None


type Write = Put | Update | Delete | Check


@dataclass(slots=True)
class Expression:
    """Collects one call's expressions with the names and values they refer to."""

    names: dict[str, str] = field(default_factory=dict)
    values: "dict[str, UniversalAttributeValueTypeDef]" = field(default_factory=dict)

    def condition(self, condition: Condition, *, is_key: bool = False) -> str:
        built = ConditionExpressionBuilder().build_expression(condition, is_key_condition=is_key)
        self.names.update(built.attribute_name_placeholders)
        self.values.update({k: to_attribute(v) for k, v in built.attribute_value_placeholders.items()})
        return built.condition_expression

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
        placeholder = f"#u{len(self.names)}"
        self.names[placeholder] = name
        return placeholder

    def _value(self, value: Value) -> str:
        placeholder = f":u{len(self.values)}"
        self.values[placeholder] = to_attribute(value)
        return placeholder
