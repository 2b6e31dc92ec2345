"""Reads secrets that the deployment generated."""

from typing import TYPE_CHECKING

from shared.aws.translation import translated
from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient


class DeployedSecret:
    """Raises ConfigurationError when the secret is there but empty."""

    def __init__(self, client: "SecretsManagerClient", secret_id: str) -> None:
        self._client = client
        self._secret_id = secret_id

    def read(self) -> str:
        with translated("Secrets Manager", "GetSecretValue"):
            answer = self._client.get_secret_value(SecretId=self._secret_id)
        value = answer.get("SecretString", "")
        if not value:
            raise ConfigurationError(f"the secret {self._secret_id} is empty: put a value into it")
        return value
