"""Lambda's entry to the scheduler, called by EventBridge Scheduler each minute."""

from functools import cache

from aws_lambda_powertools.utilities.typing import LambdaContext

from shared.aws import clients
from shared.aws.dynamodb import Table
from shared.aws.sqs import FifoQueue
from shared.clock import SECOND, Millis, system_clock
from shared.lines.head import Heads
from shared.lines.rounds import Rounds
from shared.lines.wakeups import WakeUps
from shared.observability import MetricUnit, logger, metrics
from shared.settings import SchedulerSettings

_RESERVE: Millis = 5 * SECOND


def build(settings: SchedulerSettings) -> Rounds:
    """The rounds, from their settings."""
    heads = Heads(Table(clients.dynamodb(), settings.messages_table))
    queues = {kind: FifoQueue(clients.sqs(), url) for kind, url in settings.queue_urls.items()}
    return Rounds(heads, WakeUps(queues), system_clock)


@cache
def _rounds() -> Rounds:
    return build(SchedulerSettings.from_environment())


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def handler(_event: dict[str, object], context: LambdaContext) -> None:
    """One round. What it does not reach in its time, the next round does."""
    deadline = system_clock() + context.get_remaining_time_in_millis() - _RESERVE
    result = _rounds().make(deadline=deadline)
    metrics.add_metric(name="LinesWoken", unit=MetricUnit.Count, value=result.woken)
    metrics.add_metric(name="LinesBlocked", unit=MetricUnit.Count, value=result.blocked)
    logger.info(
        "round made",
        woken=result.woken,
        blocked=result.blocked,
        failed=result.failed,
        complete=result.complete,
    )
