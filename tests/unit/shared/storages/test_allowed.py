"""Which buckets the instance's role may read for whom."""

import pytest

from shared.errors import ConfigurationError
from shared.storages.allowed import AllowedBuckets

ALLOWED = AllowedBuckets.from_setting("shared-files, tenants-files/{tenant_id}/, media/public")


@pytest.mark.parametrize(
    ("bucket", "key", "may"),
    [
        ("shared-files", "anything/at/all.pdf", True),
        ("shared-files", "", True),
        ("tenants-files", "acme/a.pdf", True),
        ("tenants-files", "acme/", True),
        ("tenants-files", "other/a.pdf", False),
        ("tenants-files", "acme2/a.pdf", False),
        ("tenants-files", "acme", False),
        ("tenants-files", "", False),
        ("tenants-files", "{tenant_id}/a.pdf", False),
        ("media", "public/logo.png", True),
        ("media", "publicity/logo.png", False),
        ("media", "private/logo.png", False),
        ("shared", "a", False),
        ("shared-files2", "a", False),
        ("", "", False),
    ],
)
def test_a_tenant_reads_what_is_allowed_to_all_and_its_own_part(bucket: str, key: str, may: bool) -> None:
    assert ALLOWED.cover("acme", bucket, key) is may


def test_nothing_is_allowed_where_nothing_is_set() -> None:
    assert not AllowedBuckets.from_setting("").cover("acme", "shared-files", "a")
    assert not AllowedBuckets.from_setting(" , ,").cover("acme", "", "")


def test_an_entry_without_a_bucket_is_an_error_of_the_deployment() -> None:
    with pytest.raises(ConfigurationError, match="/prefix"):
        AllowedBuckets.from_setting("/prefix")
