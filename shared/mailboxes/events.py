"""The events that reports and receipts make, in the form in which they are reported. Pure.

Their ids depend on the mail, what happened to whom, and the octets of what told it: read again, it is the same event.
"""

from shared.bounces.consequences import Consequence, Happened
from shared.clock import SECOND, Millis
from shared.identifiers import digest
from shared.messages.model import Mail
from shared.pec.consequences import PecConsequence
from shared.reports.events import MAX_REPLY, ReportEvent


def event_of(mail: Mail, found: Consequence | PecConsequence, *, source: str, at: Millis) -> ReportEvent:
    """`source` is a digest of the mail that told it, `at` when that was read."""
    event = _pec(found, at) if isinstance(found, PecConsequence) else _report(found, at)
    return event.model_copy(
        update={
            "event_id": returned_id(mail, kind_of(found), found.recipient, source=source),
            "id": mail.id,
            "tenant_id": mail.tenant_id,
            "account_id": mail.account_id,
            "pk": mail.public_key,
            "recipient": found.recipient,
        }
    )


def kind_of(found: Consequence | PecConsequence) -> str:
    """Its name, as in the timeline of a mail."""
    return found.event.value if isinstance(found, PecConsequence) else found.happened.value


def returned_id(mail: Mail, kind: str, recipient: str | None, *, source: str) -> str:
    """The same happening, told by the same mail, has the same id."""
    return digest("returned", mail.tenant_id, mail.id, kind, recipient or "", source)


def _report(found: Consequence, at: Millis) -> ReportEvent:
    seconds, reason = at // SECOND, found.reason[:MAX_REPLY] or None
    match found.happened:
        case Happened.BOUNCED:
            kind = found.bounce_type.value if found.bounce_type else None
            return _blank(bounce_ts=seconds, bounce_type=kind, bounce_code=found.code, bounce_reason=reason)
        case Happened.DELAYED:
            return _blank(delayed_ts=seconds, delayed_reason=reason)
        case Happened.COMPLAINED:
            return _blank(complaint_ts=seconds, complaint_type=reason)


def _pec(found: PecConsequence, at: Millis) -> ReportEvent:
    """With the provider's own time, which is the one that counts by law."""
    seconds = (at if found.at is None else found.at) // SECOND
    return _blank(pec_event=found.event.value, pec_ts=seconds, pec_details=found.details or None)


def _blank(**fields: int | str | None) -> ReportEvent:
    return ReportEvent.model_validate({"event_id": "", "tenant_id": "", "account_id": "", **fields})
