"""Between an SQS event source mapping and a worker of lines: events in, batch item failures out.

What goes wrong inside becomes a failed item, never an exception: an error would make Lambda shrink the whole mapping's
concurrency, and so punish every tenant for one.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypedDict

from aws_lambda_powertools.utilities.typing import LambdaContext

from shared.clock import SECOND, Millis, system_clock
from shared.errors import InvalidInput, StorageError
from shared.lines.attendance import Disposition
from shared.lines.wakeups import WakeUp, decode
from shared.observability import logger

# Kept back from the function's time, so that what is under way at the deadline can still be written.
_RESERVE: Millis = 10 * SECOND


class SqsRecord(TypedDict):
    """A message that was received; what is used of it."""

    messageId: str
    receiptHandle: str
    body: str


class SqsEvent(TypedDict):
    """https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html. Powertools' class of it brings those of every other
    event along, which takes a function as long to import as its event loop."""

    Records: list[SqsRecord]


class ItemFailure(TypedDict):
    """A wake-up that goes back to its queue."""

    itemIdentifier: str


class BatchResponse(TypedDict):
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html."""

    batchItemFailures: list[ItemFailure]


@dataclass(frozen=True, slots=True)
class Invocation:
    """`deadline` is when everything that this invocation does must have ended."""

    deadline: Millis


type Attend = Callable[[WakeUp, Invocation], Awaitable[Disposition]]


async def attend_all(event: SqsEvent, context: LambdaContext, attend: Attend) -> BatchResponse:
    """Works the event's wake-ups one after the other; the mapping's batch size is 1."""
    invocation = Invocation(deadline=system_clock() + context.get_remaining_time_in_millis() - _RESERVE)
    failures: list[ItemFailure] = []
    for record in event["Records"]:
        try:
            line = decode(record["body"])
        except InvalidInput as error:
            logger.error("not a wake-up: dropped", queue_message_id=record["messageId"], reason=error.detail)
            continue
        logger.append_keys(line=line.partition, tenant_id=line.tenant_id)
        try:
            disposition = await attend(WakeUp(line, record["receiptHandle"]), invocation)
        except StorageError as error:
            logger.exception("line left as it is: its claim runs out", reason=error.detail)
            disposition = Disposition.GIVE_BACK
        except Exception:  # the border of the process: the next worker finds the claim, and counts it as a crash
            logger.exception("line left as it is, by an error of ours: its claim runs out")
            disposition = Disposition.GIVE_BACK
        if disposition is Disposition.GIVE_BACK:
            failures.append({"itemIdentifier": record["messageId"]})
        logger.info("wake-up worked", disposition=disposition.name.lower())
    return {"batchItemFailures": failures}
