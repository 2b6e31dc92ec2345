"""The two DynamoDB tables: small precious configuration, and large traffic that expires."""

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

PARTITION_KEY = dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING)
SORT_KEY = dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING)

# The scheduler decides from these alone, without reading the line's head.
_DUE_ATTRIBUTES = ["kind", "owner", "blocked_until"]


class Tables(Construct):
    """`registry` and `messages`, on demand and encrypted, with their secondary indexes."""

    def __init__(self, scope: Construct, construct_id: str, *, disposable: bool, stream: bool) -> None:
        """`stream`: of the table `messages`, with items as they are written."""
        super().__init__(scope, construct_id)
        self._disposable = disposable

        self.registry = self._table("Registry")
        _add_due_index(self.registry)
        _add_listing_index(self.registry, "by_kind", dynamodb.ProjectionType.ALL)

        self.messages = self._table("Messages", stream=dynamodb.StreamViewType.NEW_IMAGE if stream else None)
        _add_due_index(self.messages)
        _add_listing_index(self.messages, "by_tenant", dynamodb.ProjectionType.KEYS_ONLY)
        _add_listing_index(self.messages, "by_batch", dynamodb.ProjectionType.KEYS_ONLY)

    def _table(self, construct_id: str, *, stream: dynamodb.StreamViewType | None = None) -> dynamodb.Table:
        return dynamodb.Table(
            self,
            construct_id,
            partition_key=PARTITION_KEY,
            sort_key=SORT_KEY,
            stream=stream,
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.AWS_MANAGED,
            time_to_live_attribute="ttl",
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=not self._disposable
            ),
            deletion_protection=not self._disposable,
            removal_policy=cdk.RemovalPolicy.DESTROY if self._disposable else cdk.RemovalPolicy.RETAIN,
        )


def _add_due_index(table: dynamodb.Table) -> None:
    """Lines with work to do, by shard and time (epoch milliseconds); an item without the keys is not in it."""
    table.add_global_secondary_index(
        index_name="due",
        partition_key=dynamodb.Attribute(name="due_shard", type=dynamodb.AttributeType.STRING),
        sort_key=dynamodb.Attribute(name="wake_at", type=dynamodb.AttributeType.NUMBER),
        projection_type=dynamodb.ProjectionType.INCLUDE,
        non_key_attributes=_DUE_ATTRIBUTES,
    )


def _add_listing_index(table: dynamodb.Table, name: str, projection: dynamodb.ProjectionType) -> None:
    table.add_global_secondary_index(
        index_name=name,
        partition_key=dynamodb.Attribute(name=f"{name}_pk", type=dynamodb.AttributeType.STRING),
        sort_key=dynamodb.Attribute(name=f"{name}_sk", type=dynamodb.AttributeType.STRING),
        projection_type=projection,
    )
