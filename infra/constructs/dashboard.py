"""A CloudWatch dashboard: what comes in, what waits, what became of it, and what runs short."""

from collections.abc import Mapping, Sequence

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.constructs.api import Api
from infra.constructs.function import ProxyFunction
from infra.constructs.line import Line
from infra.constructs.metrics import FIVE_MINUTES, counted, of_service
from infra.constructs.tables import Tables

_HALF, _HEIGHT = 12, 6  # of 24 columns


class Dashboard(Construct):
    """One page, from the entrance to the tables."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        lanes: Mapping[str, Line],
        reports: Line,
        workers: Mapping[str, ProxyFunction],
        api: Api,
        tables: Tables,
    ) -> None:
        super().__init__(scope, construct_id)
        lines = {**lanes, "reports": reports}
        cloudwatch.Dashboard(
            self,
            "Dashboard",
            widgets=[
                [
                    _graph("Messages", [counted(each, service="api") for each in _SUBMISSION]),
                    _graph("API", _calls(api)),
                ],
                [
                    _graph("Sent", [counted("Sent", service=f"sender-{lane}") for lane in lanes]),
                    _graph(
                        "Put off, failed", [counted(each, service=f"sender-{lane}") for each in _BAD for lane in lanes]
                    ),
                ],
                [
                    _graph("From due to sent, the longest of a slice, in ms", _times(lanes)),
                    _graph("Age of the oldest wake-up, in seconds", _ages(lines)),
                ],
                [
                    _graph("Reports", [counted(each, service="reporter") for each in _REPORTING]),
                    _graph("Lines woken and blocked", [counted(each, service="scheduler") for each in _ROUNDS]),
                ],
                [
                    _graph("Workers at once", _running(lines)),
                    _graph("Errors and throttles of functions", _failing(workers)),
                ],
                [_graph("Table messages, units", _units(tables)), _graph("Dead letters", _dead(lines))],
            ],
        )


_SUBMISSION = ("MessagesAccepted", "MessagesRejected")
_BAD = ("Deferred", "Errors")
_REPORTING = ("EventsReported", "PushFailures", "EventsGivenUp", "PushesDisabled")
_ROUNDS = ("LinesWoken", "LinesBlocked")


def _graph(title: str, metrics: Sequence[cloudwatch.IMetric]) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=metrics, width=_HALF, height=_HEIGHT)


def _calls(api: Api) -> list[cloudwatch.IMetric]:
    return [
        api.http_api.metric_count(period=FIVE_MINUTES, label="calls"),
        api.http_api.metric_client_error(period=FIVE_MINUTES, statistic=cloudwatch.Stats.SUM, label="4xx"),
        api.http_api.metric_server_error(period=FIVE_MINUTES, statistic=cloudwatch.Stats.SUM, label="5xx"),
    ]


def _times(lanes: Mapping[str, Line]) -> list[cloudwatch.IMetric]:
    return [
        counted("DueToSent", service=f"sender-{lane}", statistic=statistic).with_(label=f"{lane} {statistic}")
        for lane in lanes
        for statistic in ("p50", "p99")
    ]


def _ages(lines: Mapping[str, Line]) -> list[cloudwatch.IMetric]:
    return [
        line.queue.metric_approximate_age_of_oldest_message(period=FIVE_MINUTES, label=name)
        for name, line in lines.items()
    ]


def _running(lines: Mapping[str, Line]) -> list[cloudwatch.IMetric]:
    return [
        line.worker.function.metric(
            "ConcurrentExecutions", statistic=cloudwatch.Stats.MAXIMUM, period=FIVE_MINUTES, label=name
        )
        for name, line in lines.items()
    ]


def _failing(workers: Mapping[str, ProxyFunction]) -> list[cloudwatch.IMetric]:
    return [
        worker.function.metric(metric, statistic=cloudwatch.Stats.SUM, period=FIVE_MINUTES, label=f"{name} {metric}")
        for metric in ("Errors", "Throttles")
        for name, worker in workers.items()
    ]


def _units(tables: Tables) -> list[cloudwatch.IMetric]:
    return [
        of_service(
            metric,
            {"TableName": tables.messages.table_name},
            namespace="AWS/DynamoDB",
            statistic=cloudwatch.Stats.SUM,
            label=metric,
        )
        for metric in ("ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits")
    ]


def _dead(lines: Mapping[str, Line]) -> list[cloudwatch.IMetric]:
    return [
        line.dead_letters.metric_approximate_number_of_messages_visible(period=FIVE_MINUTES, label=name)
        for name, line in lines.items()
    ]
