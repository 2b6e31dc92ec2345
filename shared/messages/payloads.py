"""The contents of mails: compressed in DynamoDB, in S3 when too large for an item.

With a content goes the item that finds its mail by a Message-ID that the client chose, and is kept as long.

A payload's key names its content, so that a call which loses a race can never change what another call's mail says.
"""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from shared.aws.attributes import Item
from shared.aws.dynamodb import ItemKey, Table
from shared.aws.s3 import Bucket
from shared.clock import DAY, Millis, ttl_seconds
from shared.errors import NotFound
from shared.messages.model import Content, Mail

MAX_ITEM_BYTES = 300_000  # DynamoDB takes 400 KB an item, names and keys included
KEPT: Millis = 35 * DAY  # after the mail is due; the bucket's lifecycle says the same
_COMPRESSION = 1  # the fastest: the gain of higher levels on a mail is a few percent


@dataclass(frozen=True, slots=True)
class Payload:
    """A content on its way to the store. `named_key` is its mail's (shared/messages/message_ids.py)."""

    key: ItemKey
    content: bytes  # the JSON of a `Content`
    due_at: Millis
    named_key: ItemKey | None = None

    @classmethod
    def of(cls, mail: Mail, content: bytes) -> Self:
        return cls(mail.payload_item_key, content, mail.due_at, mail.named_key)


def payload_sort_key(generation: int, content_digest: str) -> str:
    """The sort key of a content, by its generation and digest."""
    return f"PAYLOAD#{generation}#{content_digest[:16]}"


class PayloadStore:
    """Raises StorageUnavailable when DynamoDB or S3 cannot be reached."""

    def __init__(self, messages: Table, bucket: Bucket) -> None:
        self._table = messages
        self._bucket = bucket

    def put_all(self, payloads: Iterable[Payload]) -> None:
        payloads = list(payloads)
        names = [
            each.named_key.item | {"ttl": ttl_seconds(each.due_at + KEPT)}
            for each in payloads
            if each.named_key is not None
        ]
        self._table.batch_write(puts=[*(self._to_item(each) for each in payloads), *names])

    def load(self, mails: Iterable[Mail]) -> dict[str, Content]:
        """The contents by mail id; mails whose content is gone are left out."""
        mails = list(mails)
        items = self._table.batch_get(mail.payload_item_key for mail in mails)
        return {
            mail.id: self._from_item(items[mail.payload_item_key]) for mail in mails if mail.payload_item_key in items
        }

    def get(self, mail: Mail) -> Content:
        """Raises NotFound when the content has expired."""
        loaded = self.load([mail])
        if mail.id not in loaded:
            raise NotFound(f"the content of message {mail.id} is no longer kept")
        return loaded[mail.id]

    def _to_item(self, payload: Payload) -> Item:
        body = zlib.compress(payload.content, _COMPRESSION)
        item: Item = {"pk": payload.key.pk, "sk": payload.key.sk, "ttl": ttl_seconds(payload.due_at + KEPT)}
        if len(body) <= MAX_ITEM_BYTES:
            return item | {"body": body}
        s3_key = f"{payload.key.pk}/{payload.key.sk}"
        self._bucket.put(s3_key, body)
        return item | {"s3_key": s3_key}

    def _from_item(self, item: Item) -> Content:
        body = item.get("body")
        if not isinstance(body, bytes):
            body = self._bucket.get(str(item["s3_key"]))
        return Content.model_validate_json(zlib.decompress(body))
