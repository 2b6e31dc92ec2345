"""Reports and receipts that name no mail of ours, kept as a summary for thirty days: nothing vanishes unseen."""

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from shared.aws.attributes import Item
from shared.aws.dynamodb import ItemKey, Key, Table
from shared.clock import DAY, Millis, ttl_seconds
from shared.mailboxes.model import Mailbox

KEPT: Millis = 30 * DAY
MAX_ADDRESSES = 10
_LONGEST = 300  # characters of what a stranger wrote


class Unmatched(BaseModel):
    """`what` is its kind: of a report (`delivery`, `complaint`) or of a receipt. `reason`: why nothing followed."""

    model_config = ConfigDict(frozen=True)

    uid_validity: int
    uid: int
    read_at: Millis
    what: str
    reason: str
    sender: str | None = None
    subject: str | None = None
    addresses: list[str] = []


@dataclass(frozen=True, slots=True)
class UnmatchedPage:
    """`next` is the place to go on after, None on the last page."""

    found: list[Unmatched]
    next: str | None


class UnmatchedTable:
    """Raises StorageUnavailable when DynamoDB cannot be reached."""

    def __init__(self, messages: Table) -> None:
        self._table = messages

    def add(self, mailbox: Mailbox, found: Iterable[Unmatched]) -> None:
        """The same mail, read again, replaces itself."""
        self._table.batch_write(puts=[_to_item(mailbox, each) for each in found])

    def page(self, tenant_id: str, mailbox_id: str, *, limit: int, after: str | None = None) -> UnmatchedPage:
        """The latest first."""
        partition = unmatched_partition(tenant_id, mailbox_id)
        resume = None if after is None else ItemKey(partition, after).item
        page = self._table.query(Key("pk").eq(partition), limit=limit, forward=False, resume=resume)
        found = [Unmatched.model_validate(item) for item in page.items]
        return UnmatchedPage(found, str(page.resume["sk"]) if page.resume else None)


def shortened(text: str | None) -> str | None:
    """Fit to be kept."""
    return text[:_LONGEST] if text else None


def unmatched_partition(tenant_id: str, mailbox_id: str) -> str:
    """Where those of one mailbox are kept."""
    return f"UNMATCHED#{tenant_id}#{mailbox_id}"


def _to_item(mailbox: Mailbox, found: Unmatched) -> Item:
    fields: Item = found.model_dump(mode="json", exclude_none=True)
    key = ItemKey(unmatched_partition(mailbox.tenant_id, mailbox.id), f"{found.uid_validity:010d}#{found.uid:010d}")
    return key.item | {"ttl": ttl_seconds(found.read_at + KEPT)} | fields
