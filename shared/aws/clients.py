"""The AWS services, each reached through one client that a process keeps."""

from functools import cache
from typing import TYPE_CHECKING

from shared.aws.service import Dialect, Service

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

DYNAMODB = Dialect("dynamodb", "DynamoDB", "DynamoDB_20120810", "1.0")
SQS = Dialect("sqs", "SQS", "AmazonSQS", "1.0")
KMS = Dialect("kms", "KMS", "TrentService", "1.1")
SECRETS_MANAGER = Dialect("secretsmanager", "Secrets Manager", "secretsmanager", "1.1")
LAMBDA = Dialect("lambda", "Lambda", "AWSLambda", "1.1")
EVENTBRIDGE = Dialect("events", "EventBridge", "AWSEvents", "1.1")


@cache
def dynamodb() -> Service:
    """The tables."""
    return Service.from_environment(DYNAMODB)


@cache
def sqs() -> Service:
    """The queues of wake-ups."""
    return Service.from_environment(SQS)


@cache
def kms() -> Service:
    """The key that seals credentials."""
    return Service.from_environment(KMS)


@cache
def secrets_manager() -> Service:
    """The secrets that the deployment generated."""
    return Service.from_environment(SECRETS_MANAGER)


@cache
def functions() -> Service:
    """The functions, for the one that starts itself."""
    return Service.from_environment(LAMBDA)


@cache
def eventbridge() -> Service:
    """The bus of report events, where there is one."""
    return Service.from_environment(EVENTBRIDGE)


@cache
def s3() -> "S3Client":
    """The bucket of large payloads. Few mails need it: boto3 is imported when the first one does."""
    import boto3  # half a second of a start
    from botocore.config import Config

    return boto3.client(
        "s3",
        config=Config(
            connect_timeout=3,
            read_timeout=10,
            retries={"mode": "standard", "total_max_attempts": 4},
            max_pool_connections=16,
            tcp_keepalive=True,
        ),
    )
