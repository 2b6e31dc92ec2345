"""From a mail in a mailbox to what it says about which mail of ours: read, its mail looked up, and what follows."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.bounces.consequences import Consequence, Happened, consequences
from shared.bounces.model import Kind, Reading, Reference, Strength
from shared.bounces.reader import read as read_report
from shared.clock import Millis
from shared.mailboxes.correlation import Correlation, Match, NoMatch
from shared.mailboxes.events import event_of, kind_of, returned_id
from shared.mailboxes.kinds import MailboxKind
from shared.mailboxes.model import Mailbox
from shared.mailboxes.unmatched import MAX_ADDRESSES, Unmatched, shortened
from shared.messages.model import Mail
from shared.messages.returns import Return
from shared.mime.headers import Headers
from shared.mime.parts import parse
from shared.pec.consequences import PecConsequence, Unverified, consequence
from shared.pec.model import Anomaly, OrdinaryMail, Receipt
from shared.pec.reader import read as read_pec
from shared.pec.trust import TrustAnchors
from shared.reports.events import ReportEvent
from shared.suppression.model import MAX_REASON, Suppression, SuppressionSource

UNVERIFIED = "pec_unverified"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that happened to a mail. `event` is None for what is recorded and not reported."""

    mail: Mail
    returned: Return
    event: ReportEvent | None
    suppression: Suppression | None = None


@dataclass(frozen=True, slots=True)
class Understood:
    """What came of one mail of the mailbox: findings, or `unmatched`, or neither for mail that is no report."""

    uid: int
    findings: tuple[Finding, ...] = ()
    unmatched: Unmatched | None = None


@dataclass(frozen=True, slots=True)
class _Mail:
    """A mail of the mailbox, read: a report or a receipt, not matched yet."""

    uid: int
    octets: bytes = field(repr=False)
    reading: Reading | Receipt

    @property
    def source(self) -> str:
        return hashlib.sha256(self.octets).hexdigest()[:32]


class Understanding:
    """Raises StorageUnavailable when DynamoDB or S3 cannot be reached."""

    def __init__(self, correlation: Correlation) -> None:
        self._correlation = correlation

    def of(self, mailbox: Mailbox, octets: Mapping[int, bytes], *, uid_validity: int, now: Millis) -> list[Understood]:
        """Of a batch of mails by their UIDs, in their order."""
        read = [_read(mailbox, uid, each, now) for uid, each in sorted(octets.items())]
        reports = [each for each in read if isinstance(each, _Mail)]
        matches = self._correlation.of(mailbox, [_references(each.reading) for each in reports])
        by_uid = {each.uid: match for each, match in zip(reports, matches, strict=True)}
        return [
            each if isinstance(each, Understood) else _follow(each, by_uid[each.uid], uid_validity, now)
            for each in read
        ]


def _read(mailbox: Mailbox, uid: int, octets: bytes, now: Millis) -> _Mail | Understood:
    if mailbox.kind is MailboxKind.BOUNCES:
        reading: Reading | Receipt = read_report(octets)
    else:
        match read_pec(octets, _anchors(mailbox.trust_anchors), now):
            case Receipt() as receipt:
                reading = receipt
            case Anomaly(reading=inner) | OrdinaryMail(reading=inner):
                reading = inner
            case _:  # a certified mail from somebody
                return Understood(uid)
    if isinstance(reading, Reading) and reading.kind not in (Kind.DELIVERY, Kind.COMPLAINT):
        return Understood(uid)
    return _Mail(uid, octets, reading)


def _follow(read: _Mail, match: Match | NoMatch, uid_validity: int, now: Millis) -> Understood:
    if isinstance(match, NoMatch):
        return Understood(read.uid, unmatched=_unmatched(read, uid_validity, now, match.reason))
    findings = _findings(read, match, now)
    if not findings and _tells_something(read.reading):
        why = "it is about nobody that the mail was sent to"
        return Understood(read.uid, unmatched=_unmatched(read, uid_validity, now, why))
    return Understood(read.uid, findings)


def _findings(read: _Mail, match: Match, now: Millis) -> tuple[Finding, ...]:
    if isinstance(read.reading, Receipt):
        found = consequence(read.reading, match.recipients)
        if isinstance(found, Unverified):
            return (_unverified(read, match.mail, found, now),)
        return (_finding(read, match.mail, found, now),)
    followed = consequences(read.reading, match.recipients, match.strength)
    return tuple(_finding(read, match.mail, each, now) for each in followed)


def _finding(read: _Mail, mail: Mail, found: Consequence | PecConsequence, now: Millis) -> Finding:
    event = event_of(mail, found, source=read.source, at=now)
    happened_at = found.at if isinstance(found, PecConsequence) and found.at is not None else now
    detail = found.details if isinstance(found, PecConsequence) else found.reason
    returned = Return(
        event_id=event.event_id,
        type=kind_of(found),
        at=happened_at,
        recipient=found.recipient,
        detail=detail or None,
    )
    suppression = None
    if isinstance(found, Consequence) and found.suppress:
        suppression = _suppression(mail, found, event.event_id, now)
    return Finding(mail, returned, event, suppression)


def _unverified(read: _Mail, mail: Mail, found: Unverified, now: Millis) -> Finding:
    event_id = returned_id(mail, UNVERIFIED, None, source=read.source)
    detail = f"{found.kind.value}: {found.reason}"
    return Finding(mail, Return(event_id=event_id, type=UNVERIFIED, at=now, detail=detail[:MAX_REASON]), None)


def _suppression(mail: Mail, found: Consequence, event_id: str, now: Millis) -> Suppression:
    complained = found.happened is Happened.COMPLAINED
    reason = f"the recipient complained: {found.reason}" if complained else found.reason or f"bounced: {found.code}"
    return Suppression(
        tenant_id=mail.tenant_id,
        address=found.recipient,
        reason=reason[:MAX_REASON],
        source=SuppressionSource.COMPLAINT if complained else SuppressionSource.BOUNCE,
        since=now,
        message_id=mail.id,
        event_id=event_id,
    )


def _unmatched(read: _Mail, uid_validity: int, now: Millis, why: str) -> Unmatched:
    headers: Headers = parse(read.octets).headers
    if isinstance(read.reading, Receipt):
        addresses = [read.reading.certification.recipient] if read.reading.certification else []
        what = read.reading.kind.value
    else:
        addresses = [fate.address for fate in read.reading.fates]
        what = read.reading.kind.value
    return Unmatched(
        uid_validity=uid_validity,
        uid=read.uid,
        read_at=now,
        what=what,
        reason=why,
        sender=shortened(headers.text("from")),
        subject=shortened(headers.text("subject")),
        addresses=[each for each in addresses if each][:MAX_ADDRESSES],
    )


def _tells_something(reading: Reading | Receipt) -> bool:
    """A report of success tells nothing, and need not be listed."""
    if isinstance(reading, Receipt):
        return True
    return any(fate.action in ("failed", "delayed", "complained") for fate in reading.fates)


def _references(reading: Reading | Receipt) -> tuple[Reference, ...]:
    """A receipt names the Message-ID that we sent."""
    if isinstance(reading, Receipt):
        return (Reference(Strength.RETURNED, reading.message_id),) if reading.message_id else ()
    return reading.references


def _anchors(pem: str | None) -> TrustAnchors:
    return TrustAnchors.from_pem(pem) if pem else TrustAnchors()
