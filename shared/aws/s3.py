"""Objects in one S3 bucket, through boto3, which knows S3's many ways."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shared.errors import StorageError, StorageUnavailable

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_TRANSIENT = {"InternalError", "RequestTimeout", "ServiceUnavailable", "SlowDown", "Throttling"}


class Bucket:
    """Raises StorageUnavailable when S3 cannot be reached, StorageError when an object is not there."""

    def __init__(self, client: "Callable[[], S3Client]", name: str) -> None:
        self._client = client
        self.name = name

    def put(self, key: str, content: bytes) -> None:
        with _translated("PutObject"):
            self._client().put_object(Bucket=self.name, Key=key, Body=content)

    def get(self, key: str) -> bytes:
        with _translated("GetObject"):
            return self._client().get_object(Bucket=self.name, Key=key)["Body"].read()

    def first_keys(self, prefix: str) -> list[str]:
        """Of the objects whose key begins so, in their order; at most 1000, none when there is none."""
        with _translated("ListObjectsV2"):
            answer = self._client().list_objects_v2(Bucket=self.name, Prefix=prefix)
        return [each["Key"] for each in answer.get("Contents", [])]

    def delete(self, key: str) -> None:
        """Deleting what is not there is no error."""
        with _translated("DeleteObject"):
            self._client().delete_object(Bucket=self.name, Key=key)


@contextmanager
def _translated(action: str) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code, said = error.response.get("Error", {}).get("Code", ""), error.response.get("Error", {}).get("Message", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in _TRANSIENT or status >= 500:
            raise StorageUnavailable(f"S3 {action}: {code}: {said}") from error
        raise StorageError(f"S3 {action}: {code}: {said}") from error
    except BotoCoreError as error:
        raise StorageUnavailable(f"S3 {action}: {error}") from error
