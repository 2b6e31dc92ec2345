"""The slices of suspended batches, out of their lines and back, in their own order."""

from collections.abc import Sequence
from dataclasses import replace

from shared.aws.attributes import Item
from shared.aws.dynamodb import Attr, Check, Condition, Delete, Key, Put, Table, Write
from shared.clock import Clock, Millis
from shared.errors import TransactionRefused
from shared.lines.line import Line, LineKind
from shared.lines.lines import Lines
from shared.messages.slices import UNCLAIMED, Slice, put_new, suspended_partition
from shared.tenants.model import Tenant
from shared.tenants.table import tenant_key

_BACK_AT_ONCE = 20  # slices of one transaction, which takes 100 actions and 4 MB; a slice may have 25 KB


class SuspendedSlices:
    """Raises StorageUnavailable when DynamoDB cannot be reached; each slice is then in one place or the other."""

    def __init__(self, *, registry: Table, messages: Table, lines: Lines, clock: Clock) -> None:
        self._registry = registry
        self._messages = messages
        self._lines = lines
        self._clock = clock

    def set_aside(self, found: Slice) -> bool:
        """Moves an unclaimed slice out of its line. False when it, or what is suspended, was changed meanwhile."""
        if found.batch_code is None:
            raise ValueError("only slices of a batch can be set aside")
        aside = replace(found, suspended=True)
        line: Item = {"line_kind": found.line.kind.value, "line_owner": found.line.owner}
        return not self._refused(
            [
                self._flag(found.line.tenant_id, _lists(found.batch_code)),
                Delete(found.key, condition=_unchanged(found)),
                Put(aside.to_item() | line),
            ]
        )

    def bring_back(self, tenant_id: str, batch_code: str, *, deadline: Millis) -> bool:
        """Puts slices back under their own keys, and wakes their lines, until none is left (True) or time is up.

        Also True when the batch is suspended again: its slices stay where they are.
        """
        resting = ~_lists(batch_code)
        while self._clock() < deadline:
            slices = self._first(tenant_id, batch_code)
            if not slices:
                return True
            lines = {each.line: min(other.due_at for other in slices if other.line == each.line) for each in slices}
            for line, due_at in lines.items():
                self._lines.announce(line, due_at)
            check = self._flag(tenant_id, resting)
            refused = self._refused([check, *(action for each in slices for action in _back(each))])
            if 0 in refused:
                return True
            if refused:  # one of them was changed by the API meanwhile
                for each in slices:
                    self._refused([check, *_back(each)])
            for line in lines:
                self._lines.wake(line)
        return not self._first(tenant_id, batch_code)

    def holds(self, tenant: Tenant, account_id: str) -> bool:
        """Whether a slice of the account is set aside. Reads every slice of the tenant's suspended batches."""
        for batch_code in tenant.suspended_batches:
            for item in self._messages.query_all(Key("pk").eq(suspended_partition(tenant.id, batch_code))):
                if suspended_from_item(item).line.account_id == account_id:
                    return True
        return False

    def finish_activation(self, chore: Line, deadline: Millis) -> bool:
        """What an API call that activated a batch left to the scheduler."""
        return self.bring_back(chore.tenant_id, chore.batch_code, deadline=deadline)

    def _first(self, tenant_id: str, batch_code: str) -> list[Slice]:
        condition = Key("pk").eq(suspended_partition(tenant_id, batch_code))
        return [suspended_from_item(item) for item in self._messages.query(condition, limit=_BACK_AT_ONCE).items]

    def _flag(self, tenant_id: str, condition: Condition) -> Check:
        return self._registry.check(tenant_key(tenant_id), condition)

    def _refused(self, writes: Sequence[Write]) -> tuple[int, ...]:
        """The positions of those that met another state; none when all were made."""
        try:
            self._messages.transact(writes)
        except TransactionRefused as refused:
            return refused.failed
        return ()


def suspended_from_item(item: Item) -> Slice:
    """A slice that is set aside; it names the line it belongs to."""
    line = Line(LineKind(str(item["line_kind"])), str(item["line_owner"]))
    return replace(Slice.from_item(line, item), suspended=True)


def _back(aside: Slice) -> tuple[Write, Write]:
    return Delete(aside.key, condition=_unchanged(aside)), put_new(replace(aside, suspended=False))


def _unchanged(found: Slice) -> Condition:
    return UNCLAIMED & Attr("entries").eq([each.encode() for each in found.entries])


def _lists(batch_code: str) -> Condition:
    return Attr("suspended_batches").contains(batch_code)
