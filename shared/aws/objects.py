"""Reading an object of S3, or of a service that speaks its protocol, by a signed GET
(https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html). Pure.

For buckets that tenants name: who makes the call decides where it may go, and how much is read. The proxy's own bucket
is `s3`'s.
"""

import hashlib
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from shared.aws.credentials import Credentials
from shared.aws.signing import signed
from shared.clock import Millis

_NOTHING = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class ObjectAddress:
    """An object; `endpoint` in place of AWS's own."""

    bucket: str
    key: str
    region: str
    endpoint: str | None = None

    @property
    def url(self) -> str:
        """Percent-encoded once, as the signature needs it. The bucket is part of the path at other endpoints, and where
        its dots would leave it outside AWS's certificate."""
        key = quote(self.key, safe="/-_.~")
        if self.endpoint is not None:
            return f"{self.endpoint.rstrip('/')}/{self.bucket}/{key}"
        domain = "amazonaws.com.cn" if self.region.startswith("cn-") else "amazonaws.com"
        if "." in self.bucket:
            return f"https://s3.{self.region}.{domain}/{self.bucket}/{key}"
        return f"https://{self.bucket}.s3.{self.region}.{domain}/{key}"


def get_headers(address: ObjectAddress, credentials: Credentials, now: Millis) -> dict[str, str]:
    """The headers of a GET of `address.url`."""
    parts = urlsplit(address.url)
    return signed(
        {"Host": parts.netloc, "X-Amz-Content-Sha256": _NOTHING},
        b"",
        credentials=credentials,
        region=address.region,
        service="s3",
        now=now,
        method="GET",
        path=parts.path,
    )
