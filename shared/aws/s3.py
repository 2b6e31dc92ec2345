"""Objects in one S3 bucket, through boto3, which knows S3's many ways."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shared.errors import StorageError, StorageUnavailable

if TYPE_CHECKING:
    from botocore.response import StreamingBody
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

    def open(self, key: str) -> "OpenedObject | None":
        """An object to be read, once its size is known; None when there is none."""
        try:
            with _translated("GetObject"):
                answer = self._client().get_object(Bucket=self.name, Key=key)
        except _NotThere:
            return None
        return OpenedObject(answer["ContentLength"], answer["Body"])

    def first_keys(self, prefix: str) -> list[str]:
        """Of the objects whose key begins so, in their order; at most 1000, none when there is none."""
        with _translated("ListObjectsV2"):
            answer = self._client().list_objects_v2(Bucket=self.name, Prefix=prefix)
        return [each["Key"] for each in answer.get("Contents", [])]

    def delete(self, key: str) -> None:
        """Deleting what is not there is no error."""
        with _translated("DeleteObject"):
            self._client().delete_object(Bucket=self.name, Key=key)


class OpenedObject:
    """`size` in bytes. It is read or closed, and then of no more use."""

    def __init__(self, size: int, body: "StreamingBody") -> None:
        self.size = size
        self._body = body

    def read(self) -> bytes:
        """Raises StorageUnavailable."""
        with _translated("GetObject"):
            return self._body.read()

    def close(self) -> None:
        self._body.close()


class _NotThere(StorageError):
    """There is no such object."""


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
        if code == "NoSuchKey":
            raise _NotThere(f"S3 {action}: {said}") from error
        raise StorageError(f"S3 {action}: {code}: {said}") from error
    except BotoCoreError as error:
        raise StorageUnavailable(f"S3 {action}: {error}") from error
