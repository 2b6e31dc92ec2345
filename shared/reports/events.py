"""The events that are reported, in the form the tenant's endpoint receives them (docs/reports.md)."""

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from shared.clock import SECOND, Millis
from shared.identifiers import digest
from shared.messages.model import Mail
from shared.messages.table import RecipientResult

MAX_REPLY = 500  # characters of a relay's reply


class AccountEvent(StrEnum):
    """`waiting`: its relay cannot be used, or refuses it, and its mail waits. `recovered`: it is used again."""

    WAITING = "waiting"
    RECOVERED = "recovered"


class ReportEvent(BaseModel):
    """One event, of a mail or (without `id` and `pk`) of an account. `*_ts` are whole seconds since the epoch; exactly
    one of them says what happened."""

    model_config = ConfigDict(frozen=True)

    event_id: str
    id: str | None = None
    tenant_id: str
    account_id: str
    pk: str | None = None
    sent_ts: int | None = None
    error_ts: int | None = None
    error: str | None = None
    deferred_ts: int | None = None
    deferred_reason: str | None = None
    cancelled_ts: int | None = None
    bounce_ts: int | None = None
    bounce_type: str | None = None
    bounce_code: str | None = None
    bounce_reason: str | None = None
    delayed_ts: int | None = None
    delayed_reason: str | None = None
    complaint_ts: int | None = None
    complaint_type: str | None = None
    pec_event: str | None = None
    pec_ts: int | None = None
    pec_details: str | None = None
    recipient: str | None = None
    possible_duplicate: bool | None = None
    recipients: list[RecipientResult] | None = None
    account_event: AccountEvent | None = None
    account_ts: int | None = None
    reason: str | None = None


class PushedEvent(BaseModel):
    """An event on its way: `refusals` counts how often the tenant answered that it could not take it. `replayed`: it
    was taken before, and is pushed again because somebody asked for it.
    """

    model_config = ConfigDict(frozen=True)

    event: ReportEvent
    refusals: int = 0
    replayed: bool = False


def ended_at(event: ReportEvent) -> int | None:
    """When the mail ended, in seconds; None for what is not the last report of a mail."""
    for at in (event.sent_ts, event.error_ts, event.cancelled_ts):
        if at is not None:
            return at
    return None


def event_id(mail: Mail, kind: str, *, recipient: str = "", source: str = "") -> str:
    """The same happening, the same id: a repeated event can be recognised."""
    return digest(mail.tenant_id, mail.id, str(mail.generation), str(mail.attempts), kind, recipient, source)


def sent(mail: Mail, at: Millis, recipients: list[RecipientResult]) -> ReportEvent:
    """At least one recipient was taken by the relay."""
    return _event(mail, "sent", sent_ts=at // SECOND, recipients=recipients)


def failed(
    mail: Mail, at: Millis, reason: str, recipients: list[RecipientResult], *, possible_duplicate: bool = False
) -> ReportEvent:
    """Nobody was, and nothing further is tried."""
    return _event(
        mail,
        "error",
        error_ts=at // SECOND,
        error=reason[:MAX_REPLY],
        recipients=recipients,
        possible_duplicate=possible_duplicate or None,
    )


def deferred(
    mail: Mail, at: Millis, reason: str, recipients: list[RecipientResult], *, possible_duplicate: bool = False
) -> ReportEvent:
    """Tried again later, for the recipients that are left."""
    return _event(
        mail,
        "deferred",
        deferred_ts=at // SECOND,
        deferred_reason=reason[:MAX_REPLY],
        recipients=recipients,
        possible_duplicate=possible_duplicate or None,
    )


def cancelled(mail: Mail, at: Millis) -> ReportEvent:
    """Taken back by the tenant before it was sent."""
    return _event(mail, "cancelled", cancelled_ts=at // SECOND)


def account_event(
    tenant_id: str, account_id: str, what: AccountEvent, at: Millis, reason: str | None = None
) -> ReportEvent:
    """Reported once for each time that an account begins or ends to wait."""
    return ReportEvent(
        event_id=digest(tenant_id, account_id, what, str(at)),
        tenant_id=tenant_id,
        account_id=account_id,
        account_event=what,
        account_ts=at // SECOND,
        reason=reason[:MAX_REPLY] if reason else None,
    )


def _event(mail: Mail, kind: str, **fields: Any) -> ReportEvent:
    return ReportEvent(
        event_id=event_id(mail, kind),
        id=mail.id,
        tenant_id=mail.tenant_id,
        account_id=mail.account_id,
        pk=mail.public_key,
        **{name: value or None for name, value in fields.items()},
    )
