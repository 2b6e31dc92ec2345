"""What came back about a mail after it was sent: bounces, complaints, receipts. Kept beside the mail, as its timeline.

Each is an item under the id of its event, so that the same one, told again, is recognised and counts once.
"""

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

from shared.aws.attributes import Item
from shared.aws.dynamodb import ItemKey, Key, Table
from shared.clock import DAY, Millis, ttl_seconds
from shared.messages.model import Mail, mail_partition

_PREFIX = "RETURN#"
_KEPT: Millis = 90 * DAY  # of a mail that has no end yet; else as long as the mail


class Return(BaseModel):
    """`type` is the event's, or `pec_unverified`; `at` when it happened as far as it is told, else when it was read."""

    model_config = ConfigDict(frozen=True)

    event_id: str
    type: str
    at: Millis
    recipient: str | None = None
    detail: str | None = None


class Returns:
    """Raises StorageUnavailable from every method when DynamoDB cannot be reached."""

    def __init__(self, messages: Table) -> None:
        self._table = messages

    def known(self, returned: Iterable[tuple[Mail, str]]) -> set[tuple[str, str]]:
        """Of pairs of a mail and an event's id, those recorded already, as (partition, event id)."""
        found = self._table.batch_get({_key(mail, event_id): None for mail, event_id in returned})
        return {(key.pk, key.sk.removeprefix(_PREFIX)) for key in found}

    def add(self, returned: Iterable[tuple[Mail, Return]], now: Millis) -> None:
        self._table.batch_write(puts=[_to_item(mail, each, now) for mail, each in returned])

    def of(self, tenant_id: str, mail_id: str) -> list[Return]:
        """A mail's, in order of time."""
        condition = Key("pk").eq(mail_partition(tenant_id, mail_id)) & Key("sk").begins_with(_PREFIX)
        found = [Return.model_validate(item) for item in self._table.query_all(condition)]
        return sorted(found, key=lambda each: (each.at, each.event_id))


def _key(mail: Mail, event_id: str) -> ItemKey:
    return ItemKey(mail.partition, f"{_PREFIX}{event_id}")


def _to_item(mail: Mail, returned: Return, now: Millis) -> Item:
    expires = mail.expires_at if mail.expires_at is not None else now + _KEPT
    fields: Item = returned.model_dump(mode="json", exclude_none=True)
    return _key(mail, returned.event_id).item | {"ttl": ttl_seconds(expires)} | fields
