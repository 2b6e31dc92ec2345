"""Reads secrets that the deployment generated."""

from typing import NotRequired, TypedDict

from shared.aws.service import Service
from shared.errors import ConfigurationError


class _Secret(TypedDict):
    SecretString: NotRequired[str]


class DeployedSecret:
    """Raises ConfigurationError when the secret is there but empty."""

    def __init__(self, service: Service, secret_id: str) -> None:
        self._service = service
        self._secret_id = secret_id

    def read(self) -> str:
        answer = self._service.call("GetSecretValue", {"SecretId": self._secret_id}, _Secret)
        value = answer.get("SecretString", "")
        if not value:
            raise ConfigurationError(f"the secret {self._secret_id} is empty: put a value into it")
        return value
