"""Suppressed recipients: set aside before a mail is sent, found when the relay refuses them for good. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from shared.clock import Millis, iso8601
from shared.delivery.decisions import pending_recipients
from shared.delivery.jobs import Job
from shared.delivery.replies import Scope
from shared.delivery.transmission import Answered, MailFailed
from shared.messages.model import Status
from shared.messages.table import RecipientResult
from shared.reports.events import ReportEvent
from shared.suppression.model import MAX_REASON, SUPPRESSING_CODES, HardRefusal, Suppression, SuppressionSource

_ROOM = 200  # characters: a mail may have 500 recipients, and all their results are one item


def recipients_to_check(jobs: Iterable[Job]) -> set[str]:
    """The recipients who must not be suppressed, of mails that do not say otherwise."""
    return {
        address
        for job in jobs
        if job.content is not None and not job.content.ignore_suppression
        for address in pending_recipients(job.content.envelope_recipients, job.before)
    }


def without_suppressed(job: Job, suppressed: Mapping[str, Suppression]) -> Job:
    """The job with its suppressed recipients decided: an error each, with the reason. The relay is not asked."""
    if not suppressed or job.content is None or job.content.ignore_suppression:
        return job
    refused = {
        address: RecipientResult(address=address, status=Status.ERROR, reply=_reason(suppressed[address]))
        for address in pending_recipients(job.content.envelope_recipients, job.before)
        if address in suppressed
    }
    if not refused:
        return job
    earlier = (each for each in job.before if each.address not in refused)
    return replace(job, before=(*earlier, *refused.values()))


def hard_refusals(outcome: Answered | MailFailed) -> tuple[HardRefusal, ...]:
    """Of recipients refused at RCPT for good, those that are to be suppressed. What is said at MAIL or about the
    mail's text never counts, nor does a reply without one of the codes that name the address."""
    if isinstance(outcome, MailFailed):
        return ()
    return tuple(
        HardRefusal(each.address, str(each.reply))
        for each in outcome.recipients
        if each.verdict is not None
        and each.verdict.scope is Scope.RECIPIENT
        and each.verdict.permanent
        and each.reply.enhanced in SUPPRESSING_CODES
    )


def suppression_after(refusal: HardRefusal, event: ReportEvent, now: Millis) -> Suppression:
    """What is kept of a hard refusal, which `event` reports."""
    return Suppression(
        tenant_id=event.tenant_id,
        address=refusal.address,
        reason=refusal.reply[:MAX_REASON],
        source=SuppressionSource.REFUSAL,
        since=now,
        message_id=event.id,
        event_id=event.event_id,
    )


def _reason(suppression: Suppression) -> str:
    return f"not sent: the address is suppressed since {iso8601(suppression.since)}: {suppression.reason}"[:_ROOM]
