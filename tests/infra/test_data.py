"""Tables, the payload bucket, keys and secrets."""

from typing import Any

import pytest

from tests.infra.synthesized import Resource, Synthesized, statements

KEPT = (
    "AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::KMS::Key", "AWS::SecretsManager::Secret",
)  # fmt: skip
KEYS = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]


@pytest.fixture
def registry(on_aws: Synthesized) -> Resource:
    return _table(on_aws, "REGISTRY_TABLE")


@pytest.fixture
def messages(on_aws: Synthesized) -> Resource:
    return _table(on_aws, "MESSAGES_TABLE")


def test_tables_are_paid_by_request_encrypted_and_expire_items(registry: Resource, messages: Resource) -> None:
    for table in (registry, messages):
        assert table.properties["KeySchema"] == KEYS
        assert table.properties["BillingMode"] == "PAY_PER_REQUEST"
        assert table.properties["SSESpecification"] == {"SSEEnabled": True}
        assert table.properties["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}


def test_tables_can_be_restored_to_any_point_in_time_and_not_be_deleted(registry: Resource, messages: Resource) -> None:
    for table in (registry, messages):
        recovery = table.properties["PointInTimeRecoverySpecification"]
        assert recovery["PointInTimeRecoveryEnabled"] is True
        assert table.properties["DeletionProtectionEnabled"] is True


def test_lines_that_are_due_are_found_by_shard_and_time_in_both_tables(registry: Resource, messages: Resource) -> None:
    for table in (registry, messages):
        due = _indexes(table)["due"]
        assert _key_names(due) == ["due_shard", "wake_at"]
        assert due["Projection"]["ProjectionType"] == "INCLUDE"
        assert set(due["Projection"]["NonKeyAttributes"]) == {"kind", "owner", "blocked_until"}
        types = {a["AttributeName"]: a["AttributeType"] for a in table.properties["AttributeDefinitions"]}
        assert types["wake_at"] == "N"


def test_tenants_and_accounts_are_listed_from_one_index(registry: Resource) -> None:
    by_kind = _indexes(registry)["by_kind"]
    assert _key_names(by_kind) == ["by_kind_pk", "by_kind_sk"]
    assert by_kind["Projection"] == {"ProjectionType": "ALL"}


@pytest.mark.parametrize("index", ["by_tenant", "by_batch"])
def test_mails_are_listed_from_indexes_that_copy_no_more_than_keys(messages: Resource, index: str) -> None:
    definition = _indexes(messages)[index]
    assert _key_names(definition) == [f"{index}_pk", f"{index}_sk"]
    assert definition["Projection"] == {"ProjectionType": "KEYS_ONLY"}


def test_the_payload_bucket_is_private_encrypted_and_forgets(on_aws: Synthesized) -> None:
    (bucket,) = on_aws.of_kind("AWS::S3::Bucket")
    assert all(bucket.properties["PublicAccessBlockConfiguration"].values())
    assert "BucketEncryption" in bucket.properties
    uploads, rule = bucket.properties["LifecycleConfiguration"]["Rules"]
    assert uploads == {"Id": "expire-uploads", "Status": "Enabled", "Prefix": "UPLOAD#", "ExpirationInDays": 40}
    assert rule["Status"] == "Enabled"
    assert rule["ExpirationInDays"] == 70
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}


def test_the_payload_bucket_refuses_calls_without_tls(on_aws: Synthesized) -> None:
    (policy,) = on_aws.of_kind("AWS::S3::BucketPolicy")
    assert any(
        statement.effect == "Deny" and statement.conditions == {"Bool": {"aws:SecureTransport": "false"}}
        for statement in statements(policy.properties["PolicyDocument"])
    )


def test_the_credentials_key_is_renewed_by_itself(on_aws: Synthesized) -> None:
    (key,) = on_aws.of_kind("AWS::KMS::Key")
    assert key.properties["EnableKeyRotation"] is True


def test_secrets_are_generated_long_and_safe_in_a_header(on_aws: Synthesized) -> None:
    for secret in on_aws.of_kind("AWS::SecretsManager::Secret"):
        assert "SecretString" not in secret.properties
        generator = secret.properties["GenerateSecretString"]
        assert generator["PasswordLength"] >= 32
        assert generator["ExcludePunctuation"] is True


@pytest.mark.parametrize("kind", KEPT)
def test_data_on_aws_outlives_the_stack(on_aws: Synthesized, kind: str) -> None:
    for resource in on_aws.of_kind(kind):
        assert resource.deletion_policy == "Retain"


def test_tables_on_aws_are_protected_from_deletion(on_aws: Synthesized) -> None:
    for table in on_aws.of_kind("AWS::DynamoDB::Table"):
        assert table.properties["DeletionProtectionEnabled"] is True


@pytest.mark.parametrize("kind", KEPT)
def test_data_on_this_machine_goes_with_the_stack(on_this_machine: Synthesized, kind: str) -> None:
    for resource in on_this_machine.of_kind(kind):
        assert resource.deletion_policy == "Delete"


def _table(template: Synthesized, variable: str) -> Resource:
    reference = template.functions()["api"].properties["Environment"]["Variables"][variable]
    (table,) = [t for t in template.of_kind("AWS::DynamoDB::Table") if f"<{t.logical_id}>" == reference]
    return table


def _indexes(table: Resource) -> dict[str, dict[str, Any]]:
    return {index["IndexName"]: index for index in table.properties["GlobalSecondaryIndexes"]}


def _key_names(index: dict[str, Any]) -> list[str]:
    return [key["AttributeName"] for key in index["KeySchema"]]
