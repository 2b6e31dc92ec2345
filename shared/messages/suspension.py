"""Holding mail back: a batch, a tenant, the whole instance; and letting it go again.

Each is a flag, which senders read. A suspended tenant and a paused instance block their lines and move nothing. The
slices of a suspended batch move out of their lines when a sender comes to them, so that they hold up no others, and
back when the batch is activated; each move is one transaction with a check of the flag. States stay as they are: what
is suspended is told when a mail is read.
"""

from dataclasses import dataclass

from shared.accounts.table import AccountTable
from shared.clock import Clock, Millis
from shared.errors import Conflict
from shared.instance.table import InstanceTable, StoredInstance
from shared.lines.line import activation_line, resumption_line
from shared.lines.lines import Lines
from shared.messages.model import Mail, Status
from shared.messages.set_aside import SuspendedSlices
from shared.tenants.model import Tenant
from shared.tenants.table import TenantTable

MAX_BATCHES = 200  # suspended at a time: the list lies in the tenant's item, which every visit reads
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Activated:
    """`complete`: everything is back in its line. Else the scheduler goes on with it."""

    tenant: Tenant
    complete: bool


def as_shown(mail: Mail, tenant: Tenant) -> Mail:
    """The mail with the status that it has for those who read it."""
    if mail.status.is_unsent and tenant.holds_back(mail.batch_code):
        return mail.model_copy(update={"status": Status.SUSPENDED})
    return mail


class Suspensions:
    """Raises StorageUnavailable when DynamoDB cannot be reached: the same call again then completes it."""

    def __init__(
        self, *, tenants: TenantTable, accounts: AccountTable, aside: SuspendedSlices, lines: Lines, clock: Clock
    ) -> None:
        self._tenants = tenants
        self._accounts = accounts
        self._aside = aside
        self._lines = lines
        self._clock = clock

    def suspend(self, tenant_id: str, batch_code: str | None) -> Tenant:
        """One batch, or everything. Raises NotFound; Conflict (`too_many_suspended`)."""
        for _ in range(_TRIES):
            tenant = self._tenants.get(tenant_id)
            batches = tenant.suspended_batches
            if batch_code is not None and batch_code not in batches:
                batches = [*batches, batch_code]
            if len(batches) > MAX_BATCHES:
                raise Conflict(
                    f"{MAX_BATCHES} batches are suspended: activate some, or suspend the tenant",
                    code="too_many_suspended",
                )
            changed = self._changed(tenant, suspended=tenant.suspended or batch_code is None, batches=batches)
            if changed is not None:
                return changed
        raise Conflict(f"tenant {tenant_id} is being changed by other calls: try again")

    def activate(self, tenant_id: str, batch_code: str | None, *, within: Millis) -> Activated:
        """One batch, or everything; slices are brought back for so long. Raises NotFound; Conflict
        (`tenant_suspended`) for one batch of a tenant that is suspended as a whole."""
        deadline = self._clock() + within
        for _ in range(_TRIES):
            tenant = self._tenants.get(tenant_id)
            if batch_code is not None and tenant.suspended:
                raise Conflict(
                    f"tenant {tenant_id} is suspended as a whole: activate it without a batch_code",
                    code="tenant_suspended",
                )
            # One that is not suspended as well: the call may repeat one that was cut off.
            batches = tenant.suspended_batches if batch_code is None else [batch_code]
            for each in batches:  # first, so that the scheduler finishes what this call does not
                self._lines.announce(activation_line(tenant_id, each), self._clock())
            left = [each for each in tenant.suspended_batches if each not in batches]
            changed = self._changed(tenant, suspended=False, batches=left)
            if changed is not None:
                complete = self._let_go(tenant, batches, deadline, opens_lines=batch_code is None)
                return Activated(changed, complete=complete)
        raise Conflict(f"tenant {tenant_id} is being changed by other calls: try again")

    def _changed(self, tenant: Tenant, *, suspended: bool, batches: list[str]) -> Tenant | None:
        """None when another call changed the tenant meanwhile."""
        if (tenant.suspended, tenant.suspended_batches) == (suspended, batches):
            return tenant
        try:
            return self._tenants.suspend(tenant, suspended=suspended, batches=batches)
        except Conflict:
            return None

    def _let_go(self, tenant: Tenant, batches: list[str], deadline: Millis, *, opens_lines: bool) -> bool:
        """Opens lines whatever the tenant was: a call that was cut off before it did so may have activated it."""
        complete = True
        for each in batches:
            complete = self._aside.bring_back(tenant.id, each, deadline=deadline) and complete
        if opens_lines:
            for account in self._accounts.all(tenant.id):
                self._lines.unblock(account.lines)
        return complete


class Pause:
    """Stops all sending of the instance, and starts it again."""

    def __init__(self, *, instance: InstanceTable, lines: Lines, clock: Clock) -> None:
        self._instance = instance
        self._lines = lines
        self._clock = clock

    def pause(self) -> StoredInstance:
        return self._instance.pause(paused=True)

    def resume(self) -> StoredInstance:
        """The lines that wait are opened by the scheduler, from its next round on, however many they are."""
        self._lines.announce(resumption_line(), self._clock())
        return self._instance.pause(paused=False)
