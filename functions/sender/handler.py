"""Lambda's entry to the sender. Everything is built once per execution environment, the event loop included, so that
sessions with relays survive between invocations."""

import asyncio
import random
from functools import cache

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.mapping import BatchResponse, Invocation, attend_all
from shared.accounts.table import AccountTable
from shared.aws import clients
from shared.aws.dynamodb import Table
from shared.aws.kms import SecretSealer
from shared.aws.s3 import Bucket
from shared.aws.secrets import DeployedSecret
from shared.aws.sqs import FifoQueue
from shared.clock import system_clock
from shared.delivery.jobs import JobLoader
from shared.delivery.pool import Pool
from shared.delivery.sender import Sender, SenderParts
from shared.delivery.standing import StandingReader
from shared.delivery.tokens import MailTokens
from shared.lines.attendance import Attendant, Disposition
from shared.lines.head import Heads
from shared.lines.lines import Lines
from shared.lines.wakeups import WakeUp, WakeUps
from shared.messages.payloads import PayloadStore
from shared.messages.slices import SliceTable
from shared.messages.table import MailTable
from shared.observability import logger, metrics
from shared.outgoing.guard import Guard
from shared.reports.outbox import Outbox
from shared.settings import SenderSettings

_runner = asyncio.Runner()


class LaneWorker:
    """Attends to account lines with one sender."""

    def __init__(self, attendant: Attendant, sender: Sender) -> None:
        self._attendant = attendant
        self._sender = sender

    async def attend(self, wake_up: WakeUp, invocation: Invocation) -> Disposition:
        """Works one account's line."""
        return await self._attendant.attend(wake_up, self._sender.work, deadline=invocation.deadline)


def build(settings: SenderSettings) -> LaneWorker:
    """The worker, from its settings."""
    registry = Table(clients.dynamodb(), settings.registry_table)
    messages = Table(clients.dynamodb(), settings.messages_table)
    queues = {kind: FifoQueue(clients.sqs(), url) for kind, url in settings.queue_urls.items()}
    wake_ups = WakeUps(queues)
    heads = Heads(messages)
    sealer = SecretSealer(clients.kms(), settings.kms_key_id, system_clock)
    payloads = PayloadStore(messages, Bucket(clients.s3(), settings.payloads_bucket))
    parts = SenderParts(
        messages=messages,
        slices=SliceTable(messages),
        jobs=JobLoader(messages=messages, mails=MailTable(messages), payloads=payloads),
        standing=StandingReader(registry=registry, accounts=AccountTable(registry, sealer, system_clock)),
        outbox=Outbox(messages),
        lines=Lines(heads, wake_ups, system_clock),
        pool=Pool(guard=Guard(settings.allowed_hosts), clock=system_clock),
        tokens=MailTokens(DeployedSecret(clients.secrets_manager(), settings.instance_key_secret_id).read()),
        clock=system_clock,
        draw=random.random,
    )
    return LaneWorker(Attendant(heads, wake_ups, system_clock), Sender(parts))


@cache
def _worker() -> LaneWorker:
    return build(SenderSettings.from_environment())


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, object], context: LambdaContext) -> BatchResponse:
    """An SQS event with one wake-up."""
    return _runner.run(attend_all(event, context, _worker().attend))
