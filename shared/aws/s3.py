"""Objects in one S3 bucket."""

from typing import TYPE_CHECKING

from shared.aws.translation import translated

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


class Bucket:
    """Raises StorageUnavailable when S3 cannot be reached, StorageError when an object is not there."""

    def __init__(self, client: "S3Client", name: str) -> None:
        self._client = client
        self.name = name

    def put(self, key: str, content: bytes) -> None:
        with translated("S3", "PutObject"):
            self._client.put_object(Bucket=self.name, Key=key, Body=content)

    def get(self, key: str) -> bytes:
        with translated("S3", "GetObject"):
            return self._client.get_object(Bucket=self.name, Key=key)["Body"].read()
