"""boto3's clients, for what tests do to AWS beside the proxy: make tables and queues, look into them."""

from functools import cache
from typing import TYPE_CHECKING

import boto3

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_kms import KMSClient
    from types_boto3_s3 import S3Client
    from types_boto3_secretsmanager import SecretsManagerClient
    from types_boto3_sqs import SQSClient


@cache
def dynamodb() -> "DynamoDBClient":
    return boto3.client("dynamodb")


@cache
def sqs() -> "SQSClient":
    return boto3.client("sqs")


@cache
def kms() -> "KMSClient":
    return boto3.client("kms")


@cache
def s3() -> "S3Client":
    return boto3.client("s3")


@cache
def secrets_manager() -> "SecretsManagerClient":
    return boto3.client("secretsmanager")


def forget_clients() -> None:
    """Those that follow are made with the environment as it is then."""
    for make in (dynamodb, sqs, kms, s3, secrets_manager):
        make.cache_clear()
