"""Who may do what: the least that each function needs, named action by action.

Where a function has no business with part of a table, the partition keys say so (`dynamodb:LeadingKeys`).
Every use of the credentials key must name the tenant that the ciphertext belongs to.
"""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_sqs as sqs

from infra.constructs.event_bus import EventBusPublisher
from infra.constructs.function import Conditions, ProxyFunction
from infra.constructs.payloads import Payloads
from infra.constructs.secrets import Secrets
from infra.constructs.tables import Tables

_READ = ("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query")
# A transaction needs the permissions of its parts; BatchWriteItem has a name of its own.
_WRITE = (
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
    "dynamodb:DeleteItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:ConditionCheckItem",
)
# Tenants with their accounts, and the instance; neither API keys nor idempotency records nor the audit log.
_CONFIGURATION = ("TENANT#*", "INSTANCE")
_LINES = ("LINE#*",)
_TENANTS = ("TENANT#*",)
_SUSPENDED = ("SUSPENDED#*",)
# Heads, cursors and outbox pages; the timeline of mails; what names no mail.
_RETURNED = ("LINE#*", "MAIL#*", "UNMATCHED#*")
# What is purged with a tenant, partition by partition.
_PURGE = ("dynamodb:Query", "dynamodb:BatchWriteItem", "dynamodb:DeleteItem")
_OWNED_TRAFFIC = (
    "MAIL#*",
    "LINE#*",
    "SUSPENDED#*",
    "ACCOUNT#*",
    "EVENTS#*",
    "SYNC#*",
    "UNMATCHED#*",
    "MSGID#*",
    "TENANT#*",
)
_OWNED_CONFIGURATION = ("TENANT#*", "IDEM#*", "APIKEYS#*")
_API_KEYS = ("APIKEY#*",)
_AUDIT_LOG = ("COMMANDS#*",)


def to_api(
    api: ProxyFunction,
    *,
    tables: Tables,
    lanes: Sequence[sqs.Queue],
    reports: sqs.Queue,
    dead_letters: Sequence[sqs.Queue],
    payloads: Payloads,
    secrets: Secrets,
) -> None:
    """Reads and writes everything, wakes any line, takes out dead letters, and seals credentials."""
    api.allow(*_READ, *_WRITE, on=[tables.registry.table_arn, tables.messages.table_arn])
    api.allow(
        "dynamodb:Query",
        on=[*_indexes(tables.registry, "by_kind"), *_indexes(tables.messages, "by_tenant", "by_batch", "due")],
    )
    _wake(api, [*lanes, reports])
    # Lets go of wake-ups that wait for what has just been corrected.
    api.allow("sqs:ChangeMessageVisibility", on=[queue.queue_arn for queue in [*lanes, reports]])
    api.allow("sqs:GetQueueAttributes", on=[queue.queue_arn for queue in [*lanes, reports, *dead_letters]])
    api.allow(
        *("sqs:ReceiveMessage", "sqs:ChangeMessageVisibility", "sqs:DeleteMessage"),
        on=[queue.queue_arn for queue in dead_letters],
    )
    api.allow("s3:PutObject", "s3:GetObject", on=[payloads.bucket.arn_for_objects("*")])
    api.allow(
        *("kms:Encrypt", "kms:Decrypt"),
        on=[secrets.credentials_key.key_arn],
        conditions=_NAMES_THE_TENANT,
    )
    api.allow("secretsmanager:GetSecretValue", on=[secrets.admin_token.secret_arn])


def to_sender(
    sender: ProxyFunction,
    *,
    tables: Tables,
    lane: sqs.Queue,
    reports: sqs.Queue,
    payloads: Payloads,
    secrets: Secrets,
    attachment_buckets: str,
) -> None:
    """Works the lines of its own lane: reads configuration, records outcomes, opens credentials, seals new tokens."""
    sender.allow(*_READ, on=[tables.registry.table_arn], conditions=_keys(_CONFIGURATION))
    # Suppresses addresses that a relay refuses for good, and sets aside slices of suspended batches.
    sender.allow(
        *("dynamodb:PutItem", "dynamodb:ConditionCheckItem"),
        on=[tables.registry.table_arn],
        conditions=_keys(_TENANTS),
    )
    sender.allow(*_READ, *_WRITE, on=[tables.messages.table_arn])
    _wake(sender, [lane, reports])
    sender.allow("s3:GetObject", on=[payloads.bucket.arn_for_objects("*"), *_objects_of(attachment_buckets)])
    _open_credentials(sender, secrets)
    sender.allow("kms:Encrypt", on=[secrets.credentials_key.key_arn], conditions=_NAMES_AN_ACCESS_TOKEN)
    sender.allow("secretsmanager:GetSecretValue", on=[secrets.instance_key.secret_arn])


def to_scheduler(
    scheduler: ProxyFunction,
    *,
    tables: Tables,
    lanes: Sequence[sqs.Queue],
    reports: sqs.Queue,
    payloads: Payloads,
) -> None:
    """Finds the lines that are due, moves their heads, wakes them, brings back the slices of activated batches, and
    purges deleted tenants.

    Opens no secret, and changes no configuration but by deleting what a tenant owned.
    """
    messages, registry = tables.messages.table_arn, tables.registry.table_arn
    scheduler.allow("dynamodb:Query", on=_indexes(tables.messages, "due", "by_tenant"))
    scheduler.allow("dynamodb:UpdateItem", "dynamodb:PutItem", on=[messages], conditions=_keys(_LINES))
    scheduler.allow("dynamodb:Query", "dynamodb:DeleteItem", on=[messages], conditions=_keys(_SUSPENDED))
    scheduler.allow("dynamodb:ConditionCheckItem", on=[registry], conditions=_keys(_TENANTS))
    scheduler.allow(*_PURGE, on=[messages], conditions=_keys(_OWNED_TRAFFIC))
    scheduler.allow("dynamodb:GetItem", *_PURGE, on=[registry], conditions=_keys(_OWNED_CONFIGURATION))
    scheduler.allow("dynamodb:DeleteItem", on=[registry], conditions=_keys(_API_KEYS))
    scheduler.allow("s3:ListBucket", on=[payloads.bucket.bucket_arn], conditions=_OWNED_OBJECTS)
    scheduler.allow("s3:DeleteObject", on=[payloads.bucket.arn_for_objects("*")])
    _wake(scheduler, [*lanes, reports])


def to_reporter(reporter: ProxyFunction, *, tables: Tables, reports: sqs.Queue, secrets: Secrets) -> None:
    """Works the report lines: reads configuration, moves acknowledged events, opens endpoint credentials. When it ends
    a push by itself, that goes into the audit log."""
    reporter.allow(*_READ, on=[tables.registry.table_arn], conditions=_keys(_CONFIGURATION))
    _record(reporter, tables)
    reporter.allow(*_READ, *_WRITE, on=[tables.messages.table_arn])
    _wake(reporter, [reports])
    _open_credentials(reporter, secrets)


def to_mailbox(
    mailbox: ProxyFunction,
    *,
    tables: Tables,
    mailboxes: sqs.Queue,
    reports: sqs.Queue,
    payloads: Payloads,
    secrets: Secrets,
) -> None:
    """Works the lines of mailboxes: reads configuration, opens their credentials, finds the mails that reports are
    about, records what came of them, and suppresses addresses. It deletes nothing."""
    mailbox.allow(*_READ, on=[tables.registry.table_arn], conditions=_keys(_CONFIGURATION))
    mailbox.allow("dynamodb:PutItem", on=[tables.registry.table_arn], conditions=_keys(_TENANTS))
    mailbox.allow(*_READ, on=[tables.messages.table_arn])
    mailbox.allow(
        *("dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:BatchWriteItem"),
        on=[tables.messages.table_arn],
        conditions=_keys(_RETURNED),
    )
    _wake(mailbox, [mailboxes, reports])
    mailbox.allow("s3:GetObject", on=[payloads.bucket.arn_for_objects("*")])
    _open_credentials(mailbox, secrets)
    mailbox.allow("secretsmanager:GetSecretValue", on=[secrets.instance_key.secret_arn])


def to_wake_mailboxes(api: ProxyFunction, scheduler: ProxyFunction, *, mailboxes: sqs.Queue) -> None:
    """What the API and the scheduler do with the other lines."""
    _wake(api, [mailboxes])
    api.allow("sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes", on=[mailboxes.queue_arn])
    _wake(scheduler, [mailboxes])


def to_publisher(publisher: EventBusPublisher, *, tables: Tables) -> None:
    """Reads the stream of the table and puts events on its own bus; touches no item, and no other bus."""
    worker, stream = publisher.worker, tables.messages.table_stream_arn
    if stream is None:
        raise ValueError("the table messages has no stream")
    worker.allow(
        *("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"),
        on=[stream],
    )
    worker.allow("events:PutEvents", on=[publisher.bus.event_bus_arn])
    publisher.read_after(worker.role)


def _wake(function: ProxyFunction, queues: Sequence[sqs.Queue]) -> None:
    # Batches of up to ten are covered by the same action.
    function.allow("sqs:SendMessage", on=[queue.queue_arn for queue in queues])


def _record(function: ProxyFunction, tables: Tables) -> None:
    """Adds to the audit log, and neither reads nor removes what is there."""
    function.allow("dynamodb:PutItem", on=[tables.registry.table_arn], conditions=_keys(_AUDIT_LOG))


def _open_credentials(function: ProxyFunction, secrets: Secrets) -> None:
    function.allow("kms:Decrypt", on=[secrets.credentials_key.key_arn], conditions=_NAMES_THE_TENANT)


def _objects_of(attachment_buckets: str) -> list[str]:
    """Of the whole part that tenants share: whose part a tenant may read, the functions check."""
    return [f"arn:{cdk.Aws.PARTITION}:s3:::{_object_pattern(each)}" for each in attachment_buckets.split(",") if each]


def _object_pattern(entry: str) -> str:
    bucket, _, prefix = entry.partition("/")
    part = prefix.strip("/").replace("{tenant_id}", "*")
    return f"{bucket}/{part}/*" if part else f"{bucket}/*"


def _indexes(table: dynamodb.Table, *names: str) -> list[str]:
    return [f"{table.table_arn}/index/{name}" for name in names]


def _keys(patterns: Sequence[str]) -> Conditions:
    return {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": list(patterns)}}


_OWNED_OBJECTS: Conditions = {"StringLike": {"s3:prefix": ["MAIL#*", "UPLOAD#*"]}}
_NAMES_THE_TENANT: Conditions = {"Null": {"kms:EncryptionContext:tenant": "false"}}
# So a sender can put no password of its own in place of an account's.
_NAMES_AN_ACCESS_TOKEN: Conditions = {
    **_NAMES_THE_TENANT,
    "StringLike": {"kms:EncryptionContext:owner": "token/*"},
}
