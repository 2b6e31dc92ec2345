"""The sync state of each tenant in the table `messages`, and the wish for a call."""

from collections.abc import Iterable

from shared.aws.attributes import Item
from shared.aws.dynamodb import ItemKey, Table, Update
from shared.clock import Clock
from shared.lines.line import reports_line
from shared.lines.lines import Lines
from shared.reports.sync_state import HEARTBEAT, SyncState

# The only fields that the API writes.
_COUNTERS = frozenset({"requests", "own_requests"})


def sync_key(tenant_id: str) -> ItemKey:
    """The key of the tenant's sync state."""
    return ItemKey(f"SYNC#{tenant_id}", "SYNC")


class SyncTable:
    """Raises StorageUnavailable from every method when DynamoDB cannot be reached."""

    def __init__(self, messages: Table) -> None:
        self._table = messages

    def get(self, tenant_id: str) -> SyncState:
        """That of a tenant that was never called has nothing in it."""
        return SyncState.model_validate(self._table.get(sync_key(tenant_id)) or {})

    def get_many(self, tenant_ids: Iterable[str]) -> dict[str, SyncState]:
        """Of every tenant named."""
        keys = {tenant_id: sync_key(tenant_id) for tenant_id in tenant_ids}
        found = self._table.batch_get(keys.values())
        return {tenant_id: SyncState.model_validate(found.get(key) or {}) for tenant_id, key in keys.items()}

    def save(self, tenant_id: str, state: SyncState) -> None:
        """What the reporter knows; the counters of the API stay as they are."""
        fields: Item = state.model_dump(mode="json", exclude=set(_COUNTERS), exclude_defaults=True)
        gone = SyncState.model_fields.keys() - fields.keys() - _COUNTERS
        self._table.update(Update(sync_key(tenant_id), set=fields, remove=tuple(sorted(gone))))

    def count_request(self, tenant_id: str, *, own: bool) -> SyncState:
        """The state with the request in it."""
        counted = {"requests": 1, "own_requests": 1} if own else {"requests": 1}
        return SyncState.model_validate(self._table.update(Update(sync_key(tenant_id), add=counted)))


class SyncRequests:
    """Makes the reporter call a tenant's endpoint."""

    def __init__(self, syncs: SyncTable, lines: Lines, clock: Clock) -> None:
        self._syncs = syncs
        self._lines = lines
        self._clock = clock

    def begin(self, tenant_id: str) -> None:
        """A tenant that is about to be made gets its first call in `HEARTBEAT`, and then has its line."""
        self._lines.announce(reports_line(tenant_id), self._clock() + HEARTBEAT)

    def request(self, tenant_id: str, *, own: bool) -> SyncState:
        """A call now, although calls failed, or were given up. `own`: the tenant asks itself, which ends the quiet that
        it asked for.
        """
        line = reports_line(tenant_id)
        self._lines.announce(line, self._clock())
        state = self._syncs.count_request(tenant_id, own=own)
        self._lines.unblock([line])
        return state
