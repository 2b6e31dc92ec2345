"""Whether an account can send: tried over a real session with its relay."""

from typing import TYPE_CHECKING, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from functions.api.auth import require_tenant
from functions.api.gate import GatedRoute
from functions.api.problems import documented
from functions.api.recording import Recorded
from functions.api.schema import AccountPath, TenantPath, Timestamp
from functions.api.services import Provided
from shared.clock import iso8601

if TYPE_CHECKING:  # what it is made of loads the SMTP client
    from shared.delivery.verification import Certificate, Failure, TlsSeen, Verification

router = APIRouter(
    prefix="/v1/tenants/{tenant_id}/accounts/{account_id}",
    tags=["accounts"],
    route_class=GatedRoute,
    dependencies=[Depends(require_tenant)],
)

StepName = Literal["resolve", "connect", "tls", "greeting", "ehlo", "starttls", "token", "auth"]


class StepView(BaseModel):
    """One step of the session. `tls` includes the greeting, `starttls` the handshake after it."""

    step: StepName = Field(examples=["auth"])
    ok: bool = Field(examples=[True])
    duration_ms: float = Field(examples=[41.3])
    seen: str = Field(examples=["PLAIN: 235 2.7.0 Authentication successful"])


class CertificateView(BaseModel):
    """The relay's certificate."""

    subject: str = Field(examples=["CN=smtp.example.com"])
    issuer: str = Field(examples=["CN=R11,O=Let's Encrypt,C=US"])
    names: list[str] = Field(examples=[["smtp.example.com"]])
    not_before: Timestamp
    not_after: Timestamp

    @classmethod
    def of(cls, certificate: "Certificate") -> "CertificateView":
        """As shown."""
        return cls(
            subject=certificate.subject,
            issuer=certificate.issuer,
            names=list(certificate.names),
            not_before=iso8601(certificate.not_before),
            not_after=iso8601(certificate.not_after),
        )


class EncryptionView(BaseModel):
    """How the session was encrypted."""

    version: str = Field(examples=["TLSv1.3"])
    cipher: str = Field(examples=["TLS_AES_256_GCM_SHA384"])
    certificate: CertificateView | None

    @classmethod
    def of(cls, tls: "TlsSeen") -> "EncryptionView":
        """As shown."""
        certificate = CertificateView.of(tls.certificate) if tls.certificate is not None else None
        return cls(version=tls.version, cipher=tls.cipher, certificate=certificate)


class FailureView(BaseModel):
    """What went wrong, at the last of the steps, and what to do."""

    step: StepName
    scope: Literal["relay", "account"] = Field(description="`account`: only other settings help.", examples=["account"])
    pointer: str = Field(
        description="JSON pointer of the setting that it is about; may be empty.", examples=["/password"]
    )
    code: int | None = Field(description="The relay's reply code.", examples=[535])
    error: str | None = Field(description="Of a token endpoint.", examples=["invalid_grant"])
    reason: str = Field(description="What was seen.", examples=["535 5.7.8 authentication failed"])
    advice: str = Field(examples=["username, password: the relay does not take them"])

    @classmethod
    def of(cls, failure: "Failure") -> "FailureView":
        """As shown."""
        return cls.model_validate(
            {
                "step": failure.step.value,
                "scope": failure.scope.value,
                "pointer": failure.advice.pointer,
                "code": failure.code,
                "error": failure.error,
                "reason": failure.reason,
                "advice": failure.advice.text,
            }
        )


class VerificationView(BaseModel):
    """What was seen of the relay. `ok` is false when mail could not be sent now; `failure` then says why."""

    ok: bool = Field(examples=[True])
    failure: FailureView | None = Field(examples=[None])
    duration_ms: float = Field(examples=[212.4])
    addresses: list[str] = Field(description="That the host leads to.", examples=[["192.0.2.25"]])
    address: str | None = Field(description="That answered.", examples=["192.0.2.25"])
    greeting: str | None = Field(examples=["220 smtp.example.com ESMTP"])
    extensions: dict[str, str] = Field(
        description="The last answer to EHLO: each extension with its parameters.",
        examples=[{"SIZE": "35882577", "PIPELINING": "", "8BITMIME": "", "AUTH": "PLAIN LOGIN"}],
    )
    tls: EncryptionView | None = Field(description="Null where the session was not encrypted.")
    mechanism: str | None = Field(description="Of AUTH, the last that was tried.", examples=["PLAIN"])
    warnings: list[str] = Field(description="What works and is yet not as it should be.", examples=[[]])
    steps: list[StepView]

    @classmethod
    def of(cls, seen: "Verification") -> "VerificationView":
        """As shown."""
        steps = [
            StepView.model_validate(
                {"step": each.step.value, "ok": each.ok, "duration_ms": each.duration_ms, "seen": each.seen}
            )
            for each in seen.steps
        ]
        return cls(
            ok=seen.failure is None,
            failure=FailureView.of(seen.failure) if seen.failure is not None else None,
            duration_ms=round(sum(each.duration_ms for each in steps), 1),
            addresses=list(seen.addresses),
            address=seen.address,
            greeting=seen.greeting,
            extensions=seen.extensions,
            tls=EncryptionView.of(seen.tls) if seen.tls is not None else None,
            mechanism=seen.mechanism,
            warnings=list(seen.warnings),
            steps=steps,
        )


@router.post("/verify", summary="Try an account", responses=documented(404, 409))
async def verify_account(
    tenant_id: TenantPath, account_id: AccountPath, services: Provided, recorded: Recorded
) -> VerificationView:
    """Connects to the relay as the sender does, with the stored credentials, and sends nothing: DNS, TCP, TLS, EHLO,
    AUTH. The answer is 200 whatever the relay says, and comes within 25 seconds. It holds no secrets.

    When it went well the account's health is cleared, and its mail is tried at once, whatever it waited for. When it
    did not, nothing changes. It is a connection besides those that are sending.
    """
    await run_in_threadpool(services.tenants.get, tenant_id)
    account = await run_in_threadpool(services.accounts.get, tenant_id, account_id)
    seen = await services.verifier().verify(account)
    recorded.facts = {"ok": seen.failure is None, "failed_step": seen.failure.step.value if seen.failure else None}
    return VerificationView.of(seen)
