"""Notes when an account's line begins and ends to wait for its relay, so that the tenant hears of it once."""

from shared.accounts.health import Fault, HealthTable
from shared.accounts.model import Account
from shared.clock import Clock
from shared.delivery.replies import Scope
from shared.delivery.transmission import LineFault
from shared.lines.attendance import Visit
from shared.lines.line import reports_line
from shared.lines.lines import Lines

# A relay that fails once or twice in a row is a blip; refused credentials will not come right by themselves.
RELAY_WAITS = 3


class HealthWatch:
    """Costs nothing while all is well."""

    def __init__(self, health: HealthTable, lines: Lines, clock: Clock) -> None:
        self._health = health
        self._lines = lines
        self._clock = clock

    def line_must_wait(self, visit: Visit, fault: LineFault, *, progressed: bool) -> None:
        """After a failure that concerns the whole line."""
        waits = 1 if progressed else visit.head.waits + 1
        if fault.scope is Scope.RELAY and waits != RELAY_WAITS:
            return
        line, report_line = visit.line, reports_line(visit.line.tenant_id)
        self._lines.announce(report_line, self._clock())
        noted = Fault(
            scope=fault.scope, stage=fault.stage, code=fault.code, reason=fault.reason[:500], since=self._clock()
        )
        if self._health.record_fault(line.tenant_id, line.account_id, noted):
            self._lines.wake(report_line)

    def mail_got_through(self, visit: Visit) -> None:
        """After mail was taken by the relay; `visit.head` tells whether the line had waited before."""
        if visit.head.waits > 0:
            self._recovered(visit.line.tenant_id, visit.line.account_id)

    def was_verified(self, account: Account) -> None:
        """After a session was opened by itself: what waits is tried at once. A fault that only shows when mail is sent,
        such as a spent quota, is noted anew then."""
        if self._health.fault(account.tenant_id, account.id) is not None:
            self._recovered(account.tenant_id, account.id)
        self._lines.unblock(account.lines)

    def _recovered(self, tenant_id: str, account_id: str) -> None:
        report_line = reports_line(tenant_id)
        self._lines.announce(report_line, self._clock())
        if self._health.record_recovery(tenant_id, account_id, self._clock()):
            self._lines.wake(report_line)
