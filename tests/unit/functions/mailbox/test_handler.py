"""The reader of mailboxes as Lambda calls it: built from its environment, called with an SQS event."""

from collections.abc import Iterator

import pytest

from functions.mailbox import handler as mailbox
from functions.mapping import SqsEvent
from shared.aws import clients
from shared.aws.dynamodb import Table
from shared.aws.s3 import Bucket
from shared.aws.sqs import FifoQueue
from shared.clock import MINUTE, system_clock
from shared.errors import ConfigurationError
from shared.lines.head import Heads
from shared.lines.line import LineKind, mailbox_line
from shared.lines.wakeups import WakeUps
from tests import boto
from tests.unit.functions.reporter.test_handler import Context
from tests.unit.shared.lines.lane import head_of

LINE = mailbox_line("acme", "returns")


@pytest.fixture
def environment(
    registry: Table,
    messages: Table,
    queue_urls: dict[LineKind, str],
    kms_key_id: str,
    payloads_bucket: Bucket,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[None]:
    secret = boto.secrets_manager().create_secret(Name="key", SecretString="k" * 32)["ARN"]
    for kind, url in queue_urls.items():
        name = {LineKind.REPORTS: "REPORTS", LineKind.MAILBOX: "MAILBOXES"}.get(kind, f"LANE_{kind.value.upper()}")
        monkeypatch.setenv(f"{name}_QUEUE_URL", url)
    for name, value in {
        "REGISTRY_TABLE": registry.name,
        "MESSAGES_TABLE": messages.name,
        "KMS_KEY_ID": kms_key_id,
        "PAYLOADS_BUCKET": payloads_bucket.name,
        "INSTANCE_KEY_SECRET_ID": secret,
        "POWERTOOLS_SERVICE_NAME": "mailbox",
        "POWERTOOLS_METRICS_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    mailbox._worker.cache_clear()
    yield
    mailbox._worker.cache_clear()


def received(url: str) -> SqsEvent:
    """The event that Lambda makes of the wake-up in the queue."""
    (message,) = boto.sqs().receive_message(QueueUrl=url, VisibilityTimeout=60)["Messages"]
    return {"Records": [{"messageId": "1", "receiptHandle": message["ReceiptHandle"], "body": message["Body"]}]}


def test_a_wake_up_for_a_mailbox_that_is_gone_is_done_with_and_its_line_rests(
    environment: None, messages: Table, queue_urls: dict[LineKind, str]
) -> None:
    url, now = queue_urls[LINE.kind], system_clock()
    Heads(messages).announce(LINE, now, now - 5 * MINUTE)
    WakeUps({LINE.kind: FifoQueue(clients.sqs(), url)}).send(LINE)

    assert mailbox.handler(received(url), Context()) == {"batchItemFailures": []}

    assert head_of(messages, LINE).wake_at is None


def test_a_missing_setting_is_named(environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INSTANCE_KEY_SECRET_ID")

    with pytest.raises(ConfigurationError, match="INSTANCE_KEY_SECRET_ID"):
        mailbox.handler({"Records": []}, Context())
