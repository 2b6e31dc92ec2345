"""The optional EventBridge bus: report events for consumers inside AWS, from the stream of the table `messages`."""

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.acknowledged import acknowledge
from infra.constructs.function import ProxyFunction, Runtime

_RETENTION = cdk.Duration.days(14)
_TIMEOUT = cdk.Duration.seconds(60)
_PAGES_AT_ONCE = 10  # of up to 150 events, ten of which go into a call

# With the mapping's backoff this is more than an hour: longer than EventBridge is out of reach, and shorter than the
# day that a stream is kept. What is given up is named in the dead letters, and can be read from the stream until then.
_RETRIES = 100


class EventBusPublisher(Construct):
    """A bus, and the function that puts every event of the outbox on it."""

    def __init__(self, scope: Construct, construct_id: str, *, runtime: Runtime, messages: dynamodb.Table) -> None:
        super().__init__(scope, construct_id)
        self.bus = events.EventBus(self, "Bus", description="Delivery reports of the mail proxy")
        self.dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=_RETENTION,
        )
        acknowledge(self.dead_letters, "AwsSolutions-SQS3", "It is what the event source mapping gives up on")
        self.worker = ProxyFunction(
            self,
            "Worker",
            runtime=runtime,
            folder="publisher",
            service_name="publisher",
            description="Publishes report events to the EventBridge bus",
            timeout=_TIMEOUT,
            memory_mb=256,
            environment={"EVENT_BUS_NAME": self.bus.event_bus_name},
        )
        self._source = lambda_.EventSourceMapping(
            self,
            "Source",
            target=self.worker.function,
            event_source_arn=messages.table_stream_arn,
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            batch_size=_PAGES_AT_ONCE,
            bisect_batch_on_error=True,
            report_batch_item_failures=True,
            retry_attempts=_RETRIES,
            on_failure=event_sources.SqsDlq(self.dead_letters),
            filters=[_NEW_OUTBOX_PAGES],
        )

    def read_after(self, *grants: Construct) -> None:
        """Lambda checks the rights to the stream when it makes the mapping."""
        self._source.node.add_dependency(*grants)


_NEW_OUTBOX_PAGES = lambda_.FilterCriteria.filter(
    {
        "eventName": lambda_.FilterRule.is_equal("INSERT"),
        "dynamodb": {
            "Keys": {
                "pk": {"S": lambda_.FilterRule.begins_with("LINE#reports#")},
                "sk": {"S": lambda_.FilterRule.not_equals("HEAD")},
            }
        },
    }
)
