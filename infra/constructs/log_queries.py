"""CloudWatch Logs Insights queries that are saved with the stack: the questions that are asked first."""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.constructs.function import ProxyFunction

_NEWEST_FIRST = "sort @timestamp desc"

# `MESSAGE`, `TENANT` and `REQUEST` are what an operator puts in.
_QUERIES: Mapping[str, tuple[str, ...]] = {
    "The way of a message": (
        "fields @timestamp, service, message, status, attempts, codes, tenant_id, account_id",
        'filter message_id = "MESSAGE" or @message like /"MESSAGE"/',
        "sort @timestamp asc",
    ),
    "What a tenant's relays refuse": (
        'filter tenant_id = "TENANT" and message = "mail tried"',
        "stats count(*) as mails by account_id, status, codes.0",
        "sort mails desc",
    ),
    "Everything of a call": (
        "fields @timestamp, level, message, route, status, duration_ms",
        'filter correlation_id = "REQUEST"',
        "sort @timestamp asc",
    ),
    "Slowest calls": (
        'filter message = "call"',
        "stats count(*) as calls, pct(duration_ms, 50) as p50, pct(duration_ms, 99) as p99 by route, method",
        "sort p99 desc",
    ),
    "Warnings and errors": (
        "fields @timestamp, service, level, message, reason, tenant_id, line",
        'filter level in ["WARNING", "ERROR", "CRITICAL"]',
        _NEWEST_FIRST,
    ),
    "Cold starts and memory": (
        'filter @type = "REPORT"',
        "stats count(*) as invocations, count(@initDuration) as cold, max(@initDuration) as longest_start, "
        "max(@maxMemoryUsed / 1000000) as most_mb by @log",
        "sort cold desc",
    ),
}


class LogQueries(Construct):
    """Over the logs of all functions."""

    def __init__(self, scope: Construct, construct_id: str, *, workers: Mapping[str, ProxyFunction]) -> None:
        super().__init__(scope, construct_id)
        groups = [worker.log_group for worker in workers.values()]
        for name, lines in _QUERIES.items():
            logs.CfnQueryDefinition(
                self,
                "".join(word.title() for word in name.replace("'", "").split()),
                name=f"{cdk.Stack.of(self).stack_name}/{name}",
                query_string="\n| ".join(lines),
                log_group_names=[group.log_group_name for group in groups],
            )
