"""How far a mailbox is read, and what came of it: an item in the partition of its line."""

from typing import Self

from pydantic import BaseModel, ConfigDict

from shared.aws.attributes import Item
from shared.aws.dynamodb import ItemKey, Table
from shared.clock import Millis
from shared.identifiers import digest
from shared.lines.line import Line
from shared.mailboxes.model import Mailbox

_SORT_KEY = "CURSOR"
_MOST_PATIENCE = 4  # times the interval, between two looks at a mailbox where nothing comes


class MailboxState(BaseModel):
    """Read is all up to `uid` of the folder that `place` and `uid_validity` name. Counts are since the mailbox exists;
    `idle` is how many looks in a row found nothing; `failure` what stopped the last one."""

    model_config = ConfigDict(frozen=True)

    place: str = ""
    uid_validity: int = 0
    uid: int = 0
    polled_at: Millis | None = None
    failure: str | None = None
    idle: int = 0
    read: int = 0
    matched: int = 0
    unmatched: int = 0

    def at(self, mailbox: Mailbox, uid_validity: int) -> Self:
        """For this folder: from its beginning, if it is another one, or its UIDs are."""
        place = digest(mailbox.place)
        if (self.place, self.uid_validity) == (place, uid_validity):
            return self
        return self.model_copy(update={"place": place, "uid_validity": uid_validity, "uid": 0})

    def after(self, uid: int, *, read: int, matched: int, unmatched: int) -> Self:
        """A batch up to `uid` was read and recorded."""
        return self.model_copy(
            update={
                "uid": uid,
                "read": self.read + read,
                "matched": self.matched + matched,
                "unmatched": self.unmatched + unmatched,
            }
        )

    def looked(self, now: Millis, *, found: bool) -> Self:
        """A look came to its end."""
        return self.model_copy(
            update={"polled_at": now, "failure": None, "idle": 0 if found else min(self.idle + 1, _MOST_PATIENCE)}
        )

    def failed(self, now: Millis, reason: str) -> Self:
        return self.model_copy(update={"polled_at": now, "failure": reason})

    def next_look(self, mailbox: Mailbox, now: Millis) -> Millis:
        """Later, while nothing comes."""
        return now + mailbox.poll_interval * max(1, self.idle)


class MailboxStates:
    """Raises StorageUnavailable when DynamoDB cannot be reached. Only the line's worker writes."""

    def __init__(self, messages: Table) -> None:
        self._table = messages

    def get(self, line: Line) -> MailboxState:
        item = self._table.get(_key(line))
        return MailboxState.model_validate(item) if item else MailboxState()

    def save(self, line: Line, state: MailboxState) -> None:
        fields: Item = state.model_dump(exclude_none=True)
        self._table.put(_key(line).item | fields)


def _key(line: Line) -> ItemKey:
    return ItemKey(line.partition, _SORT_KEY)
