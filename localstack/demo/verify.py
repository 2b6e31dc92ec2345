"""Compares what arrived with what was meant: content, envelope, order, time, refusals. Pure, as the tally."""

from collections.abc import Iterator
from email.message import EmailMessage
from email.utils import getaddresses
from typing import Final

from localstack.demo.mails import DemoMail, Fate, Mailbox, Priority
from localstack.demo.tally import Observed, Submitted
from localstack.inbox import ReceivedMail, mime
from localstack.receiver import EventKind

CLOCKS_DIFFER_MS: Final = 2_000
"""What is due within two seconds counts as due, since a worker's clock need not be the scheduler's."""


def problems(observed: Observed) -> list[str]:
    """Return everything that is not as it must be, one sentence each; nothing when all is well."""
    return [
        *_strangers(observed),
        *_submission(observed),
        *_refusals_by_the_relay(observed),
        *_deferrals(observed),
        *_contents(observed),
        *_order(observed),
    ]


def _strangers(observed: Observed) -> Iterator[str]:
    known = {one.mail.id for one in observed.submitted}
    for mail_id in observed.copies.keys() - known:
        yield f"a mail that was not submitted is in the inbox: {mail_id or 'without an id'}"


def _submission(observed: Observed) -> Iterator[str]:
    for one in observed.submitted:
        if one.mail.fate is Fate.REFUSED_AT_SUBMISSION:
            yield f"{one.mail.id}: accepted with its {one.mail.kind}"
    for refused in observed.refused:
        if refused.mail.fate is not Fate.REFUSED_AT_SUBMISSION:
            yield f"{refused.mail.id}: refused at submission: {refused.code}: {refused.detail}"


def _refusals_by_the_relay(observed: Observed) -> Iterator[str]:
    for mail in (one.mail for one in observed.submitted):
        errors = [
            report.event.error or ""
            for report in observed.reports.get(mail.id, ())
            if report.event.kind is EventKind.ERROR
        ]
        if mail.fate is not Fate.REFUSED_BY_RELAY:
            yield from (f"{mail.id}: reported as an error: {error}" for error in errors)
            continue
        if observed.is_delivered(mail):
            yield f"{mail.id}: delivered, although the relay refuses its recipient"
        if not any("550" in error for error in errors):
            yield f"{mail.id}: no report of an error names the relay's 550"


def _deferrals(observed: Observed) -> Iterator[str]:
    for mail in (one.mail for one in observed.submitted):
        reasons = [
            report.event.deferred_reason or ""
            for report in observed.reports.get(mail.id, ())
            if report.event.kind is EventKind.DEFERRED
        ]
        if mail.fate is Fate.DELIVERED_LATER and not any("451" in reason for reason in reasons):
            yield f"{mail.id}: no deferral naming the relay's 451 was reported"
        if mail.fate is not Fate.DELIVERED_LATER and reasons:
            yield f"{mail.id}: deferred without a cause in the inbox: {reasons[0]}"


def _contents(observed: Observed) -> Iterator[str]:
    for one in observed.submitted:
        for copy in observed.copies.get(one.mail.id, ())[:1]:
            for problem in _differences(one.mail, copy):
                yield f"{one.mail.id} ({one.mail.kind}): {problem}"


def _differences(meant: DemoMail, arrived: ReceivedMail) -> Iterator[str]:
    message = arrived.message
    if frozenset(arrived.rcpt_tos) != meant.recipients or len(arrived.rcpt_tos) != len(meant.recipients):
        yield f"the envelope is for {', '.join(arrived.rcpt_tos)}"
    for blind in meant.bcc:
        if blind.address.encode() in arrived.raw:
            yield f"the blind copy to {blind.address} shows in the mail"
    if arrived.header("Subject") != meant.subject:
        yield f"the subject is {arrived.header('Subject')!r}"
    for name, boxes in (("From", (meant.sender,)), ("To", meant.to), ("Cc", meant.cc)):
        if _addresses(message, name) != boxes:
            yield f"{name} is {arrived.header(name)!r}"
    for name in ("Date", "Message-ID", "MIME-Version"):
        if arrived.header(name) is None:
            yield f"{name} is missing"
    if _body(message, "plain") != meant.text.strip():
        yield "the text differs"
    if _body(message, "html") != meant.html:
        yield "the HTML differs"
    yield from _file_differences(meant, message)
    if meant.send_at is not None and arrived.received_at < meant.send_at * 1000 - CLOCKS_DIFFER_MS:
        yield f"it came {meant.send_at - arrived.received_at / 1000:.1f} s before its time"
    if not arrived.tls or arrived.username is None:
        yield "it came over a connection without encryption or without authentication"


def _file_differences(meant: DemoMail, message: EmailMessage) -> Iterator[str]:
    files = [leaf for leaf in mime.leaves(message) if mime.is_file(leaf)]
    wanted = () if meant.file is None else (meant.file,)
    if [leaf.get_filename() for leaf in files] != [file.name for file in wanted]:
        yield f"the attachments are {[leaf.get_filename() for leaf in files]}"
        return
    for leaf, file in zip(files, wanted, strict=True):
        if mime.content(leaf) != file.content:
            yield f"the bytes of {file.name} differ"
        if leaf.get_content_type() != file.media_type:
            yield f"{file.name} is of type {leaf.get_content_type()}"


def _order(observed: Observed) -> Iterator[str]:
    """Mails of one priority that were tried once, and at once, arrive in the order of their submission."""
    for priority in Priority:
        expected = [one for one in observed.submitted if one.mail.priority is priority and _kept_place(one)]
        expected = [one for one in expected if observed.is_delivered(one.mail)]
        arrived = sorted(expected, key=lambda one: observed.copies[one.mail.id][0].order)
        if arrived != expected:
            yield f"{priority}: arrived in the order {', '.join(one.mail.id for one in arrived)}"


def _kept_place(one: Submitted) -> bool:
    return one.mail.fate is Fate.DELIVERED and one.mail.send_at is None


def _addresses(message: EmailMessage, name: str) -> tuple[Mailbox, ...]:
    return tuple(Mailbox(person, address) for person, address in getaddresses(message.get_all(name, [])))


def _body(message: EmailMessage, subtype: str) -> str | None:
    leaf = mime.body(message, subtype)
    return None if leaf is None else mime.text(leaf).replace("\r\n", "\n").strip()
