"""The sender as Lambda calls it: built from its environment, called with an SQS event."""

import json
from collections.abc import Iterator

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.sender import handler as sender
from shared.aws import clients
from shared.aws.dynamodb import Table
from shared.aws.s3 import Bucket
from shared.aws.sqs import FifoQueue
from shared.clock import MINUTE, system_clock
from shared.errors import ConfigurationError
from shared.lines.head import Heads
from shared.lines.line import LineKind, account_line
from shared.lines.wakeups import WakeUps, encode
from tests import boto
from tests.unit.shared.lines.lane import head_of

LINE = account_line(LineKind.IMMEDIATE, "acme", "main")


class Context(LambdaContext):
    """An invocation with two minutes left."""

    function_name = "sender"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:sender"
    aws_request_id = "1"

    def __init__(self) -> None:
        """Needs nothing."""

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 120_000


@pytest.fixture
def environment(
    registry: Table,
    messages: Table,
    queue_urls: dict[LineKind, str],
    kms_key_id: str,
    payloads_bucket: Bucket,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[None]:
    key = boto.secrets_manager().create_secret(Name="key", SecretString="k" * 32)["ARN"]
    monkeypatch.setenv("LANE", "immediate")
    monkeypatch.setenv("PAYLOADS_BUCKET", payloads_bucket.name)
    monkeypatch.setenv("INSTANCE_KEY_SECRET_ID", key)
    monkeypatch.setenv("REGISTRY_TABLE", registry.name)
    monkeypatch.setenv("MESSAGES_TABLE", messages.name)
    monkeypatch.setenv("KMS_KEY_ID", kms_key_id)
    for kind, url in queue_urls.items():
        prefix = "" if kind is LineKind.REPORTS else "LANE_"
        monkeypatch.setenv(f"{prefix}{kind.value.upper()}_QUEUE_URL", url)
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "sender")
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "true")
    sender._worker.cache_clear()
    yield
    sender._worker.cache_clear()


def received(url: str) -> dict[str, object]:
    """The event that Lambda makes of the wake-up in the queue."""
    (message,) = boto.sqs().receive_message(QueueUrl=url, VisibilityTimeout=60)["Messages"]
    record = {"messageId": "1", "receiptHandle": message["ReceiptHandle"], "body": message["Body"]}
    return {"Records": [record]}


def test_a_wake_up_for_an_empty_line_is_done_with_and_the_line_rests(
    environment: None, messages: Table, queue_urls: dict[LineKind, str]
) -> None:
    url, now = queue_urls[LINE.kind], system_clock()
    Heads(messages).announce(LINE, now, now - 5 * MINUTE)
    WakeUps({LINE.kind: FifoQueue(clients.sqs(), url)}).send(LINE)

    assert sender.handler(received(url), Context()) == {"batchItemFailures": []}

    assert head_of(messages, LINE).wake_at is None


def test_a_wake_up_in_the_hands_of_another_is_given_back(environment: None) -> None:
    record = {"messageId": "1", "receiptHandle": "stale", "body": json.dumps(encode(LINE))}

    assert sender.handler({"Records": [record]}, Context()) == {"batchItemFailures": [{"itemIdentifier": "1"}]}


def test_a_missing_setting_is_named(environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MESSAGES_TABLE")

    with pytest.raises(ConfigurationError, match="MESSAGES_TABLE"):
        sender.handler({"Records": []}, Context())
