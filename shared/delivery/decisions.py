"""What becomes of a mail after a try: sent, put off with the recipients that are left, or an error. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from shared.clock import Millis
from shared.delivery.replies import Reply, delay_hint
from shared.delivery.transmission import Answered, MailFailed, RecipientReply
from shared.instance.model import RetryPolicy
from shared.messages.model import Content, Mail, MailEvent, Status
from shared.messages.table import RecipientResult
from shared.reports import events
from shared.reports.events import MAX_REPLY, ReportEvent
from shared.suppression.model import HardRefusal

_ALL_REPLIES = 40_000  # characters: the results of one mail are one item, of at most 400 KB


@dataclass(frozen=True, slots=True)
class Decision:
    """The mail's new state, what is reported of it, and the unjittered delay until the next try, if there is one.

    `at_least` is what the relay itself asked to wait, which jitter must not shorten; `refused` are recipients who are
    to be suppressed.
    """

    mail: Mail
    event: ReportEvent
    recipients: tuple[RecipientResult, ...]
    retry_after: Millis | None = None
    at_least: Millis = 0
    refused: tuple[HardRefusal, ...] = ()

    def kept_for(self, retention: Millis) -> "Decision":
        """With the time at which a mail that is done with leaves by itself; one that is not stays."""
        finished_at = self.mail.finished_at
        if finished_at is None:
            return self
        return replace(self, mail=self.mail.model_copy(update={"expires_at": finished_at + retention}))


def tells_itself(decision: Decision) -> bool:
    """Whether the mail's state alone tells its event: taken by its only recipient at the first try."""
    return decision.mail.status is Status.SENT and decision.mail.attempts == 1 and len(decision.recipients) == 1


def event_from_state(mail: Mail, content: Content | None) -> ReportEvent | None:
    """The event that such a mail's state tells, but for the end of a long reply; None of any other mail."""
    if mail.status is not Status.SENT or mail.attempts != 1 or content is None or mail.finished_at is None:
        return None
    addresses = content.envelope_recipients
    if len(addresses) != 1:
        return None
    noted = next((each for each in reversed(mail.events) if each.type == Status.SENT), None)
    detail = noted.detail or "" if noted else ""
    code, _, rest = detail.partition(" ")
    reply = Reply.of(int(code), rest) if code.isdecimal() else Reply(0, detail)
    event = events.sent(mail, mail.finished_at, [_result(RecipientReply(addresses[0], reply, None), MAX_REPLY)])
    return event.model_copy(update={"possible_duplicate": noted.possible_duplicate if noted else None})


def after_try(
    mail: Mail,
    outcome: Answered | MailFailed,
    *,
    tried: Sequence[str],
    before: Sequence[RecipientResult],
    policy: RetryPolicy,
    now: Millis,
    waited: Millis = 0,
) -> Decision:
    """`tried` are the recipients of this try, `before` the results of earlier ones.

    `waited` is how much later than due the try was made: for the line, the relay, a budget, while suspended. Between
    tries that makes the mail no older.
    """
    counted = mail.model_copy(
        update={
            "attempts": mail.attempts + 1,
            "first_attempt_at": mail.first_attempt_at or now,
            "waited": mail.waited + waited if mail.attempts else 0,
        }
    )
    room = min(MAX_REPLY, _ALL_REPLIES // max(len(tried), len(before), 1))
    if isinstance(outcome, MailFailed):
        fresh = [_result_of_failure(address, outcome, room) for address in tried]
    else:
        fresh = [_result(answer, room) for answer in outcome.recipients]
    results = _merged(before, fresh)
    duplicate = outcome.unknown_outcome
    waiting = [each for each in results if each.status == Status.DEFERRED]
    if not waiting:
        return _final(counted, results, now, possible_duplicate=duplicate)
    delay = policy.delay_after(counted.attempts)
    if now + delay > (counted.first_attempt_at or now) + counted.waited + policy.max_age:
        return _given_up(counted, results, policy, now, possible_duplicate=duplicate)
    return _deferred(counted, results, waiting, delay, now, possible_duplicate=duplicate)


def without_try(
    mail: Mail, reason: str, recipients: Iterable[str], before: Iterable[RecipientResult], now: Millis
) -> Decision:
    """An error found before the relay was asked: it ends what `before` left open, and changes nothing decided there."""
    fresh = [RecipientResult(address=address, status=Status.DEFERRED) for address in recipients]
    results = [
        each
        if each.status != Status.DEFERRED
        else RecipientResult(address=each.address, status=Status.ERROR, reply=reason)
        for each in _merged(fresh, before)
    ]
    return _final(mail, results, now, reason=reason)


def doubted(decision: Decision) -> Decision:
    """Of a mail that a worker may have sent before it died: event and state say so."""
    *earlier, last = decision.mail.events
    said = [*earlier, last.model_copy(update={"possible_duplicate": True})]
    return replace(
        decision,
        mail=decision.mail.model_copy(update={"events": said}),
        event=decision.event.model_copy(update={"possible_duplicate": True}),
    )


def pending_recipients(addresses: Sequence[str], before: Iterable[RecipientResult]) -> list[str]:
    """Those that no earlier try has decided."""
    decided = {each.address for each in before if each.status != Status.DEFERRED}
    return [address for address in addresses if address not in decided]


def _result(answer: RecipientReply, room: int) -> RecipientResult:
    status = Status.SENT
    if answer.verdict is not None:
        status = Status.ERROR if answer.verdict.permanent else Status.DEFERRED
    reply = answer.reply
    return RecipientResult(
        address=answer.address,
        status=status,
        code=reply.code or None,
        enhanced=reply.enhanced,
        reply=reply.text[:room],
    )


def _result_of_failure(address: str, failure: MailFailed, room: int) -> RecipientResult:
    return RecipientResult(
        address=address,
        status=Status.ERROR if failure.permanent else Status.DEFERRED,
        code=failure.reply.code if failure.reply else None,
        enhanced=failure.reply.enhanced if failure.reply else None,
        reply=(failure.reply.text if failure.reply else failure.reason)[:room],
    )


def _merged(before: Iterable[RecipientResult], fresh: Iterable[RecipientResult]) -> list[RecipientResult]:
    return list(({each.address: each for each in before} | {each.address: each for each in fresh}).values())


def reason_of(results: Iterable[RecipientResult], status: Status) -> str:
    """The first reply of a recipient with `status`, as one line."""
    for each in results:
        if each.status == status:
            return " ".join(str(part) for part in (each.code, each.enhanced, each.reply) if part)
    return ""


def _final(
    mail: Mail,
    results: Sequence[RecipientResult],
    now: Millis,
    *,
    reason: str = "",
    possible_duplicate: bool = False,
) -> Decision:
    """Sent, if any recipient took it; each refusal is reported beside."""
    is_sent = any(each.status == Status.SENT for each in results)
    status = Status.SENT if is_sent else Status.ERROR
    detail = reason_of(results, status) if is_sent or not reason else reason
    ended = mail.with_event(MailEvent(type=status.value, at=now, detail=detail), status=status, finished_at=now)
    if is_sent:
        event = events.sent(ended, now, list(results))
    else:
        event = events.failed(ended, now, detail, list(results), possible_duplicate=possible_duplicate)
    return Decision(ended, event, tuple(results))


def _given_up(
    mail: Mail, results: Sequence[RecipientResult], policy: RetryPolicy, now: Millis, *, possible_duplicate: bool
) -> Decision:
    hours = policy.max_age_seconds / 3600
    ended = [
        each
        if each.status != Status.DEFERRED
        else each.model_copy(
            update={"status": Status.ERROR, "reply": f"given up after {hours:g} h: {each.reply or ''}".strip()}
        )
        for each in results
    ]
    return _final(mail, ended, now, possible_duplicate=possible_duplicate)


def _deferred(
    mail: Mail,
    results: Sequence[RecipientResult],
    waiting: Sequence[RecipientResult],
    delay: Millis,
    now: Millis,
    *,
    possible_duplicate: bool,
) -> Decision:
    reason = reason_of(waiting, Status.DEFERRED)
    put_off = mail.with_event(MailEvent(type="deferred", at=now, detail=reason), status=Status.DEFERRED)
    event = events.deferred(put_off, now, reason, list(results), possible_duplicate=possible_duplicate)
    asked = max((delay_hint(each.reply or "") or 0 for each in waiting), default=0)
    return Decision(put_off, event, tuple(results), retry_after=max(delay, asked), at_least=asked)
