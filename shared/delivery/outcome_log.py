"""What became of the mails of a slice, for the log and the metrics.

Mails that were sent share a line and a metric for each slice: one for each mail would be a sixth of the CPU that it
costs. Every other outcome has a line of its own, with the relay's codes.
"""

from shared.clock import Clock, Millis
from shared.delivery.decisions import Decision
from shared.lines.line import Line
from shared.messages.model import Status
from shared.observability import MetricUnit, logger, metrics

_METRICS = {Status.DEFERRED: "Deferred", Status.ERROR: "Errors"}


class OutcomeLog:
    """Of one run of a slice, until `close`."""

    def __init__(self, line: Line, clock: Clock) -> None:
        self._line = line
        self._clock = clock
        self._sent: list[str] = []
        self._longest: Millis = 0

    def note(self, decision: Decision) -> None:
        """A mail was tried."""
        mail = decision.mail
        if mail.status is Status.SENT:
            self._sent.append(mail.id)
            self._longest = max(self._longest, self._clock() - mail.due_at)
        else:
            metrics.add_metric(name=_METRICS[mail.status], unit=MetricUnit.Count, value=1)
        if mail.status is not Status.SENT or decision.refused:
            logger.info(
                "mail tried",
                tenant_id=mail.tenant_id,
                message_id=mail.id,
                account_id=mail.account_id,
                status=mail.status.value,
                attempts=mail.attempts,
                codes=sorted({each.code for each in decision.recipients if each.code is not None}),
            )

    def close(self) -> None:
        """Tells what was sent. `DueToSent` is the longest time of the slice from due to sent."""
        if not self._sent:
            return
        metrics.add_metric(name="Sent", unit=MetricUnit.Count, value=len(self._sent))
        metrics.add_metric(name="DueToSent", unit=MetricUnit.Milliseconds, value=self._longest)
        logger.info(
            "mails sent",
            tenant_id=self._line.tenant_id,
            account_id=self._line.account_id,
            lane=self._line.kind.value,
            message_ids=self._sent,
            longest_ms=self._longest,
        )
