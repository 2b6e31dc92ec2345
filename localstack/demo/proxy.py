"""Talks to the mail proxy's API, over HTTP and nothing else."""

from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

import httpx
from pydantic import BaseModel, ConfigDict, JsonValue

from localstack.demo.mails import DemoMail

TIMEOUT_SECONDS: Final = 60.0
"""The first call of each function starts an interpreter, on a machine that may be busy."""


class ProxyError(Exception):
    """The API answered with something other than success; the message says what, and to which call."""


class AcceptedMail(BaseModel):
    """An entry of `accepted` in the answer to a submission."""

    id: str
    pk: str
    status: str


class RefusedMail(BaseModel):
    """An entry of `rejected` in the answer to a submission."""

    index: int
    id: str | None = None
    code: str
    detail: str


class SubmissionAnswer(BaseModel):
    """The answer to a submission."""

    accepted: list[AcceptedMail]
    rejected: list[RefusedMail]


class MailStatus(BaseModel):
    """What the API tells about a mail, as far as the demo shows it."""

    model_config = ConfigDict(extra="allow")

    status: str


class Proxy:
    """A client of the API with one token."""

    def __init__(self, api_url: str, token: str) -> None:
        self._api_url = api_url
        self._http = httpx.Client(
            base_url=api_url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT_SECONDS,
            trust_env=False,  # The environment's proxies know nothing of this machine's loopback.
        )

    def with_token(self, token: str) -> "Proxy":
        """Return a client of the same API with another token."""
        return Proxy(self._api_url, token)

    def shorten_retries(self, schedule_seconds: Sequence[int]) -> None:
        """Set the instance's delays between attempts at a mail. Needs the admin token."""
        self._call(
            "PUT",
            "/v1/instance",
            {"retry": {"schedule_seconds": list(schedule_seconds), "max_age_seconds": 86_400}},
        )

    def create_tenant(self, tenant_id: str, settings: dict[str, JsonValue]) -> str:
        """Create a tenant and return its API key. Needs the admin token."""
        return str(self._call("PUT", f"/v1/tenants/{tenant_id}", settings)["api_key"])

    def put_account(self, tenant_id: str, account_id: str, settings: dict[str, JsonValue]) -> None:
        """Create or replace an SMTP account."""
        self._call("PUT", f"/v1/tenants/{tenant_id}/accounts/{account_id}", settings)

    def submit(self, tenant_id: str, mails: Sequence[DemoMail]) -> SubmissionAnswer:
        """Submit mails in one call."""
        body: dict[str, JsonValue] = {"messages": [mail.submission() for mail in mails]}
        return SubmissionAnswer.model_validate(self._call("POST", f"/v1/tenants/{tenant_id}/messages", body))

    def status_of(self, tenant_id: str, mail_id: str) -> MailStatus:
        """Ask what has become of a mail."""
        return MailStatus.model_validate(self._call("GET", f"/v1/tenants/{tenant_id}/messages/{mail_id}"))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, method: str, path: str, body: dict[str, JsonValue] | None = None) -> dict[str, JsonValue]:
        try:
            answer = self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise ProxyError(f"{method} {path}: {error!r}") from error
        if not answer.is_success:
            raise ProxyError(f"{method} {path}: {answer.status_code} {answer.text}")
        content: dict[str, JsonValue] = answer.json()
        return content
