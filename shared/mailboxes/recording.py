"""Records what came of a batch of mails, so that a crash anywhere repeats an event rather than loses it, under its id.

The order: report line announced, outbox page, suppressions, the mail's timeline. What stands in the timeline has been
reported, so the same mail read again adds nothing.
"""

from collections.abc import Iterable, Sequence

from shared.clock import Clock, Millis
from shared.errors import StorageError
from shared.lines.line import reports_line
from shared.lines.lines import Lines
from shared.mailboxes.model import Mailbox
from shared.mailboxes.understanding import Finding, Understood
from shared.mailboxes.unmatched import UnmatchedTable
from shared.messages.returns import Returns
from shared.observability import logger
from shared.reports.outbox import Outbox
from shared.suppression.table import SuppressionTable


class Recording:
    """Raises StorageUnavailable when DynamoDB cannot be reached."""

    def __init__(
        self,
        *,
        returns: Returns,
        unmatched: UnmatchedTable,
        outbox: Outbox,
        suppressions: SuppressionTable,
        lines: Lines,
        clock: Clock,
    ) -> None:
        self._returns = returns
        self._unmatched = unmatched
        self._outbox = outbox
        self._suppressions = suppressions
        self._lines = lines
        self._clock = clock

    def record(self, mailbox: Mailbox, understood: Sequence[Understood]) -> None:
        now = self._clock()
        fresh = self._fresh(finding for each in understood for finding in each.findings)
        for tenant_id in dict.fromkeys(finding.mail.tenant_id for finding in fresh):
            self._record(tenant_id, [each for each in fresh if each.mail.tenant_id == tenant_id], now)
        self._unmatched.add(mailbox, (each.unmatched for each in understood if each.unmatched is not None))

    def _fresh(self, findings: Iterable[Finding]) -> list[Finding]:
        """Those not recorded yet, each once: a report may be in the mailbox twice."""
        found = {(each.mail.partition, each.returned.event_id): each for each in findings}
        known = self._returns.known((each.mail, each.returned.event_id) for each in found.values())
        return [each for key, each in found.items() if key not in known]

    def _record(self, tenant_id: str, findings: Sequence[Finding], now: Millis) -> None:
        line = reports_line(tenant_id)
        events = [each.event for each in findings if each.event is not None]
        if events:
            self._lines.announce(line, now)
            self._outbox.write(tenant_id, events, now)
        self._suppress(tenant_id, findings)
        self._returns.add(((each.mail, each.returned) for each in findings), now)
        if events:
            self._lines.wake(line)

    def _suppress(self, tenant_id: str, findings: Sequence[Finding]) -> None:
        """Its failure fails nothing else: the next mail to such an address bounces again."""
        try:
            self._suppressions.add(each.suppression for each in findings if each.suppression is not None)
        except StorageError as error:
            logger.warning("addresses not suppressed", tenant_id=tenant_id, reason=error.detail)
