"""The instance's one item in the table `registry`."""

from dataclasses import dataclass

from shared.aws.attributes import Item
from shared.aws.dynamodb import ItemKey, Table, Update
from shared.instance.model import Instance

INSTANCE_KEY = ItemKey("INSTANCE", "INSTANCE")


@dataclass(frozen=True, slots=True)
class StoredInstance:
    """The settings, and whether all sending is stopped, which is none of them."""

    settings: Instance
    paused: bool


class InstanceTable:
    """Reads and writes the settings as a whole."""

    def __init__(self, registry: Table) -> None:
        self._table = registry

    def get(self) -> Instance:
        """The settings as put, or the defaults."""
        return self.read().settings

    def read(self) -> StoredInstance:
        return stored_instance_from_item(self._table.get(INSTANCE_KEY))

    def put(self, instance: Instance) -> StoredInstance:
        settings: Item = {"settings": instance.model_dump_json()}
        return stored_instance_from_item(self._table.update(Update(INSTANCE_KEY, set=settings)))

    def pause(self, *, paused: bool) -> StoredInstance:
        return stored_instance_from_item(self._table.update(Update(INSTANCE_KEY, set={"paused": paused})))


def stored_instance_from_item(item: Item | None) -> StoredInstance:
    """The defaults where nothing was put yet."""
    settings = item.get("settings") if item else None
    instance = Instance.model_validate_json(settings) if isinstance(settings, str) else Instance()
    return StoredInstance(instance, paused=bool(item and item.get("paused")))


def instance_from_item(item: Item | None) -> Instance:
    """The settings alone."""
    return stored_instance_from_item(item).settings
