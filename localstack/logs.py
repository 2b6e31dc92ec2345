"""Reads what the functions logged on a local AWS: the first thing to look at when something went wrong."""

import json
from collections.abc import Iterator
from typing import Final

from localstack.aws import CONFIG, session

SHOWN: Final = 10
"""How many lines are returned at most: the latest."""
LINE: Final = 2_000
"""How many characters of each."""

_LEVELS: Final = frozenset({"ERROR", "CRITICAL"})


def recent_errors(endpoint_url: str) -> list[str]:
    """Return the latest lines that the functions logged as errors, and the traces of those that crashed."""
    return sorted(_errors(endpoint_url))[-SHOWN:]


def _errors(endpoint_url: str) -> Iterator[str]:
    logs = session().client("logs", endpoint_url=endpoint_url, config=CONFIG)
    for group in logs.describe_log_groups()["logGroups"]:
        for event in logs.filter_log_events(logGroupName=group["logGroupName"])["events"]:
            if _is_error(event["message"]):
                yield f"{event['timestamp']} {event['message'][:LINE].rstrip()}"


def _is_error(line: str) -> bool:
    try:
        record = json.loads(line)
    except ValueError:
        return "Traceback" in line
    return isinstance(record, dict) and record.get("level") in _LEVELS
