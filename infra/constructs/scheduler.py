"""The heartbeat: each minute, a function that wakes every line that is due, and calls itself until it is through."""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from constructs import Construct

from infra.constructs.function import ProxyFunction, Runtime

_INTERVAL = cdk.Duration.minutes(1)
# One generation of a run must be over before the schedule begins another run.
_TIMEOUT = cdk.Duration.seconds(55)


class Scheduler(Construct):
    """The scheduler function and its EventBridge schedule."""

    def __init__(
        self, scope: Construct, construct_id: str, *, runtime: Runtime, environment: Mapping[str, str]
    ) -> None:
        super().__init__(scope, construct_id)
        self.worker = ProxyFunction(
            self,
            "Worker",
            runtime=runtime,
            folder="scheduler",
            service_name="scheduler",
            description="Wakes the lines that are due",
            timeout=_TIMEOUT,
            memory_mb=1024,  # more than half a CPU, which a million due lines keep busy for minutes
            environment=environment,
            recursive_loop=lambda_.RecursiveLoop.ALLOW,
        )
        # What fails is made up for by the next minute. Repeated, it would be refused: the lease has passed on.
        self.worker.function.configure_async_invoke(retry_attempts=0, max_event_age=_INTERVAL)
        # A policy by itself: the function waits for its role's own one, which therefore cannot name the function.
        iam.Policy(
            self,
            "GoesOn",
            roles=[self.worker.role],
            statements=[
                iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[self.worker.function.function_arn])
            ],
        )
        scheduler.Schedule(
            self,
            "EachMinute",
            description="Wakes the mail proxy's scheduler",
            schedule=scheduler.ScheduleExpression.rate(_INTERVAL),
            # The next minute makes up for a missed one; late repeats would only pile up.
            target=targets.LambdaInvoke(self.worker.function, retry_attempts=0, max_event_age=_INTERVAL),
        )
