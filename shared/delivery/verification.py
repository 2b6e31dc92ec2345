"""Tries whether an account can send: opens a session as the sender does, sends nothing, and tells what it saw."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography import x509

from shared.accounts.model import Account, TlsMode
from shared.aws.threads import in_thread
from shared.clock import DAY, SECOND, Clock, Millis
from shared.delivery.advice import Advice, advise
from shared.delivery.authentication import CredentialsReader
from shared.delivery.health_watch import HealthWatch
from shared.delivery.opening import SessionFault, open_session
from shared.delivery.replies import Scope
from shared.delivery.transmission import LineFault
from shared.delivery.witness import Encryption, Step, Witness
from shared.outgoing.guard import Guard

AT_MOST_SECONDS = 20.0  # with the session's end and the reads before well below the 29 of an API call
ANSWER_SECONDS = 8.0  # for each answer of the relay
_ENDS_SOON: Final[Millis] = 14 * DAY
_MAX_NAME: Final = 500
_MAX_NAMES: Final = 100


@dataclass(frozen=True, slots=True)
class StepSeen:
    """One step of the session; `duration_ms` is how long it took."""

    step: Step
    ok: bool
    duration_ms: float
    seen: str


@dataclass(frozen=True, slots=True)
class Certificate:
    """The relay's. Names are those that it holds for."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: Millis
    not_after: Millis


@dataclass(frozen=True, slots=True)
class TlsSeen:
    """How the session is encrypted."""

    version: str
    cipher: str
    certificate: Certificate | None


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, at the last of the steps. `code` is the relay's reply code, `error` a name for what went wrong
    elsewhere, such as a token endpoint's `invalid_grant`."""

    step: Step
    scope: Scope
    code: int | None
    error: str | None
    reason: str
    advice: Advice


@dataclass(frozen=True, slots=True)
class Verification:
    """What was seen, without secrets; `failure` is None when the account can send."""

    steps: tuple[StepSeen, ...]
    addresses: tuple[str, ...]
    address: str | None
    greeting: str | None
    extensions: dict[str, str]
    tls: TlsSeen | None
    mechanism: str | None
    failure: Failure | None
    warnings: tuple[str, ...]


class AccountVerifier:
    """Belongs to one event loop."""

    def __init__(
        self,
        *,
        credentials: CredentialsReader,
        health: HealthWatch,
        guard: Guard,
        clock: Clock,
    ) -> None:
        self._credentials = credentials
        self._health = health
        self._guard = guard
        self._clock = clock

    async def verify(self, account: Account) -> Verification:
        """Takes at most 20 seconds, and 5 for taking leave. Success ends the account's wait, failure changes nothing.

        Raises StorageError when AWS cannot be reached.
        """
        credentials = await in_thread(self._credentials.read, account)
        witness = Witness()
        try:
            async with asyncio.timeout(AT_MOST_SECONDS):
                session = await open_session(
                    account,
                    credentials,
                    guard=self._guard,
                    clock=self._clock,
                    witness=witness,
                    seconds=ANSWER_SECONDS,
                )
        except SessionFault as error:
            return self._told(account, witness, error.fault)
        except TimeoutError:
            reason = f"not done after {AT_MOST_SECONDS:g} s"
            return self._told(account, witness, LineFault(Scope.RELAY, witness.stage, reason))
        await session.close()
        await in_thread(self._health.was_verified, account)
        return self._told(account, witness, None)

    def _told(self, account: Account, witness: Witness, fault: LineFault | None) -> Verification:
        if fault is not None:
            witness.fail(fault.reason)
        failure = _failure(account, witness, fault) if fault is not None else None
        tls = _tls(witness.encryption) if witness.encryption is not None else None
        return Verification(
            steps=tuple(
                StepSeen(each.step, not each.failed, each.duration_ms, witness.public(each.seen))
                for each in witness.steps
            ),
            addresses=tuple(witness.addresses),
            address=witness.address,
            greeting=witness.public(witness.greeting) if witness.greeting is not None else None,
            extensions={witness.public(name): witness.public(each) for name, each in witness.extensions.items()},
            tls=tls,
            mechanism=witness.mechanism,
            failure=failure,
            warnings=tuple(_warnings(account, witness, tls, self._clock())),
        )


def _failure(account: Account, witness: Witness, fault: LineFault) -> Failure:
    step = witness.steps[-1].step
    return Failure(
        step=step,
        scope=fault.scope,
        code=fault.code,
        error=fault.error,
        reason=witness.public(fault.reason),
        advice=advise(account, step, fault),
    )


def _tls(encryption: Encryption) -> TlsSeen:
    found = _certificate(encryption.certificate) if encryption.certificate is not None else None
    return TlsSeen(encryption.version, encryption.cipher, found)


def _certificate(der: bytes) -> Certificate | None:
    """None for one that cannot be read, as may be where nobody checks it."""
    try:
        read = x509.load_der_x509_certificate(der)
        return Certificate(
            subject=read.subject.rfc4514_string()[:_MAX_NAME],
            issuer=read.issuer.rfc4514_string()[:_MAX_NAME],
            names=_names(read),
            not_before=_instant(read.not_valid_before_utc),
            not_after=_instant(read.not_valid_after_utc),
        )
    except ValueError:
        return None


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    """Raises ValueError."""
    try:
        held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    names = [*held.get_values_for_type(x509.DNSName), *map(str, held.get_values_for_type(x509.IPAddress))]
    return tuple(each[:_MAX_NAME] for each in names[:_MAX_NAMES])


def _instant(moment: datetime) -> Millis:
    return int(moment.timestamp() * SECOND)


def _warnings(account: Account, witness: Witness, tls: TlsSeen | None, now: Millis) -> list[str]:
    """What works, and is yet not as it should be."""
    found: list[str] = []
    if tls is None and witness.mechanism is not None:
        found.append("tls: the credentials went over an unencrypted connection")
    if tls is None and account.tls is TlsMode.OPPORTUNISTIC and witness.extensions:
        found.append("tls: the relay offers no STARTTLS, so mail goes to it unencrypted")
    if tls is not None and not account.verify_certificate:
        found.append("verify_certificate: the certificate was not checked")
    if tls is not None and tls.certificate is not None and tls.certificate.not_after < now + _ENDS_SOON:
        ends = datetime.fromtimestamp(tls.certificate.not_after / SECOND, tz=UTC)
        found.append(f"the relay's certificate ends at {ends:%Y-%m-%d %H:%M} UTC")
    return found
