"""Lambda's entry to the scheduler, called by EventBridge Scheduler each minute, and by itself with what is left."""

import uuid
from collections.abc import Callable
from functools import cache

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.scheduler import continuation
from shared.aws import clients
from shared.aws.dynamodb import Table
from shared.aws.functions import Function
from shared.aws.s3 import Bucket
from shared.aws.sqs import FifoQueue
from shared.clock import SECOND, Clock, Millis, system_clock
from shared.lines.chores import Chores
from shared.lines.head import Heads
from shared.lines.line import LineKind
from shared.lines.lines import Lines
from shared.lines.resumption import Resumption
from shared.lines.rounds import Rounds
from shared.lines.run import Lease, Run
from shared.lines.scheduler import Scheduler
from shared.lines.wakeups import WakeUps
from shared.messages.set_aside import SuspendedSlices
from shared.observability import MetricUnit, logger, metrics
from shared.reports.replay import Replays
from shared.settings import SchedulerSettings
from shared.tenants.deletion import Purge

_RESERVE: Millis = 5 * SECOND


def scheduler_of(
    registry: Table,
    messages: Table,
    bucket: Bucket,
    wake_ups: WakeUps,
    clock: Clock,
    *,
    worker_timeout: Millis,
    go_on: Callable[[Run], None],
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
    return Scheduler(
        rounds=Rounds(heads, wake_ups, clock),
        chores=Chores(heads, chores, clock),
        lease=Lease(messages),
        go_on=go_on,
        clock=clock,
        new_id=lambda: uuid.uuid4().hex,
    )


def build(settings: SchedulerSettings, function_name: str) -> Scheduler:
    """The scheduler, from its settings; `function_name` is the function that it goes on in."""
    queues = {kind: FifoQueue(clients.sqs(), url) for kind, url in settings.queue_urls.items()}
    registry, messages = (
        Table(clients.dynamodb(), name) for name in (settings.registry_table, settings.messages_table)
    )
    bucket = Bucket(clients.s3, settings.payloads_bucket)
    itself = Function(clients.functions(), function_name)
    return scheduler_of(
        registry,
        messages,
        bucket,
        WakeUps(queues),
        system_clock,
        worker_timeout=settings.worker_timeout,
        go_on=lambda run: itself.start(continuation.encode(run)),
    )


@cache
def _scheduler(function_name: str) -> Scheduler:
    return build(SchedulerSettings.from_environment(), function_name)


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, object], context: LambdaContext) -> None:
    """One generation: of a new run, or of the one that `event` continues."""
    deadline = system_clock() + context.get_remaining_time_in_millis() - _RESERVE
    result = _scheduler(context.function_name).run(continuation.decode(event), deadline=deadline)
    if result is None:
        logger.info("another run is under way")
        return
    metrics.add_metric(name="LinesWoken", unit=MetricUnit.Count, value=result.woken)
    metrics.add_metric(name="LinesBlocked", unit=MetricUnit.Count, value=result.blocked)
    logger.info(
        "round made" if result.is_over else "round goes on",
        generation=result.generation,
        woken=result.woken,
        blocked=result.blocked,
        failed=result.failed,
        chores_done=result.chores_done,
        chores_left=result.chores_left,
    )
