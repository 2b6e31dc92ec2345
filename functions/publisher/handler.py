"""Lambda's entry to the publisher, called with what the stream of the table `messages` has of outbox pages."""

from collections.abc import Iterator
from functools import cache
from typing import TypedDict

from aws_lambda_powertools.utilities.typing import LambdaContext

from shared.aws import clients
from shared.aws.attributes import Attributes, from_attributes
from shared.aws.eventbridge import EventBus
from shared.lines.line import HEAD_SORT_KEY, LineKind
from shared.observability import MetricUnit, logger, metrics
from shared.reports.publishing import NewPage, Publisher
from shared.settings import PublisherSettings

_OUTBOX = f"LINE#{LineKind.REPORTS}#"


class _Change(TypedDict, total=False):
    SequenceNumber: str
    NewImage: Attributes


class StreamRecord(TypedDict):
    """What is read of https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html."""

    eventName: str
    dynamodb: _Change


class StreamEvent(TypedDict):
    """A batch of one shard, in order."""

    Records: list[StreamRecord]


class ItemFailure(TypedDict):
    """From where the stream is to be read again."""

    itemIdentifier: str


class BatchResponse(TypedDict):
    """https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html."""

    batchItemFailures: list[ItemFailure]


@cache
def _publisher() -> Publisher:
    settings = PublisherSettings.from_environment()
    return Publisher(EventBus(clients.eventbridge(), settings.event_bus_name))


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def handler(event: StreamEvent, _context: LambdaContext) -> BatchResponse:
    """New pages go to the bus; from the first one that could not, the stream is read again."""
    pages = list(_new_pages(event))
    failed_from = _publisher().publish(pages)
    if failed_from is None:
        return {"batchItemFailures": []}
    metrics.add_metric(name="PublishingFailures", unit=MetricUnit.Count, value=1)
    return {"batchItemFailures": [{"itemIdentifier": failed_from}]}


def _new_pages(event: StreamEvent) -> Iterator[NewPage]:
    """The mapping's filter lets through nothing else; where it is missing, this does."""
    for record in event["Records"]:
        change = record["dynamodb"]
        if record["eventName"] == "INSERT" and "NewImage" in change:
            item = from_attributes(change["NewImage"])
            if str(item["pk"]).startswith(_OUTBOX) and item["sk"] != HEAD_SORT_KEY:
                yield NewPage(change["SequenceNumber"], item)
