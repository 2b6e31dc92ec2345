"""KMS, S3, SQS, Secrets Manager as the project uses them, and what their errors become."""

from collections.abc import Mapping

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError

from shared.aws import clients
from shared.aws.kms import SecretSealer
from shared.aws.s3 import Bucket
from shared.aws.secrets import DeployedSecret
from shared.aws.sqs import FifoMessage, FifoQueue
from shared.aws.threads import in_thread
from shared.aws.translation import translated, translated_receipt
from shared.clock import MINUTE
from shared.errors import ConfigurationError, StaleReceipt, StorageError, StorageUnavailable
from shared.lines.line import LineKind
from tests.unit.clock import SettableClock


def refusal(code: str, status: int = 400) -> ClientError:
    answer: Mapping[str, object] = {
        "Error": {"Code": code, "Message": "said so"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(answer, "Action")  # type: ignore[arg-type]


class TestErrors:
    @pytest.mark.parametrize(
        "error",
        [
            refusal("ProvisionedThroughputExceededException"),
            refusal("ThrottlingException"),
            refusal("RequestLimitExceeded"),
            refusal("TransactionConflictException"),
            refusal("Anything", 500),
            refusal("Anything", 503),
            EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
            ConnectTimeoutError(endpoint_url="http://127.0.0.1:1"),
        ],
        ids=str,
    )
    def test_that_may_pass_are_told_as_such(self, error: Exception) -> None:
        with pytest.raises(StorageUnavailable, match="DynamoDB PutItem"), translated("DynamoDB", "PutItem"):
            raise error

    @pytest.mark.parametrize("code", ["ValidationException", "AccessDeniedException", "ResourceNotFoundException"])
    def test_that_will_not_pass_are_told_as_such(self, code: str) -> None:
        with pytest.raises(StorageError, match=code) as refused, translated("DynamoDB", "PutItem"):
            raise refusal(code)
        assert not isinstance(refused.value, StorageUnavailable)

    @pytest.mark.parametrize(
        "code",
        [
            "ReceiptHandleIsInvalid",
            "InvalidParameterValue",
            "MessageNotInflight",
            "AWS.SimpleQueueService.MessageNotInflight",
        ],
    )
    def test_about_a_receipt_are_told_apart(self, code: str) -> None:
        with pytest.raises(StaleReceipt), translated_receipt("ChangeMessageVisibility"):
            raise refusal(code)

    def test_of_others_are_not_touched(self) -> None:
        with pytest.raises(KeyError), translated("DynamoDB", "PutItem"):
            raise KeyError("ours")

    def test_of_throttled_receipts_are_no_stale_ones(self) -> None:
        with pytest.raises(StorageUnavailable), translated_receipt("ChangeMessageVisibility"):
            raise refusal("RequestThrottled")


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

        def unreachable(**_: object) -> None:
            raise refusal("KMSInternalException", 500)

        monkeypatch.setattr(clients.kms(), "decrypt", unreachable)
        assert sealer.open(sealed, tenant="acme", owner="x") == "secret"
        clock.advance(5 * MINUTE)
        with pytest.raises(StorageUnavailable):
            sealer.open(sealed, tenant="acme", owner="x")

    def test_of_the_deployment_are_read(self, aws: None) -> None:
        arn = clients.secrets_manager().create_secret(Name="token", SecretString="s3cret")["ARN"]

        assert DeployedSecret(clients.secrets_manager(), arn).read() == "s3cret"

    def test_of_the_deployment_may_not_be_empty(self, aws: None) -> None:
        arn = clients.secrets_manager().create_secret(Name="token", SecretBinary=b"x")["ARN"]

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
        monkeypatch.setattr(
            clients.sqs(), "send_message_batch", lambda **_: {"Failed": [{"Id": "0", "Code": "InternalError"}]}
        )

        with pytest.raises(StorageUnavailable, match="InternalError"):
            queues[LineKind.LOW].send_batch([FifoMessage(body={}, group="g", deduplication_id="1")])


async def test_a_blocking_call_runs_beside_the_loop_and_its_error_comes_back() -> None:
    def fails(number: int, *, factor: int) -> int:
        if number < 0:
            raise StorageUnavailable("throttled")
        return number * factor

    assert await in_thread(fails, 3, factor=2) == 6
    with pytest.raises(StorageUnavailable):
        await in_thread(fails, -1, factor=2)
