"""The API's metrics, written as CloudWatch EMF lines."""

from aws_lambda_powertools.metrics import EphemeralMetrics

from shared.observability import NAMESPACE, MetricUnit


def count_submission(tenant_id: str, *, accepted: int, rejected: int) -> None:
    """One call's messages. The tenant is searchable in the log, but no dimension: each would be billed as a metric."""
    # One for each call: under a development server calls run side by side, which the shared one is not made for.
    metrics = EphemeralMetrics(namespace=NAMESPACE, service="api")
    metrics.add_metric("MessagesAccepted", MetricUnit.Count, accepted)
    metrics.add_metric("MessagesRejected", MetricUnit.Count, rejected)
    metrics.add_metadata("tenant_id", tenant_id)
    metrics.flush_metrics()
