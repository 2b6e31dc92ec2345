"""Lambda's entry to the sender. Everything is built once per execution environment, the event loop included, so that
sessions with relays survive between invocations."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from functools import cache

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.mapping import BatchResponse, Invocation, SqsEvent, attend_all
from shared.accounts.counters import CounterTable
from shared.accounts.health import HealthTable
from shared.accounts.oauth.endpoint import TokenEndpoint
from shared.accounts.oauth.token_table import TokenTable
from shared.accounts.oauth.tokens import AccessTokens
from shared.accounts.table import AccountTable
from shared.attachments.fetching import Fetcher
from shared.attachments.origins import Origins
from shared.aws import clients
from shared.aws.dynamodb import Table
from shared.aws.envelopes import EnvelopeSealer
from shared.aws.kms import SecretSealer
from shared.aws.region import current_region
from shared.aws.s3 import Bucket
from shared.aws.secrets import DeployedSecret
from shared.aws.sqs import FifoQueue
from shared.clock import SECOND, Clock, Millis, system_clock
from shared.delivery.authentication import CredentialsReader
from shared.delivery.health_watch import HealthWatch
from shared.delivery.jobs import JobLoader
from shared.delivery.pool import Pool
from shared.delivery.sender import Sender, SenderParts
from shared.delivery.standing import StandingReader
from shared.delivery.tokens import MailTokens
from shared.limits.state import LimitTable
from shared.lines.attendance import Attendant, Disposition
from shared.lines.head import Heads
from shared.lines.lines import Lines
from shared.lines.wakeups import WakeUp, WakeUps
from shared.messages.payloads import PayloadStore
from shared.messages.set_aside import SuspendedSlices
from shared.messages.slices import SliceTable
from shared.messages.table import MailTable
from shared.observability import logger, metrics
from shared.outgoing.guard import Guard
from shared.reports.outbox import Outbox
from shared.settings import SenderSettings
from shared.storages.allowed import AllowedBuckets
from shared.storages.table import StorageTable
from shared.suppression.table import SuppressionTable
from shared.tenants.table import TenantTable

_runner = asyncio.Runner()


class LaneWorker:
    """Attends to account lines with one sender."""

    def __init__(self, attendant: Attendant, sender: Sender) -> None:
        self._attendant = attendant
        self._sender = sender

    async def attend(self, wake_up: WakeUp, invocation: Invocation) -> Disposition:
        """Works one account's line."""
        return await self._attendant.attend(wake_up, self._sender.work, deadline=invocation.deadline)


async def _pause(duration: Millis) -> None:
    await asyncio.sleep(duration / SECOND)


def build_parts(
    settings: SenderSettings,
    *,
    clock: Clock = system_clock,
    draw: Callable[[], float] = random.random,
    pause: Callable[[Millis], Awaitable[None]] = _pause,
) -> SenderParts:
    """What the sender is made of, from its settings; time and chance are those of tests, where given."""
    registry = Table(clients.dynamodb(), settings.registry_table)
    messages = Table(clients.dynamodb(), settings.messages_table)
    sealer = SecretSealer(clients.kms(), settings.kms_key_id, clock)
    bucket = Bucket(clients.s3, settings.payloads_bucket)
    payloads = PayloadStore(messages, bucket)
    guard = Guard(settings.allowed_hosts)
    accounts = AccountTable(registry, sealer, clock)
    tokens = AccessTokens(
        accounts=accounts,
        table=TokenTable(messages, EnvelopeSealer(sealer), clock),
        endpoint=TokenEndpoint(guard),
        clock=clock,
        pause=pause,
    )
    allowed = AllowedBuckets.from_setting(settings.attachment_buckets)
    lines = Lines(Heads(messages), _wake_ups(settings), clock)
    return SenderParts(
        messages=messages,
        slices=SliceTable(messages),
        jobs=JobLoader(messages=messages, mails=MailTable(messages), payloads=payloads),
        standing=StandingReader(registry=registry, credentials=CredentialsReader(accounts=accounts, tokens=tokens)),
        limits=LimitTable(messages),
        suppressions=SuppressionTable(registry, clock),
        aside=SuspendedSlices(registry=registry, messages=messages, lines=lines, clock=clock),
        outbox=Outbox(messages),
        lines=lines,
        health=HealthWatch(HealthTable(messages), lines, clock),
        counters=CounterTable(messages),
        pool=Pool(guard=guard, clock=clock),
        tokens=MailTokens(DeployedSecret(clients.secrets_manager(), settings.instance_key_secret_id).read()),
        attachments=Fetcher(
            Origins(
                tenants=TenantTable(registry, sealer, clock),
                storages=StorageTable(registry, sealer, allowed, clock),
                uploads=bucket,
                allowed=allowed,
                guard=guard,
                region=current_region(),
                clock=clock,
            )
        ),
        clock=clock,
        draw=draw,
        pause=pause,
    )


def _wake_ups(settings: SenderSettings) -> WakeUps:
    return WakeUps({kind: FifoQueue(clients.sqs(), url) for kind, url in settings.queue_urls.items()})


def build(settings: SenderSettings) -> LaneWorker:
    """The worker, from its settings."""
    heads = Heads(Table(clients.dynamodb(), settings.messages_table))
    return LaneWorker(Attendant(heads, _wake_ups(settings), system_clock), Sender(build_parts(settings)))


@cache
def _worker() -> LaneWorker:
    return build(SenderSettings.from_environment())


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def handler(event: SqsEvent, context: LambdaContext) -> BatchResponse:
    """An SQS event with one wake-up."""
    return _runner.run(attend_all(event, context, _worker().attend))
