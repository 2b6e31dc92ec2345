"""Lambda's entry to the reader of mailboxes."""

import asyncio
import random
from collections.abc import Callable
from functools import cache

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.mapping import BatchResponse, Invocation, SqsEvent, attend_all
from shared.aws import clients
from shared.aws.dynamodb import Table
from shared.aws.kms import SecretSealer
from shared.aws.s3 import Bucket
from shared.aws.secrets import DeployedSecret
from shared.aws.sqs import FifoQueue
from shared.clock import Clock, system_clock
from shared.delivery.tokens import MailTokens
from shared.lines.attendance import Attendant, Disposition
from shared.lines.head import Heads
from shared.lines.lines import Lines
from shared.lines.wakeups import WakeUp, WakeUps
from shared.mailboxes.correlation import Correlation
from shared.mailboxes.poller import Poller, PollerParts
from shared.mailboxes.recording import Recording
from shared.mailboxes.state import MailboxStates
from shared.mailboxes.table import MailboxTable
from shared.mailboxes.understanding import Understanding
from shared.mailboxes.unmatched import UnmatchedTable
from shared.messages.message_ids import MessageIds
from shared.messages.payloads import PayloadStore
from shared.messages.returns import Returns
from shared.messages.table import MailTable
from shared.observability import logger, metrics
from shared.outgoing.guard import Guard
from shared.reports.outbox import Outbox
from shared.settings import PollerSettings
from shared.suppression.table import SuppressionTable

_runner = asyncio.Runner()


class MailboxWorker:
    """Attends to mailbox lines with one poller."""

    def __init__(self, attendant: Attendant, poller: Poller) -> None:
        self._attendant = attendant
        self._poller = poller

    async def attend(self, wake_up: WakeUp, invocation: Invocation) -> Disposition:
        """Works one mailbox's line."""
        return await self._attendant.attend(wake_up, self._poller.work, deadline=invocation.deadline)


def build_parts(
    settings: PollerSettings, *, clock: Clock = system_clock, draw: Callable[[], float] = random.random
) -> PollerParts:
    """What the poller is made of, from its settings; time and chance are those of tests, where given."""
    registry = Table(clients.dynamodb(), settings.registry_table)
    messages = Table(clients.dynamodb(), settings.messages_table)
    instance_key = DeployedSecret(clients.secrets_manager(), settings.instance_key_secret_id).read()
    return PollerParts(
        registry=registry,
        mailboxes=MailboxTable(registry, SecretSealer(clients.kms(), settings.kms_key_id, clock), clock),
        states=MailboxStates(messages),
        understanding=Understanding(
            Correlation(
                tokens=MailTokens(instance_key),
                mails=MailTable(messages),
                payloads=PayloadStore(messages, Bucket(clients.s3, settings.payloads_bucket)),
                message_ids=MessageIds(messages),
            )
        ),
        recording=Recording(
            returns=Returns(messages),
            unmatched=UnmatchedTable(messages),
            outbox=Outbox(messages),
            suppressions=SuppressionTable(registry, clock),
            lines=Lines(Heads(messages), _wake_ups(settings), clock),
            clock=clock,
        ),
        guard=Guard(settings.allowed_hosts),
        clock=clock,
        draw=draw,
    )


def _wake_ups(settings: PollerSettings) -> WakeUps:
    return WakeUps({kind: FifoQueue(clients.sqs(), url) for kind, url in settings.queue_urls.items()})


def build(settings: PollerSettings) -> MailboxWorker:
    """The worker, from its settings."""
    heads = Heads(Table(clients.dynamodb(), settings.messages_table))
    return MailboxWorker(Attendant(heads, _wake_ups(settings), system_clock), Poller(build_parts(settings)))


@cache
def _worker() -> MailboxWorker:
    return build(PollerSettings.from_environment())


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def handler(event: SqsEvent, context: LambdaContext) -> BatchResponse:
    """An SQS event with one wake-up."""
    return _runner.run(attend_all(event, context, _worker().attend))
