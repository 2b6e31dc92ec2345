"""Mails in the table `messages`: reading states, listing a tenant's mails in order of submission."""

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from shared.aws.attributes import Item, Value
from shared.aws.dynamodb import ItemKey, Key, Table
from shared.clock import DAY, LAST_INSTANT, Millis, ttl_seconds
from shared.errors import NotFound
from shared.messages.model import RECIPIENTS_SORT_KEY, Mail, batch_partition, created_key, mail_key, mail_partition

BY_TENANT_INDEX = "by_tenant"
BY_BATCH_INDEX = "by_batch"


class RecipientResult(BaseModel):
    """What became of one recipient: `sent`, `deferred` or `error`, with the relay's last reply about it."""

    model_config = ConfigDict(frozen=True)

    address: str
    status: str
    code: int | None = None
    enhanced: str | None = None
    reply: str | None = None


@dataclass(frozen=True, slots=True)
class MailPosition:
    """A place in a tenant's list: after the mail `id` submitted at `created_at`, whether or not it still exists."""

    created_at: Millis
    id: str


@dataclass(frozen=True, slots=True)
class MailPage:
    """`next` is the place to go on after, None on the last page."""

    mails: list[Mail]
    next: MailPosition | None


class MailTable:
    """Raises StorageUnavailable from every method when DynamoDB cannot be reached."""

    def __init__(self, messages: Table) -> None:
        self._table = messages

    def get(self, tenant_id: str, mail_id: str) -> Mail:
        """Raises NotFound."""
        item = self._table.get(mail_key(tenant_id, mail_id))
        if item is None:
            raise NotFound(f"tenant {tenant_id} has no message {mail_id}")
        return Mail.from_item(item)

    def get_many(self, tenant_id: str, mail_ids: Iterable[str]) -> dict[str, Mail]:
        found = self._table.batch_get(mail_key(tenant_id, each) for each in mail_ids)
        mails = (Mail.from_item(item) for item in found.values())
        return {mail.id: mail for mail in mails}

    def page(
        self,
        tenant_id: str,
        *,
        limit: int,
        after: MailPosition | None = None,
        batch_code: str | None = None,
        since: Millis | None = None,
        until: Millis | None = None,
    ) -> MailPage:
        """The tenant's mails, or those of one batch, latest first. Reads `limit` places of the list.

        Only those submitted from `since` on, and before `until`; `after` must lie within.
        """
        if batch_code is None:
            index, partition = BY_TENANT_INDEX, tenant_id
        else:
            index, partition = BY_BATCH_INDEX, batch_partition(tenant_id, batch_code)
        resume: Item | None = None
        if after is not None:  # its keys are composed here, from the tenant asked for: none of another's can be named
            place: Item = {f"{index}_pk": partition, f"{index}_sk": created_key(after.created_at, after.id)}
            resume = place | mail_key(tenant_id, after.id).item
        first = created_key(since or 0, "")
        last = created_key(until if until is not None else LAST_INSTANT, "")  # an id has a character at least
        condition = Key(f"{index}_pk").eq(partition) & Key(f"{index}_sk").between(first, last)
        page = self._table.query(condition, index=index, limit=limit, forward=False, resume=resume)
        keys = [ItemKey.of(item) for item in page.items]
        states = self._table.batch_get(keys)
        mails = [Mail.from_item(states[key]) for key in keys if key in states]
        return MailPage(mails, _position(page.resume[f"{index}_sk"]) if page.resume else None)

    def recipients(self, mail: Mail) -> list[RecipientResult]:
        """The recipients decided so far; empty while none is, and for a single recipient who took the mail."""
        return self.recipients_of([mail]).get(mail.id, [])

    def recipients_of(self, mails: Iterable[Mail]) -> dict[str, list[RecipientResult]]:
        """The same of many, by mail id; those without any are left out."""
        keys = {mail.id: recipients_key(mail) for mail in mails}
        found = self._table.batch_get(keys.values())
        return {mail_id: recipients_from_item(found[key]) for mail_id, key in keys.items() if key in found}


def _position(sort_key: Value) -> MailPosition:
    created_at, _, mail_id = str(sort_key).partition("#")
    return MailPosition(int(created_at), mail_id)


def recipients_key(mail: Mail) -> ItemKey:
    """The key of the item that holds what became of each recipient."""
    return recipients_key_of(mail.tenant_id, mail.id)


def recipients_key_of(tenant_id: str, mail_id: str) -> ItemKey:
    """The same, of a mail by its id."""
    return ItemKey(mail_partition(tenant_id, mail_id), RECIPIENTS_SORT_KEY)


UNFINISHED_KEPT: Millis = 40 * DAY  # after it was due: longer than a mail may be tried


def recipients_to_item(mail: Mail, results: Iterable[RecipientResult]) -> Item:
    """The item that holds what became of each recipient. It leaves with the mail, which rewrites it when it ends."""
    item: Item = {
        "pk": mail.partition,
        "sk": RECIPIENTS_SORT_KEY,
        "ttl": ttl_seconds(mail.expires_at or mail.due_at + UNFINISHED_KEPT),
        "results": [result.model_dump(mode="json", exclude_none=True) for result in results],
    }
    return item


def recipients_from_item(item: Item) -> list[RecipientResult]:
    """What became of each recipient."""
    results = item["results"]
    if not isinstance(results, list):
        raise TypeError("RECIPIENTS.results is no list")
    return [RecipientResult.model_validate(each) for each in results]
