"""The instance's one item in the table `registry`."""

from shared.aws.attributes import Item
from shared.aws.dynamodb import ItemKey, Table
from shared.instance.model import Instance

INSTANCE_KEY = ItemKey("INSTANCE", "INSTANCE")


class InstanceTable:
    """Reads and writes the settings as a whole."""

    def __init__(self, registry: Table) -> None:
        self._table = registry

    def get(self) -> Instance:
        """The settings as put, or the defaults."""
        return instance_from_item(self._table.get(INSTANCE_KEY))

    def put(self, instance: Instance) -> None:
        self._table.put(INSTANCE_KEY.item | {"settings": instance.model_dump_json()})


def instance_from_item(item: Item | None) -> Instance:
    """The defaults where nothing was put yet."""
    return Instance.model_validate_json(str(item["settings"])) if item else Instance()
