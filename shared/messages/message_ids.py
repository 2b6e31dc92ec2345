"""Finds mails by the Message-ID that their client chose; those that the proxy makes open by themselves.

Clients may give the same one to several mails, and anybody may have chosen anybody's: each mail has an item of its own.
"""

from dataclasses import dataclass

from shared.aws.dynamodb import Key, Table
from shared.identifiers import digest
from shared.messages.model import message_id_partition, named_sort_key

_LOOKED_AT = 5  # mails with the same Message-ID: two are too many to know which is meant


@dataclass(frozen=True, slots=True)
class MailName:
    """Names a mail."""

    tenant_id: str
    mail_id: str


class MessageIds:
    """Raises StorageUnavailable when DynamoDB cannot be reached."""

    def __init__(self, messages: Table) -> None:
        self._table = messages

    def find(self, message_id: str, *, tenant_id: str | None) -> list[MailName]:
        """Mails that were submitted with it, in angle brackets: a tenant's, or those of all; at most five.

        One of them may be gone, or have another by now: `Mail.message_id_digest` tells.
        """
        condition = Key("pk").eq(message_id_partition(digest(message_id)))
        if tenant_id is not None:
            condition &= Key("sk").begins_with(named_sort_key(tenant_id, ""))
        return [_from_sort_key(str(item["sk"])) for item in self._table.query(condition, limit=_LOOKED_AT).items]


def _from_sort_key(sort_key: str) -> MailName:
    _, tenant_id, mail_id = sort_key.split("#")
    return MailName(tenant_id, mail_id)
