"""Alarms of what the proxy counts itself and an operator must see to."""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.constructs.function import METRICS_NAMESPACE


class Alarms(Construct):
    """Without actions: a deployment adds its own, such as an SNS topic."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        cloudwatch.Alarm(
            self,
            "PushesDisabled",
            alarm_description="A tenant's endpoint answered 410 or failed for five days: nothing is pushed to it any "
            "more. GET /v1/sync shows whose it is.",
            metric=cloudwatch.Metric(
                namespace=METRICS_NAMESPACE,
                metric_name="PushesDisabled",
                dimensions_map={"service": "reporter"},
                statistic=cloudwatch.Stats.SUM,
                period=cdk.Duration.minutes(5),
            ),
            threshold=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            evaluation_periods=1,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
