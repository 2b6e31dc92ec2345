"""The key of a tenant's item, what transactions of other items ask of it, and the traces beside it.

A trace keeps a name that a tenant's data lie under when nothing else may name it any more: that of a deleted account,
whose line heads stay, and that of a batch that was suspended. It is there for the purge of the tenant.
"""

from enum import StrEnum

from shared.aws.dynamodb import Attr, Condition, ItemKey

BY_KIND_INDEX = "by_kind"


def tenant_key(tenant_id: str) -> ItemKey:
    """The key of the tenant's item."""
    return ItemKey(f"TENANT#{tenant_id}", "TENANT")


NOT_BEING_DELETED: Condition = Attr("deleting_since").not_exists()


class Trace(StrEnum):
    """What left the trace."""

    ACCOUNT = "account"
    BATCH = "batch"
    MAILBOX = "mailbox"


def trace_key(tenant_id: str, kind: Trace, name: str) -> ItemKey:
    """The key of a trace, which is all that there is of it."""
    return ItemKey(tenant_key(tenant_id).pk, f"TRACE#{kind}#{name}")
