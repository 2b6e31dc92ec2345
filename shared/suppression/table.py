"""Suppressed addresses in the table `registry`.

A tenant that has any has a marker beside them, which the sender reads together with the tenant: those that have none
pay nothing for the check. The marker is written first and stays.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.aws.attributes import Item
from shared.aws.dynamodb import Attr, ItemKey, Key, Table
from shared.clock import Clock
from shared.errors import ConditionFailed, NotFound
from shared.suppression.model import MAX_REASON, Suppression, SuppressionSource, canonical

_PREFIX = "SUPPRESSION#"


def marker_key(tenant_id: str) -> ItemKey:
    """The key of the item that says the tenant has, or had, suppressed addresses."""
    return ItemKey(f"TENANT#{tenant_id}", "SUPPRESSIONS")


def suppression_key(tenant_id: str, address: str) -> ItemKey:
    """The key of one suppressed address, however it is spelled."""
    return ItemKey(f"TENANT#{tenant_id}", f"{_PREFIX}{canonical(address)}")


@dataclass(frozen=True, slots=True)
class SuppressionPage:
    """`next` is the canonical address to go on after, None on the last page."""

    suppressions: list[Suppression]
    next: str | None


class SuppressionTable:
    """Raises StorageUnavailable from every method when DynamoDB cannot be reached."""

    def __init__(self, registry: Table, clock: Clock) -> None:
        self._table = registry
        self._clock = clock

    def get(self, tenant_id: str, address: str) -> Suppression:
        """Raises NotFound."""
        item = self._table.get(suppression_key(tenant_id, address))
        if item is None:
            raise NotFound(f"tenant {tenant_id} has not suppressed {address}")
        return Suppression.model_validate(item)

    def page(self, tenant_id: str, *, limit: int, after: str | None = None) -> SuppressionPage:
        """Those whose canonical address comes after `after`, in its order."""
        first = suppression_key(tenant_id, "")
        resume = None if after is None else suppression_key(tenant_id, after).item
        page = self._table.query(Key("pk").eq(first.pk) & Key("sk").begins_with(_PREFIX), limit=limit, resume=resume)
        found = [Suppression.model_validate(item) for item in page.items]
        return SuppressionPage(found, str(page.resume["sk"]).removeprefix(_PREFIX) if page.resume else None)

    def put(self, tenant_id: str, address: str, reason: str) -> tuple[Suppression, bool]:
        """On the tenant's word: the suppression, and whether the address was not suppressed before."""
        new = Suppression(
            tenant_id=tenant_id,
            address=address,
            reason=reason[:MAX_REASON],
            source=SuppressionSource.TENANT,
            since=self._clock(),
        )
        if self._added(new, mark=True):
            return new, True
        self._table.put(_to_item(new))
        return new, False

    def delete(self, tenant_id: str, address: str) -> None:
        """Raises NotFound."""
        try:
            self._table.delete(suppression_key(tenant_id, address), condition=Attr("pk").exists())
        except ConditionFailed as error:
            raise NotFound(f"tenant {tenant_id} has not suppressed {address}") from error

    def among(self, tenant_id: str, addresses: Iterable[str]) -> dict[str, Suppression]:
        """Those of `addresses` that are suppressed, each under the spelling that it was asked for."""
        keys = {address: suppression_key(tenant_id, address) for address in addresses}
        found = self._table.batch_get(keys.values())
        return {address: Suppression.model_validate(found[key]) for address, key in keys.items() if key in found}

    def add(self, suppressions: Iterable[Suppression]) -> None:
        """Adds those that are not suppressed yet; what is known of the others stays. All of one tenant."""
        unmarked = True
        for each in suppressions:
            self._added(each, mark=unmarked)
            unmarked = False

    def _added(self, new: Suppression, *, mark: bool) -> bool:
        if mark:
            self._table.put(marker_key(new.tenant_id).item)
        try:
            self._table.put(_to_item(new), condition=Attr("pk").not_exists())
        except ConditionFailed:
            return False
        return True


def _to_item(suppression: Suppression) -> Item:
    fields: Item = suppression.model_dump(mode="json", exclude_none=True)
    return suppression_key(suppression.tenant_id, suppression.address).item | fields
