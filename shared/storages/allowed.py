"""The buckets that the instance's own role may read, as the deployment lists them. Pure.

An entry is `bucket` or `bucket/prefix`; `{tenant_id}` in a prefix stands for the tenant, so that each has a part of its
own. Storages with credentials of their own need no entry.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from shared.errors import ConfigurationError

_TENANT = "{tenant_id}"


@dataclass(frozen=True, slots=True)
class _Entry:
    bucket: str
    prefix: str


class AllowedBuckets:
    """Raises ConfigurationError for an entry without a bucket."""

    def __init__(self, entries: Iterable[str]) -> None:
        self._entries = [_read(each) for each in entries]

    @classmethod
    def from_setting(cls, value: str) -> Self:
        """From entries with commas between them."""
        return cls(each for each in (part.strip() for part in value.split(",")) if each)

    def cover(self, tenant_id: str, bucket: str, key: str) -> bool:
        """Whether a tenant may read what lies at `key`, or begins so where `key` is a prefix."""
        return any(
            bucket == each.bucket and key.startswith(each.prefix.replace(_TENANT, tenant_id)) for each in self._entries
        )


def _read(entry: str) -> _Entry:
    bucket, _, prefix = entry.partition("/")
    if not bucket:
        raise ConfigurationError(f"an allowed bucket is bucket or bucket/prefix, not {entry!r}")
    return _Entry(bucket, f"{prefix.strip('/')}/" if prefix.strip("/") else "")
