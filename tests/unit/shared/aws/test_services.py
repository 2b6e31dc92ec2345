"""KMS, S3, SQS, Secrets Manager as the project uses them, and what their errors become."""

import pytest

from shared.aws import clients
from shared.aws.connections import Answer, ConnectionLost, Connections
from shared.aws.kms import SecretSealer
from shared.aws.s3 import Bucket
from shared.aws.secrets import DeployedSecret
from shared.aws.sqs import FifoMessage, FifoQueue
from shared.aws.threads import in_thread
from shared.clock import MINUTE
from shared.errors import ConfigurationError, StaleReceipt, StorageError, StorageUnavailable
from shared.lines.line import LineKind
from tests import boto
from tests.unit.clock import SettableClock


class TestSecrets:
    def test_open_for_the_tenant_and_owner_they_were_sealed_for(self, sealer: SecretSealer) -> None:
        sealed = sealer.seal("pässwörd", tenant="acme", owner="account/main")

        assert "pässwörd".encode() not in sealed
        assert sealer.open(sealed, tenant="acme", owner="account/main") == "pässwörd"

    @pytest.mark.parametrize(("tenant", "owner"), [("other", "account/main"), ("acme", "account/other")])
    def test_open_for_no_other(self, sealer: SecretSealer, tenant: str, owner: str) -> None:
        sealed = sealer.seal("secret", tenant="acme", owner="account/main")
        sealer.open(sealed, tenant="acme", owner="account/main")

        with pytest.raises(StorageError):
            sealer.open(sealed, tenant=tenant, owner=owner)

    def test_are_opened_by_kms_once_in_five_minutes(
        self, sealer: SecretSealer, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sealed = sealer.seal("secret", tenant="acme", owner="x")
        sealer.open(sealed, tenant="acme", owner="x")

        def unreachable(*_: object) -> None:
            raise ConnectionLost("timed out")

        monkeypatch.setattr("time.sleep", lambda _: None)
        monkeypatch.setattr(Connections, "post", unreachable)
        assert sealer.open(sealed, tenant="acme", owner="x") == "secret"
        clock.advance(5 * MINUTE)
        with pytest.raises(StorageUnavailable):
            sealer.open(sealed, tenant="acme", owner="x")

    def test_of_the_deployment_are_read(self, aws: None) -> None:
        arn = boto.secrets_manager().create_secret(Name="token", SecretString="s3cret")["ARN"]

        assert DeployedSecret(clients.secrets_manager(), arn).read() == "s3cret"

    def test_of_the_deployment_may_not_be_empty(self, aws: None) -> None:
        arn = boto.secrets_manager().create_secret(Name="token", SecretBinary=b"x")["ARN"]

        with pytest.raises(ConfigurationError, match="token"):
            DeployedSecret(clients.secrets_manager(), arn).read()

    def test_of_the_deployment_that_are_absent_are_an_error(self, aws: None) -> None:
        with pytest.raises(StorageError):
            DeployedSecret(clients.secrets_manager(), "absent").read()


class TestBuckets:
    def test_keep_octets_by_key(self, payloads_bucket: Bucket) -> None:
        payloads_bucket.put("MAIL#acme#ü/PAYLOAD#1", b"\0\xff")

        assert payloads_bucket.get("MAIL#acme#ü/PAYLOAD#1") == b"\0\xff"

    def test_tell_what_is_not_there(self, payloads_bucket: Bucket) -> None:
        with pytest.raises(StorageError):
            payloads_bucket.get("absent")


class TestQueues:
    def test_refuse_more_than_ten_messages_a_batch(self, queues: dict[LineKind, FifoQueue]) -> None:
        message = FifoMessage(body={}, group="g", deduplication_id="1")

        with pytest.raises(StorageError):
            queues[LineKind.LOW].send_batch([message] * 11)

    def test_that_are_not_there_are_an_error(self, queues: dict[LineKind, FifoQueue]) -> None:
        gone = FifoQueue(clients.sqs(), queues[LineKind.LOW].url.replace("low", "gone"))

        with pytest.raises(StorageError):
            gone.send(FifoMessage(body={}, group="g", deduplication_id="1"))

    def test_tell_when_some_of_a_batch_was_refused(
        self, queues: dict[LineKind, FifoQueue], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answer = Answer(200, {}, b'{"Failed": [{"Id": "0", "Code": "InternalError"}]}')
        monkeypatch.setattr(Connections, "post", lambda *_: answer)

        with pytest.raises(StorageUnavailable, match="InternalError"):
            queues[LineKind.LOW].send_batch([FifoMessage(body={}, group="g", deduplication_id="1")])

    def test_hold_a_wake_up_in_hand(self, queues: dict[LineKind, FifoQueue]) -> None:
        queue = queues[LineKind.LOW]
        queue.send(FifoMessage(body={}, group="g", deduplication_id="1"))
        (message,) = boto.sqs().receive_message(QueueUrl=queue.url)["Messages"]
        queue.hold(message["ReceiptHandle"], 0)
        (again,) = boto.sqs().receive_message(QueueUrl=queue.url)["Messages"]
        assert again["MessageId"] == message["MessageId"]

    def test_tell_when_a_wake_up_is_no_longer_in_hand(self, queues: dict[LineKind, FifoQueue]) -> None:
        with pytest.raises(StaleReceipt):
            queues[LineKind.LOW].hold("no receipt of anything", 30)

    @pytest.mark.parametrize(
        "reason",
        [
            "ReceiptHandleIsInvalid",
            "InvalidParameterValue",
            "MessageNotInflight",
            "AWS.SimpleQueueService.MessageNotInflight",
        ],
    )
    def test_tell_it_whatever_name_the_service_gives_it(
        self, queues: dict[LineKind, FifoQueue], monkeypatch: pytest.MonkeyPatch, reason: str
    ) -> None:
        answer = Answer(400, {"x-amzn-query-error": f"{reason};Sender"}, b'{"__type": "com.amazonaws.sqs#Newer"}')
        monkeypatch.setattr(Connections, "post", lambda *_: answer)
        with pytest.raises(StaleReceipt, match=reason):
            queues[LineKind.LOW].hold("a receipt", 30)

    def test_do_not_take_throttling_for_a_lost_wake_up(
        self, queues: dict[LineKind, FifoQueue], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answer = Answer(400, {}, b'{"__type": "com.amazonaws.sqs#RequestThrottled"}')
        monkeypatch.setattr("time.sleep", lambda _: None)
        monkeypatch.setattr(Connections, "post", lambda *_: answer)
        with pytest.raises(StorageUnavailable):
            queues[LineKind.LOW].hold("a receipt", 30)


async def test_a_blocking_call_runs_beside_the_loop_and_its_error_comes_back() -> None:
    def fails(number: int, *, factor: int) -> int:
        if number < 0:
            raise StorageUnavailable("throttled")
        return number * factor

    assert await in_thread(fails, 3, factor=2) == 6
    with pytest.raises(StorageUnavailable):
        await in_thread(fails, -1, factor=2)
