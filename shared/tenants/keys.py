"""The key of a tenant's item, and what transactions of other items ask of it."""

from shared.aws.dynamodb import Attr, Condition, ItemKey


def tenant_key(tenant_id: str) -> ItemKey:
    """The key of the tenant's item."""
    return ItemKey(f"TENANT#{tenant_id}", "TENANT")


NOT_BEING_DELETED: Condition = Attr("deleting_since").not_exists()
