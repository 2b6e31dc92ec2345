"""The metrics that alarms and the dashboard are made of: the proxy's own, and those of the services under it."""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch

from infra.constructs.function import METRICS_NAMESPACE

FIVE_MINUTES = cdk.Duration.minutes(5)


def counted(name: str, *, service: str, statistic: str = cloudwatch.Stats.SUM) -> cloudwatch.Metric:
    """What the functions of a service count (docs/architecture.md, Observability)."""
    return cloudwatch.Metric(
        namespace=METRICS_NAMESPACE,
        metric_name=name,
        dimensions_map={"service": service},
        statistic=statistic,
        period=FIVE_MINUTES,
        label=f"{service} {name}",
    )


def of_service(
    name: str, dimensions: Mapping[str, str], *, namespace: str, statistic: str, label: str
) -> cloudwatch.Metric:
    """A metric of an AWS service, such as `AWS/DynamoDB`."""
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        dimensions_map=dimensions,
        statistic=statistic,
        period=FIVE_MINUTES,
        label=label,
    )


def total(metrics: Mapping[str, cloudwatch.IMetric], *, label: str) -> cloudwatch.MathExpression:
    """Their sum; one that has no data counts for nothing."""
    terms = " + ".join(f"FILL({name}, 0)" for name in metrics)
    return cloudwatch.MathExpression(expression=terms, using_metrics=metrics, label=label, period=FIVE_MINUTES)
