"""AWS in-process (moto), built as the deployment builds it: the two tables, FIFO queues, key, bucket."""

import logging
from collections.abc import Iterator
from io import StringIO
from typing import TYPE_CHECKING, Final, Literal

import pytest
from moto import mock_aws

from shared.aws import clients
from shared.aws.connections import Connections
from shared.aws.dynamodb import Table
from shared.aws.kms import SecretSealer
from shared.aws.s3 import Bucket
from shared.aws.sqs import FifoQueue
from shared.lines.line import WOKEN, LineKind
from shared.observability import logger
from tests import boto
from tests.unit.clock import NOON, SettableClock
from tests.unit.moto_wire import copy_tables_once, post_to_moto

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import GlobalSecondaryIndexTypeDef
    from types_boto3_sqs import SQSClient

__all__ = ["NOON", "SettableClock"]

REGION: Final = "eu-central-1"


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(NOON)


@pytest.fixture
def log() -> Iterator[StringIO]:
    """What the function logs, as CloudWatch would get it."""
    written = StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logger.registered_formatter)
    logging.getLogger(logger.name).addHandler(handler)
    yield written
    logging.getLogger(logger.name).removeHandler(handler)


@pytest.fixture(scope="session")
def own_clients() -> Iterator[None]:
    """The clients that a process keeps are made anew for these tests, and not left to others."""
    _forget_clients()
    yield
    _forget_clients()


def _forget_clients() -> None:
    made = (
        clients.dynamodb,
        clients.sqs,
        clients.kms,
        clients.s3,
        clients.secrets_manager,
        clients.eventbridge,
        clients.functions,
    )
    for make in made:
        make.cache_clear()
    boto.forget_clients()


@pytest.fixture
def aws(own_clients: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty AWS account in this process; nothing leaves it."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Connections, "post", post_to_moto)
    copy_tables_once(monkeypatch.setattr)
    with mock_aws():
        yield


@pytest.fixture
def registry(aws: None) -> Table:
    client = boto.dynamodb()
    _create_table(client, "registry", [_due_index(), _listing_index("by_kind", "ALL")])
    return Table(clients.dynamodb(), "registry")


@pytest.fixture
def messages(aws: None) -> Table:
    client = boto.dynamodb()
    listings = [_listing_index("by_tenant", "KEYS_ONLY"), _listing_index("by_batch", "KEYS_ONLY")]
    _create_table(client, "messages", [_due_index(), *listings])
    return Table(clients.dynamodb(), "messages")


@pytest.fixture
def queue_urls(aws: None) -> dict[LineKind, str]:
    client = boto.sqs()
    return {kind: _create_queue(client, kind) for kind in WOKEN}


@pytest.fixture
def dead_letters_urls(aws: None) -> dict[LineKind, str]:
    client = boto.sqs()
    return {kind: _create_queue(client, kind, suffix="-dead-letters") for kind in WOKEN}


@pytest.fixture
def queues(queue_urls: dict[LineKind, str]) -> dict[LineKind, FifoQueue]:
    client = clients.sqs()
    return {kind: FifoQueue(client, url) for kind, url in queue_urls.items()}


@pytest.fixture
def kms_key_id(aws: None) -> str:
    return boto.kms().create_key()["KeyMetadata"]["Arn"]


@pytest.fixture
def sealer(kms_key_id: str, clock: SettableClock) -> SecretSealer:
    return SecretSealer(clients.kms(), kms_key_id, clock)


@pytest.fixture
def payloads_bucket(aws: None) -> Bucket:
    client = boto.s3()
    client.create_bucket(Bucket="payloads", CreateBucketConfiguration={"LocationConstraint": REGION})
    return Bucket(clients.s3, "payloads")


def _create_queue(client: "SQSClient", kind: LineKind, suffix: str = "") -> str:
    attributes = {
        "FifoQueue": "true",
        "DeduplicationScope": "messageGroup",
        "FifoThroughputLimit": "perMessageGroupId",
    }
    return client.create_queue(QueueName=f"{kind.value}{suffix}.fifo", Attributes=attributes)["QueueUrl"]  # type: ignore[arg-type]


def _due_index() -> "GlobalSecondaryIndexTypeDef":
    return {
        "IndexName": "due",
        "KeySchema": [
            {"AttributeName": "due_shard", "KeyType": "HASH"},
            {"AttributeName": "wake_at", "KeyType": "RANGE"},
        ],
        "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["kind", "owner", "blocked_until"]},
    }


def _listing_index(name: str, projection: Literal["ALL", "KEYS_ONLY"]) -> "GlobalSecondaryIndexTypeDef":
    return {
        "IndexName": name,
        "KeySchema": [
            {"AttributeName": f"{name}_pk", "KeyType": "HASH"},
            {"AttributeName": f"{name}_sk", "KeyType": "RANGE"},
        ],
        "Projection": {"ProjectionType": projection},
    }


def _create_table(client: "DynamoDBClient", name: str, indexes: "list[GlobalSecondaryIndexTypeDef]") -> None:
    keys = ["pk", "sk", *(each["AttributeName"] for index in indexes for each in index["KeySchema"])]
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": key, "AttributeType": "N" if key == "wake_at" else "S"} for key in keys
        ],
        GlobalSecondaryIndexes=indexes,
    )
