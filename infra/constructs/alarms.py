"""What an operator must see to, as alarms. Each has a page in docs/runbooks that says what to do."""

from collections.abc import Iterable, Mapping

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.constructs.api import Api
from infra.constructs.event_bus import EventBusPublisher
from infra.constructs.function import ProxyFunction
from infra.constructs.line import Line
from infra.constructs.metrics import FIVE_MINUTES, counted, of_service, total
from infra.constructs.tables import Tables
from infra.settings import StackSettings

# A wake-up is held for a minute at most, and what waits longer waits by its head: an older one was never looked at.
_IMMEDIATE_IS_LATE = cdk.Duration.minutes(3)
_WAKE_UP_IS_LATE = cdk.Duration.minutes(15)
_ENOUGH_TO_JUDGE = 20  # mails in five minutes
_NEAR_THE_CAP = 0.9


class Alarms(Construct):
    """They tell the SNS topic of the setting `alarm_topic_arn`, or nobody where there is none."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: StackSettings,
        lanes: Mapping[str, Line],
        reports: Line,
        mailboxes: Line | None,
        workers: Mapping[str, ProxyFunction],
        api: Api,
        tables: Tables,
        event_bus: EventBusPublisher | None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._topic = (
            sns.Topic.from_topic_arn(self, "Topic", settings.alarm_topic_arn) if settings.alarm_topic_arn else None
        )
        self._lines({**lanes, "reports": reports} | ({"mailboxes": mailboxes} if mailboxes is not None else {}))
        self._caps(lanes, reports, settings)
        self._outcomes(lanes)
        self._reports()
        self._functions(workers)
        self._entrance(api)
        self._tables(tables)
        if event_bus is not None:
            self._publishing(event_bus)

    def _lines(self, lines: Mapping[str, Line]) -> None:
        for name, line in lines.items():
            late = _IMMEDIATE_IS_LATE if name == "immediate" else _WAKE_UP_IS_LATE
            self._alarm(
                f"{name.title()}IsLate",
                "a-line-is-late",
                f"The oldest wake-up of {name} has not been worked for {late.to_minutes():.0f} minutes.",
                line.queue.metric_approximate_age_of_oldest_message(period=FIVE_MINUTES),
                above=late.to_seconds(),
                periods=2,
            )
        dead = {
            f"d{position}": line.dead_letters.metric_approximate_number_of_messages_visible(period=FIVE_MINUTES)
            for position, line in enumerate(lines.values())
        }
        self._alarm(
            "DeadLetters",
            "dead-letters",
            "A wake-up was received a thousand times and is now in a dead-letter queue.",
            total(dead, label="dead letters"),
            above=0,
        )

    def _caps(self, lanes: Mapping[str, Line], reports: Line, settings: StackSettings) -> None:
        caps = {name: (line, settings.sender_max_concurrency) for name, line in lanes.items()}
        caps["reports"] = (reports, settings.reporter_max_concurrency)
        for name, (line, cap) in caps.items():
            self._alarm(
                f"{name.title()}IsAtItsCap",
                "at-the-cap",
                f"Nearly all of the {cap} workers that {name} may have are busy: further lines must wait.",
                line.worker.function.metric(
                    "ConcurrentExecutions", statistic=cloudwatch.Stats.MAXIMUM, period=FIVE_MINUTES
                ),
                above=cap * _NEAR_THE_CAP,
                periods=3,
            )

    def _outcomes(self, lanes: Mapping[str, Line]) -> None:
        sums = {name.lower(): _over(lanes, name) for name in ("Sent", "Errors", "Deferred")}
        for construct_id, what, runbook, ratio, periods in (
            ("ManyErrors", "errors", "many-errors", 0.2, 2),
            ("ManyDeferred", "deferred", "many-deferred", 0.5, 6),
        ):
            parts = {**sums["sent"], **sums[what]}
            tried, bad = _sum(parts), _sum(sums[what])
            self._alarm(
                construct_id,
                runbook,
                f"More than {ratio:.0%} of what was tried came to nothing ({what}).",
                cloudwatch.MathExpression(
                    expression=f"IF({tried} >= {_ENOUGH_TO_JUDGE}, {bad} / {tried}, 0)",
                    using_metrics=parts,
                    label=what,
                    period=FIVE_MINUTES,
                ),
                above=ratio,
                periods=periods,
            )

    def _reports(self) -> None:
        self._alarm(
            "PushesDisabled",
            "a-push-was-disabled",
            "A tenant's endpoint answered 410 or failed for five days: nothing is pushed to it any more.",
            counted("PushesDisabled", service="reporter"),
            above=0,
        )
        self._alarm(
            "NothingIsReported",
            "nothing-is-reported",
            "Calls of the tenants' endpoints fail, and not one got through for half an hour.",
            cloudwatch.MathExpression(
                expression="IF(FILL(failed, 0) > 0 AND FILL(reported, 0) == 0, 1, 0)",
                using_metrics={
                    "failed": counted("PushFailures", service="reporter"),
                    "reported": counted("EventsReported", service="reporter"),
                },
                label="nothing reported",
                period=FIVE_MINUTES,
            ),
            above=0,
            periods=6,
        )

    def _publishing(self, event_bus: EventBusPublisher) -> None:
        self._alarm(
            "EventsNotPublished",
            "events-not-published",
            "Events could not be put on the EventBridge bus and were given up.",
            event_bus.dead_letters.metric_approximate_number_of_messages_visible(period=FIVE_MINUTES),
            above=0,
        )

    def _functions(self, workers: Mapping[str, ProxyFunction]) -> None:
        for construct_id, metric, runbook, what in (
            ("FunctionsFail", "Errors", "a-function-fails", "Invocations ended in an error or in a time-out."),
            (
                "FunctionsAreThrottled",
                "Throttles",
                "throttled",
                "Lambda did not start functions for want of concurrency.",
            ),
        ):
            using = {
                f"f{position}": worker.function.metric(metric, statistic=cloudwatch.Stats.SUM, period=FIVE_MINUTES)
                for position, worker in enumerate(workers.values())
            }
            self._alarm(construct_id, runbook, what, total(using, label=metric), above=0, periods=3, breaching=2)
        self._alarm(
            "SchedulerStandsStill",
            "the-scheduler-stands-still",
            "The scheduler, which runs each minute, did not run for five: what is due later is not woken.",
            workers["scheduler"].function.metric_invocations(period=FIVE_MINUTES),
            below=1,
            missing=cloudwatch.TreatMissingData.BREACHING,
        )
        self._alarm(
            "CommandsNotRecorded",
            "commands-not-recorded",
            "A change was made and could not be written into the audit log.",
            total(
                {
                    "api": counted("CommandsNotRecorded", service="api"),
                    "reporter": counted("CommandsNotRecorded", service="reporter"),
                },
                label="not recorded",
            ),
            above=0,
        )

    def _entrance(self, api: Api) -> None:
        self._alarm(
            "ApiFails",
            "the-api-fails",
            "Calls of the API were answered with 5xx.",
            api.http_api.metric_server_error(period=FIVE_MINUTES, statistic=cloudwatch.Stats.SUM),
            above=4,
            periods=2,
        )

    def _tables(self, tables: Tables) -> None:
        using = {
            name: of_service(
                "ThrottledRequests",
                {"TableName": table.table_name, "Operation": operation},
                namespace="AWS/DynamoDB",
                statistic=cloudwatch.Stats.SUM,
                label=f"{name} {operation}",
            )
            for name, table, operation in (
                ("queries", tables.messages, "Query"),
                ("batches", tables.messages, "BatchWriteItem"),
                ("transactions", tables.messages, "TransactWriteItems"),
                ("updates", tables.messages, "UpdateItem"),
                ("settings", tables.registry, "GetItem"),
            )
        }
        self._alarm(
            "TablesAreThrottled",
            "tables-are-throttled",
            "DynamoDB refuses requests that come faster than a partition allows.",
            total(using, label="throttled requests"),
            above=0,
            periods=3,
            breaching=2,
        )

    def _alarm(
        self,
        construct_id: str,
        runbook: str,
        what: str,
        metric: cloudwatch.IMetric,
        *,
        above: float | None = None,
        below: float | None = None,
        periods: int = 1,
        breaching: int | None = None,
        missing: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING,
    ) -> None:
        """In `breaching` of `periods` times five minutes (all, if not said)."""
        alarm = cloudwatch.Alarm(
            self,
            construct_id,
            alarm_description=f"{what} What to do: docs/runbooks/{runbook}.md",
            metric=metric,
            threshold=above if above is not None else below or 0,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
            if above is not None
            else cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            evaluation_periods=periods,
            datapoints_to_alarm=breaching or periods,
            treat_missing_data=missing,
        )
        if self._topic is not None:
            alarm.add_alarm_action(actions.SnsAction(self._topic))
            alarm.add_ok_action(actions.SnsAction(self._topic))


def _over(lanes: Mapping[str, Line], metric: str) -> dict[str, cloudwatch.Metric]:
    """The metric of each lane, under a name that mathematics can use."""
    return {f"{metric.lower()}_{lane}": counted(metric, service=f"sender-{lane}") for lane in lanes}


def _sum(names: Iterable[str]) -> str:
    return f"({' + '.join(f'FILL({name}, 0)' for name in names)})"
