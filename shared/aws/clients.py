"""boto3 clients, made once per process and service, all with the same time-outs and retries."""

from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_kms import KMSClient
    from types_boto3_s3 import S3Client
    from types_boto3_secretsmanager import SecretsManagerClient
    from types_boto3_sqs import SQSClient

# Short enough that a hanging call is retried well before a Lambda's own time-out; standard mode retries throttling too.
_CONFIG = Config(
    connect_timeout=3,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 4},
    max_pool_connections=16,
    tcp_keepalive=True,
)


@cache
def dynamodb() -> "DynamoDBClient":
    """The tables."""
    return boto3.client("dynamodb", config=_CONFIG)


@cache
def sqs() -> "SQSClient":
    """The queues of wake-ups."""
    return boto3.client("sqs", config=_CONFIG)


@cache
def kms() -> "KMSClient":
    """The key that seals credentials."""
    return boto3.client("kms", config=_CONFIG)


@cache
def s3() -> "S3Client":
    """The bucket of large payloads."""
    return boto3.client("s3", config=_CONFIG)


@cache
def secrets_manager() -> "SecretsManagerClient":
    """The secrets that the deployment generated."""
    return boto3.client("secretsmanager", config=_CONFIG)
