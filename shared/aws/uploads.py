"""Presigned POST uploads to S3: a form that whoever holds it may send once or more, until it expires
(https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html).

Signed here rather than by boto3, whose import costs half a second of a start (docs/adr/0081).
"""

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from shared.aws.credentials import Credentials
from shared.aws.region import current_region
from shared.aws.signing import ALGORITHM, credential_scope, signature_of
from shared.clock import SECOND, Millis


@dataclass(frozen=True, slots=True)
class UploadForm:
    """Where to POST, and the form fields that go before the field `file`, which is the last."""

    url: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class UploadTarget:
    """A bucket in its region; `endpoint` in place of AWS's own, where the environment names one."""

    bucket: str
    region: str
    endpoint: str | None = None

    @classmethod
    def from_environment(cls, bucket: str) -> Self:
        """Of the region, and at the endpoint, that the SDKs' shared settings name. Raises ConfigurationError when no
        region is named."""
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        return cls(bucket, current_region(), endpoint or None)

    @property
    def url(self) -> str:
        if self.endpoint is not None:
            return f"{self.endpoint.rstrip('/')}/{self.bucket}"
        domain = "amazonaws.com.cn" if self.region.startswith("cn-") else "amazonaws.com"
        return f"https://{self.bucket}.s3.{self.region}.{domain}/"


def presigned_post(
    target: UploadTarget,
    key: str,
    *,
    credentials: Credentials,
    now: Millis,
    expires_at: Millis,
    at_least: int,
    at_most: int,
    content_type: str,
) -> UploadForm:
    """A form for one object of `at_least` to `at_most` bytes. It dies with the credentials at the latest."""
    moment = datetime.fromtimestamp(now // SECOND, tz=UTC).strftime("%Y%m%dT%H%M%SZ")
    fields = {
        "key": key,
        "Content-Type": content_type,
        "x-amz-algorithm": ALGORITHM,
        "x-amz-credential": f"{credentials.key_id}/{credential_scope(moment, target.region, 's3')}",
        "x-amz-date": moment,
    }
    if credentials.token is not None:
        fields["x-amz-security-token"] = credentials.token
    expiration = datetime.fromtimestamp(expires_at // SECOND, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    policy = {
        "expiration": expiration,
        "conditions": [
            {"bucket": target.bucket},
            ["content-length-range", at_least, at_most],
            *({name: value} for name, value in fields.items()),
        ],
    }
    encoded = base64.b64encode(json.dumps(policy).encode()).decode()
    signature = signature_of(encoded, credentials=credentials, moment=moment, region=target.region, service="s3")
    return UploadForm(target.url, fields | {"policy": encoded, "x-amz-signature": signature})
