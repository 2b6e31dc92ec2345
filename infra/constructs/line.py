"""A kind of line: the FIFO queue that carries its wake-ups, and the function that works the lines.

The four lanes and the reports queue are five of these. Batch size is 1, because a batch mixes message groups
and one slow relay or endpoint would hold the others.
"""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.constructs.function import ProxyFunction, Runtime

_RETENTION = cdk.Duration.days(14)

# A wait raises a wake-up's receive count like a crash does, so this only catches what nothing else caught.
_MAX_RECEIVE_COUNT = 1000

# Lambda may start an invocation some time after the message was received; until the function has set the
# visibility itself, the message must not appear twice.
_VISIBILITY_FACTOR = 2


class WakeUpQueue(Construct):
    """A high-throughput FIFO queue with its FIFO dead-letter queue, both encrypted and for TLS only.

    The message group is the owner of a line: one message of a group is in flight at a time.
    """

    def __init__(self, scope: Construct, construct_id: str, *, visibility_timeout: cdk.Duration) -> None:
        super().__init__(scope, construct_id)
        self.dead_letters = self._fifo_queue("DeadLetters")
        self.queue = self._fifo_queue(
            "Queue",
            visibility_timeout=visibility_timeout,
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=_MAX_RECEIVE_COUNT),
        )

    def _fifo_queue(
        self,
        construct_id: str,
        *,
        visibility_timeout: cdk.Duration | None = None,
        dead_letter_queue: sqs.DeadLetterQueue | None = None,
    ) -> sqs.Queue:
        return sqs.Queue(
            self,
            construct_id,
            fifo=True,
            fifo_throughput_limit=sqs.FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
            deduplication_scope=sqs.DeduplicationScope.MESSAGE_GROUP,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=_RETENTION,
            visibility_timeout=visibility_timeout,
            dead_letter_queue=dead_letter_queue,
        )


class Line(Construct):
    """A wake-up queue and the function that consumes it, one wake-up an invocation."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        runtime: Runtime,
        folder: str,
        service_name: str,
        description: str,
        timeout: cdk.Duration,
        memory_mb: int,
        max_concurrency: int,
        environment: Mapping[str, str],
    ) -> None:
        super().__init__(scope, construct_id)
        wake_ups = WakeUpQueue(
            self,
            "WakeUps",
            visibility_timeout=cdk.Duration.seconds(timeout.to_seconds() * _VISIBILITY_FACTOR),
        )
        self.queue = wake_ups.queue
        self.dead_letters = wake_ups.dead_letters
        self.worker = ProxyFunction(
            self,
            "Worker",
            runtime=runtime,
            folder=folder,
            service_name=service_name,
            description=description,
            timeout=timeout,
            memory_mb=memory_mb,
            environment=environment,
            # A line that has more work than one invocation can do wakes itself.
            recursive_loop=lambda_.RecursiveLoop.ALLOW,
        )
        # This also lets the worker receive, delete and change the visibility of its wake-ups.
        self.worker.function.add_event_source(
            event_sources.SqsEventSource(
                self.queue, batch_size=1, report_batch_item_failures=True, max_concurrency=max_concurrency
            )
        )
