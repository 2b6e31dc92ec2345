"""The API's composition root: everything that routes work with, built once per process from the settings."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from functions.api.auth import Authenticator
from shared.accounts.counters import CounterTable
from shared.accounts.health import HealthTable
from shared.accounts.oauth.token_table import TokenTable
from shared.accounts.table import AccountTable
from shared.attachments.uploads import Uploads
from shared.audit.log import AuditLog
from shared.aws import clients
from shared.aws.dynamodb import Table
from shared.aws.envelopes import EnvelopeSealer
from shared.aws.kms import SecretSealer
from shared.aws.polled_queue import PolledQueue
from shared.aws.s3 import Bucket
from shared.aws.secrets import DeployedSecret
from shared.aws.sqs import FifoQueue
from shared.aws.uploads import UploadTarget
from shared.clock import SECOND, Clock, Millis, system_clock
from shared.idempotency.table import IdempotencyTable
from shared.instance.table import InstanceTable
from shared.lines.dead_letters import DeadLetters
from shared.lines.head import Heads
from shared.lines.lines import Lines
from shared.lines.wakeups import WakeUps
from shared.mailboxes.kinds import MailboxKind
from shared.mailboxes.state import MailboxStates
from shared.mailboxes.table import MailboxTable
from shared.mailboxes.unmatched import UnmatchedTable
from shared.messages.cancellation import Cancellation
from shared.messages.cleanup import Cleanup
from shared.messages.depths import Depths
from shared.messages.intake import Intake
from shared.messages.payloads import PayloadStore
from shared.messages.removal import Removal
from shared.messages.retrying import Retrying
from shared.messages.returns import Returns
from shared.messages.set_aside import SuspendedSlices
from shared.messages.slices import SliceTable
from shared.messages.suspension import Pause, Suspensions
from shared.messages.table import MailTable
from shared.messages.waiting import WaitingMail
from shared.outgoing.guard import Guard
from shared.reports.log import EventLog
from shared.reports.pulling import EventReader
from shared.reports.replay import Replays
from shared.reports.sync_table import SyncRequests, SyncTable
from shared.settings import ApiSettings
from shared.status.accounts import AccountsReader
from shared.status.figures import FiguresReader
from shared.status.instance import InstanceReader
from shared.storages.allowed import AllowedBuckets
from shared.storages.table import StorageTable
from shared.suppression.table import SuppressionTable
from shared.tenants.api_keys import ApiKeyTable
from shared.tenants.call_rate import CallRate
from shared.tenants.deletion import Deletions
from shared.tenants.signing import SigningTable
from shared.tenants.table import TenantTable

if TYPE_CHECKING:
    from shared.delivery.verification import AccountVerifier


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes call; nothing of it knows HTTP, but the authenticator."""

    authenticator: Authenticator
    instance: InstanceTable
    tenants: TenantTable
    api_keys: ApiKeyTable
    deletions: Deletions
    idempotency: IdempotencyTable
    call_rate: CallRate
    audit: AuditLog
    signing: SigningTable
    accounts: AccountTable
    access_tokens: TokenTable
    health: HealthTable
    verifier: "Callable[[], AccountVerifier]"
    counters: CounterTable
    mails: MailTable
    payloads: PayloadStore
    slices: SliceTable
    heads: Heads
    lines: Lines
    intake: Intake
    cancellation: Cancellation
    retrying: Retrying
    removal: Removal
    cleanup: Cleanup
    event_log: EventLog
    events: EventReader
    replays: Replays
    aside: SuspendedSlices
    suspensions: Suspensions
    pause: Pause
    waiting: WaitingMail
    suppressions: SuppressionTable
    mailboxes: MailboxTable
    mailbox_kinds: frozenset[MailboxKind]
    mailbox_states: MailboxStates
    unmatched: UnmatchedTable
    returns: Returns
    storages: StorageTable
    uploads: Uploads
    syncs: SyncTable
    sync_requests: SyncRequests
    account_statuses: AccountsReader
    survey: InstanceReader
    figures: FiguresReader
    dead_letters: DeadLetters
    guard: Guard
    clock: Clock


def build_services(settings: ApiSettings, clock: Clock = system_clock) -> Services:
    """Makes clients and tables; calls nothing of AWS yet."""
    registry = Table(clients.dynamodb(), settings.registry_table)
    messages = Table(clients.dynamodb(), settings.messages_table)
    sealer = SecretSealer(clients.kms(), settings.kms_key_id, clock)
    queues = {kind: FifoQueue(clients.sqs(), url) for kind, url in settings.queue_urls.items()}
    heads, depths = Heads(messages), Depths(messages, clock)
    lines = Lines(heads, WakeUps(queues), clock)
    polled = {kind: PolledQueue(clients.sqs(), url) for kind, url in settings.queue_urls.items()}
    dead_letters = {kind: PolledQueue(clients.sqs(), url) for kind, url in settings.dead_letters_urls.items()}
    counters, health = CounterTable(messages), HealthTable(messages)
    survey = InstanceReader(heads=heads, depths=depths, queues=polled, dead_letters=dead_letters, clock=clock)
    accounts = AccountTable(registry, sealer, clock)
    tenants = TenantTable(registry, sealer, clock)
    instance = InstanceTable(registry)
    aside = SuspendedSlices(registry=registry, messages=messages, lines=lines, clock=clock)
    mails = MailTable(messages)
    slices = SliceTable(messages)
    syncs = SyncTable(messages)
    payloads = PayloadStore(messages, Bucket(clients.s3, settings.payloads_bucket))
    api_keys = ApiKeyTable(registry)
    access_tokens = TokenTable(messages, EnvelopeSealer(sealer), clock)
    guard = Guard(settings.allowed_hosts)
    removal, event_log = Removal(messages=messages, mails=mails, slices=slices), EventLog(messages)
    admin_token = DeployedSecret(clients.secrets_manager(), settings.admin_token_secret_id)
    return Services(
        authenticator=Authenticator(admin_token.read, api_keys, clock),
        instance=instance,
        tenants=tenants,
        api_keys=api_keys,
        idempotency=IdempotencyTable(registry, clock),
        audit=AuditLog(registry, instance, clock),
        call_rate=CallRate(registry=registry, messages=messages, clock=clock),
        deletions=Deletions(
            tenants=tenants, api_keys=api_keys, lines=lines, clock=clock, worker_timeout=settings.worker_timeout
        ),
        signing=SigningTable(registry, sealer, clock),
        accounts=accounts,
        access_tokens=access_tokens,
        health=health,
        verifier=cache(lambda: _account_verifier(accounts, access_tokens, health, lines, guard, clock)),
        counters=counters,
        mails=mails,
        payloads=payloads,
        slices=slices,
        heads=heads,
        lines=lines,
        intake=Intake(messages=messages, mails=mails, payloads=payloads, accounts=accounts, lines=lines, clock=clock),
        cancellation=Cancellation(messages=messages, mails=mails, slices=slices, lines=lines, clock=clock),
        retrying=Retrying(messages=messages, mails=mails, accounts=accounts, lines=lines, clock=clock),
        removal=removal,
        cleanup=Cleanup(mails=mails, removal=removal, log=event_log, clock=clock),
        event_log=event_log,
        events=EventReader(messages, clock),
        replays=Replays(messages, lines, clock),
        aside=aside,
        suspensions=Suspensions(tenants=tenants, accounts=accounts, aside=aside, lines=lines, clock=clock),
        pause=Pause(instance=instance, lines=lines, clock=clock),
        waiting=WaitingMail(messages=messages, accounts=accounts, clock=clock),
        suppressions=SuppressionTable(registry, clock),
        mailboxes=MailboxTable(registry, sealer, clock),
        mailbox_kinds=settings.kinds_of_mailboxes,
        mailbox_states=MailboxStates(messages),
        unmatched=UnmatchedTable(messages),
        returns=Returns(messages),
        storages=StorageTable(registry, sealer, AllowedBuckets.from_setting(settings.attachment_buckets), clock),
        uploads=Uploads(UploadTarget.from_environment(settings.payloads_bucket), clock),
        syncs=syncs,
        sync_requests=SyncRequests(syncs, lines, clock),
        account_statuses=AccountsReader(heads=heads, depths=depths, counters=counters, health=health, clock=clock),
        survey=survey,
        figures=FiguresReader(accounts=accounts, counters=counters, heads=heads, depths=depths, instance=survey),
        dead_letters=DeadLetters(dead_letters, lines, clock),
        guard=guard,
        clock=clock,
    )


def _account_verifier(
    accounts: AccountTable, table: TokenTable, health: HealthTable, lines: Lines, guard: Guard, clock: Clock
) -> "AccountVerifier":
    # No other call needs the SMTP client, whose loading would be part of every cold start.
    from shared.accounts.oauth.endpoint import TokenEndpoint
    from shared.accounts.oauth.tokens import AccessTokens
    from shared.delivery.authentication import CredentialsReader
    from shared.delivery.health_watch import HealthWatch
    from shared.delivery.verification import AccountVerifier

    async def pause(duration: Millis) -> None:
        await asyncio.sleep(duration / SECOND)

    tokens = AccessTokens(accounts=accounts, table=table, endpoint=TokenEndpoint(guard), clock=clock, pause=pause)
    return AccountVerifier(
        credentials=CredentialsReader(accounts=accounts, tokens=tokens),
        health=HealthWatch(health, lines, clock),
        guard=guard,
        clock=clock,
    )


async def services_of(request: Request) -> Services:
    """The application's services, as a FastAPI dependency; the first call builds them."""
    services: Services = request.app.state.services()
    return services


Provided = Annotated[Services, Depends(services_of)]
