"""From a mail in a mailbox to what it says about which mail of ours: read, its mail looked up, and what follows."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.bounces.consequences import Consequence, Happened, consequences
from shared.bounces.correlation import NamedMail, named_mail
from shared.bounces.model import Kind, Reading, Reference, Strength
from shared.bounces.reader import read as read_report
from shared.clock import Millis
from shared.delivery.tokens import MailTokens
from shared.mailboxes.events import event_of, kind_of, returned_id
from shared.mailboxes.kinds import MailboxKind
from shared.mailboxes.model import Mailbox
from shared.mailboxes.unmatched import MAX_ADDRESSES, Unmatched, shortened
from shared.messages.model import Mail
from shared.messages.payloads import PayloadStore
from shared.messages.returns import Return
from shared.messages.table import MailTable
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
    """A mail of the mailbox, read: a report or a receipt, with what may name a mail of ours."""

    uid: int
    octets: bytes = field(repr=False)
    reading: Reading | Receipt
    named: NamedMail | None

    @property
    def source(self) -> str:
        return hashlib.sha256(self.octets).hexdigest()[:32]


class Understanding:
    """Raises StorageUnavailable when DynamoDB or S3 cannot be reached."""

    def __init__(self, *, tokens: MailTokens, mails: MailTable, payloads: PayloadStore) -> None:
        self._tokens = tokens
        self._mails = mails
        self._payloads = payloads

    def of(self, mailbox: Mailbox, octets: Mapping[int, bytes], *, uid_validity: int, now: Millis) -> list[Understood]:
        """Of a batch of mails by their UIDs, in their order."""
        read = [self._read(mailbox, uid, each, now) for uid, each in sorted(octets.items())]
        wanted = [each for each in read if isinstance(each, _Mail)]
        ours = self._ours([each.named for each in wanted if each.named is not None])
        return [each if isinstance(each, Understood) else _follow(each, ours, uid_validity, now) for each in read]

    def _read(self, mailbox: Mailbox, uid: int, octets: bytes, now: Millis) -> _Mail | Understood:
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
        named = named_mail(_references(reading), self._tokens)
        return _Mail(uid, octets, reading, named if named and mailbox.may_be_about(named.tenant_id) else None)

    def _ours(self, named: Sequence[NamedMail]) -> "_Ours":
        """Those that exist, with their recipients. The instance's mailbox names mails of many tenants."""
        found: _Ours = {}
        for tenant_id in {each.tenant_id for each in named}:
            ids = {each.mail_id for each in named if each.tenant_id == tenant_id}
            mails = self._mails.get_many(tenant_id, ids)
            contents = self._payloads.load(mails.values())
            for mail in mails.values():
                recipients = contents[mail.id].envelope_recipients if mail.id in contents else []
                found[tenant_id, mail.id] = (mail, recipients)
        return found


type _Ours = dict[tuple[str, str], tuple[Mail, list[str]]]


def _follow(read: _Mail, ours: _Ours, uid_validity: int, now: Millis) -> Understood:
    if read.named is None:
        return Understood(read.uid, unmatched=_unmatched(read, uid_validity, now, "it names no mail of ours"))
    known = ours.get((read.named.tenant_id, read.named.mail_id))
    if known is None:
        return Understood(read.uid, unmatched=_unmatched(read, uid_validity, now, "the mail is no longer kept"))
    mail, recipients = known
    findings = _findings(read, mail, recipients, read.named.strength, now)
    if not findings and _tells_something(read.reading):
        why = "it is about nobody that the mail was sent to"
        return Understood(read.uid, unmatched=_unmatched(read, uid_validity, now, why))
    return Understood(read.uid, findings)


def _findings(
    read: _Mail, mail: Mail, recipients: Sequence[str], strength: Strength, now: Millis
) -> tuple[Finding, ...]:
    if isinstance(read.reading, Receipt):
        found = consequence(read.reading, recipients)
        if isinstance(found, Unverified):
            return (_unverified(read, mail, found, now),)
        return (_finding(read, mail, found, now),)
    return tuple(_finding(read, mail, each, now) for each in consequences(read.reading, recipients, strength))


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
