"""Lambda's entry to the scheduler, called by EventBridge Scheduler each minute."""

from functools import cache

from aws_lambda_powertools.utilities.typing import LambdaContext

from shared.aws import clients
from shared.aws.dynamodb import Table
from shared.aws.s3 import Bucket
from shared.aws.sqs import FifoQueue
from shared.clock import SECOND, Clock, Millis, system_clock
from shared.lines.chores import Chores
from shared.lines.head import Heads
from shared.lines.line import LineKind
from shared.lines.lines import Lines
from shared.lines.resumption import Resumption
from shared.lines.rounds import RoundResult, Rounds
from shared.lines.wakeups import WakeUps
from shared.messages.set_aside import SuspendedSlices
from shared.observability import MetricUnit, logger, metrics
from shared.reports.replay import Replays
from shared.settings import SchedulerSettings
from shared.tenants.deletion import Purge

_RESERVE: Millis = 5 * SECOND


class Scheduler:
    """Wakes what is due, then does its own chores in the time that is left."""

    def __init__(self, rounds: Rounds, chores: Chores) -> None:
        self._rounds = rounds
        self._chores = chores

    def run(self, *, deadline: Millis) -> RoundResult:
        """One round. What it does not reach in its time, the next round does."""
        result = self._rounds.make(deadline=deadline)
        done = self._chores.do(result.chores, deadline=deadline)
        if result.chores:
            logger.info("chores", due=len(result.chores), done=done)
        return result


def scheduler_of(
    registry: Table, messages: Table, bucket: Bucket, wake_ups: WakeUps, clock: Clock, *, worker_timeout: Millis
) -> Scheduler:
    """The scheduler over these tables, queues and the bucket of large contents."""
    heads = Heads(messages)
    lines = Lines(heads, wake_ups, clock)
    chores = {
        LineKind.ACTIVATION: SuspendedSlices(
            registry=registry, messages=messages, lines=lines, clock=clock
        ).finish_activation,
        LineKind.RESUMPTION: Resumption(heads, lines, clock).open_lines,
        LineKind.REPLAY: Replays(messages, lines, clock).go_on,
        LineKind.DELETION: Purge(
            registry=registry, messages=messages, bucket=bucket, clock=clock, worker_timeout=worker_timeout
        ).run,
    }
    return Scheduler(Rounds(heads, wake_ups, clock), Chores(heads, chores, clock))


def build(settings: SchedulerSettings) -> Scheduler:
    """The scheduler, from its settings."""
    queues = {kind: FifoQueue(clients.sqs(), url) for kind, url in settings.queue_urls.items()}
    registry, messages = (
        Table(clients.dynamodb(), name) for name in (settings.registry_table, settings.messages_table)
    )
    bucket = Bucket(clients.s3, settings.payloads_bucket)
    return scheduler_of(
        registry, messages, bucket, WakeUps(queues), system_clock, worker_timeout=settings.worker_timeout
    )


@cache
def _scheduler() -> Scheduler:
    return build(SchedulerSettings.from_environment())


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def handler(_event: dict[str, object], context: LambdaContext) -> None:
    """One round."""
    deadline = system_clock() + context.get_remaining_time_in_millis() - _RESERVE
    result = _scheduler().run(deadline=deadline)
    metrics.add_metric(name="LinesWoken", unit=MetricUnit.Count, value=result.woken)
    metrics.add_metric(name="LinesBlocked", unit=MetricUnit.Count, value=result.blocked)
    logger.info(
        "round made",
        woken=result.woken,
        blocked=result.blocked,
        failed=result.failed,
        complete=result.complete,
    )
