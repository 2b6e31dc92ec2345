"""Lambda's entry to the reporter."""

import asyncio
import random
from collections.abc import Callable
from functools import cache

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.mapping import BatchResponse, Invocation, SqsEvent, attend_all
from shared.audit.log import AuditLog
from shared.aws import clients
from shared.aws.dynamodb import Table
from shared.aws.kms import SecretSealer
from shared.aws.sqs import FifoQueue
from shared.clock import Clock, system_clock
from shared.instance.table import InstanceTable
from shared.lines.attendance import Attendant, Disposition
from shared.lines.head import Heads
from shared.lines.lines import Lines
from shared.lines.wakeups import WakeUp, WakeUps
from shared.observability import logger, metrics
from shared.outgoing.guard import Guard
from shared.outgoing.http import GuardedHttp
from shared.reports.outbox import Outbox
from shared.reports.reporter import Reporter, ReporterParts
from shared.reports.retention import Retention
from shared.reports.sync_table import SyncTable
from shared.settings import ReporterSettings
from shared.tenants.signing import SigningTable
from shared.tenants.table import TenantTable

_runner = asyncio.Runner()


class ReportWorker:
    """Attends to report lines with one reporter."""

    def __init__(self, attendant: Attendant, reporter: Reporter) -> None:
        self._attendant = attendant
        self._reporter = reporter

    async def attend(self, wake_up: WakeUp, invocation: Invocation) -> Disposition:
        """Works one tenant's report line."""
        return await self._attendant.attend(wake_up, self._reporter.work, deadline=invocation.deadline)


def build_parts(
    settings: ReporterSettings, *, clock: Clock = system_clock, draw: Callable[[], float] = random.random
) -> ReporterParts:
    """What the reporter is made of, from its settings; time and chance are those of tests, where given."""
    registry = Table(clients.dynamodb(), settings.registry_table)
    messages = Table(clients.dynamodb(), settings.messages_table)
    sealer = SecretSealer(clients.kms(), settings.kms_key_id, clock)
    return ReporterParts(
        registry=registry,
        tenants=TenantTable(registry, sealer, clock),
        signing=SigningTable(registry, sealer, clock),
        syncs=SyncTable(messages),
        outbox=Outbox(messages),
        retention=Retention(messages),
        lines=Lines(Heads(messages), _wake_ups(settings), clock),
        audit=AuditLog(registry, InstanceTable(registry), clock),
        http=GuardedHttp(Guard(settings.allowed_hosts)),
        clock=clock,
        draw=draw,
    )


def _wake_ups(settings: ReporterSettings) -> WakeUps:
    return WakeUps({kind: FifoQueue(clients.sqs(), url) for kind, url in settings.queue_urls.items()})


def build(settings: ReporterSettings) -> ReportWorker:
    """The worker, from its settings."""
    heads = Heads(Table(clients.dynamodb(), settings.messages_table))
    return ReportWorker(Attendant(heads, _wake_ups(settings), system_clock), Reporter(build_parts(settings)))


@cache
def _worker() -> ReportWorker:
    return build(ReporterSettings.from_environment())


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def handler(event: SqsEvent, context: LambdaContext) -> BatchResponse:
    """An SQS event with one wake-up."""
    return _runner.run(attend_all(event, context, _worker().attend))
