"""Calls under an idempotency key in the table `registry`: running, or answered.

One item a key, in a partition for each tenant, so that it goes with the tenant. Only answers of calls that succeeded
are kept: one that failed has changed nothing that the same call made again would not complete.
"""

import uuid
import zlib
from contextlib import suppress
from dataclasses import dataclass

from shared.aws.attributes import Item
from shared.aws.dynamodb import Attr, ItemKey, Table
from shared.clock import DAY, SECOND, Clock, Millis, ttl_seconds
from shared.errors import ConditionFailed, Conflict, InvalidInput

KEPT: Millis = DAY
RUNNING: Millis = 35 * SECOND  # longer than an API call can take: one that is still marked then has crashed
MAX_ANSWER_BYTES = 300_000  # compressed; an item takes 400 KB


@dataclass(frozen=True, slots=True)
class Answer:
    """What the caller was told."""

    status: int
    media_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Running:
    """The right to make the call, and to keep its answer."""

    key: ItemKey
    digest: str
    call: str


def idempotency_partition(tenant_id: str) -> str:
    """Where the keys of a tenant lie."""
    return f"IDEM#{tenant_id}"


class IdempotencyTable:
    """Raises StorageUnavailable from every method when DynamoDB cannot be reached."""

    def __init__(self, registry: Table, clock: Clock) -> None:
        self._table = registry
        self._clock = clock

    def begin(self, tenant_id: str, key: str, digest: str) -> Running | Answer:
        """`digest` is that of the whole call. The answer, if it was made before; else it is to be made now.

        Raises InvalidInput (`idempotency_key_reused`) when another call had the key, Conflict
        (`idempotency_in_progress`) while the first is running.
        """
        now = self._clock()
        running = Running(ItemKey(idempotency_partition(tenant_id), key), digest, uuid.uuid4().hex)
        free = Attr("pk").not_exists() | Attr("kept_until").lte(now)
        crashed = Attr("status").not_exists() & Attr("running_until").lte(now) & Attr("digest").eq(digest)
        try:
            self._table.put(self._item(running, now) | {"running_until": now + RUNNING}, condition=free | crashed)
        except ConditionFailed as failed:
            return _answer_of(dict(failed.item or {}), running)
        return running

    def finish(self, running: Running, answer: Answer) -> None:
        """Keeps the answer for `KEPT`. One that is too large is not kept: the call is then made again."""
        body = zlib.compress(answer.body)
        if len(body) > MAX_ANSWER_BYTES:
            self.give_up(running)
            return
        told: Item = {"status": answer.status, "media_type": answer.media_type, "body": body}
        with suppress(ConditionFailed):  # it took longer than a call may: somebody else makes it now
            self._table.put(self._item(running, self._clock()) | told, condition=Attr("call").eq(running.call))

    def give_up(self, running: Running) -> None:
        """Frees the key: the call may be made again."""
        with suppress(ConditionFailed):
            self._table.delete(running.key, condition=Attr("call").eq(running.call))

    def _item(self, running: Running, now: Millis) -> Item:
        item: Item = {"digest": running.digest, "call": running.call, "kept_until": now + KEPT}
        return running.key.item | item | {"ttl": ttl_seconds(now + KEPT)}


def _answer_of(item: dict[str, object], running: Running) -> Running | Answer:
    if item.get("call") == running.call:  # our own write, repeated since its answer got lost
        return running
    if item.get("digest") != running.digest:
        raise InvalidInput(
            "Idempotency-Key: another call was made under this key within 24 hours: use a new one",
            code="idempotency_key_reused",
        )
    status, body = item.get("status"), item.get("body")
    if not isinstance(status, int) or not isinstance(body, bytes):
        raise Conflict(
            "the same call under this Idempotency-Key is still running: ask again in a few seconds",
            code="idempotency_in_progress",
        )
    return Answer(status, str(item["media_type"]), zlib.decompress(body))
