"""Clients for a local AWS at a given endpoint, with dummy credentials whatever the environment says."""

import boto3
from botocore.config import Config

from localstack import ACCESS_KEY, REGION, SECRET_KEY

# Paths instead of host names for buckets: a host name would need DNS. The proxies of the environment are not
# asked for loopback addresses.
CONFIG = Config(
    region_name=REGION,
    connect_timeout=5,
    read_timeout=60,
    retries={"total_max_attempts": 2},
    s3={"addressing_style": "path"},
    proxies={},
)


def session() -> boto3.Session:
    """A session of its own for each caller: boto3's sessions are not thread-safe."""
    return boto3.Session(aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY, region_name=REGION)
