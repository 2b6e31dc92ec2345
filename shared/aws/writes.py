"""Keys and writes of DynamoDB as the project says them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.aws.attributes import Item
from shared.aws.conditions import Condition


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
