"""Which recipients are set aside, and which refusals suppress."""

import pytest

from shared.delivery.classification import classify
from shared.delivery.jobs import Job
from shared.delivery.replies import Reply, Scope, Stage, Verdict
from shared.delivery.suppressing import hard_refusals, recipients_to_check, without_suppressed
from shared.delivery.transmission import Answered, MailFailed, RecipientReply
from shared.messages.model import Address, Content, Mail, Priority, Status
from shared.messages.slices import Entry
from shared.messages.table import RecipientResult
from shared.suppression.model import Suppression, SuppressionSource
from tests.unit.clock import NOON

ANNA, BOB = "anna@example.com", "Bob@example.com"
SUPPRESSED = {
    BOB: Suppression(
        tenant_id="acme", address="bob@example.com", reason="gone", source=SuppressionSource.TENANT, since=NOON
    )
}


def job(*before: RecipientResult, ignore: bool = False, content: bool = True) -> Job:
    mail = Mail(
        tenant_id="acme",
        id="m",
        account_id="main",
        priority=Priority.MEDIUM,
        status=Status.PENDING,
        generation=1,
        slice_key="k",
        payload_key="p",
        digest="d",
        created_at=NOON,
        due_at=NOON,
    )
    said = Content(
        from_=Address(address="from@example.com"),
        to=[Address(address=ANNA), Address(address=BOB)],
        ignore_suppression=ignore,
    )
    return Job(Entry("m", 1), mail, said if content else None, before)


def test_a_suppressed_recipient_is_decided_with_the_reason_and_the_others_are_not() -> None:
    [result] = without_suppressed(job(), SUPPRESSED).before
    assert (result.address, result.status, result.code) == (BOB, "error", None)
    assert result.reply == "not sent: the address is suppressed since 2026-01-01T12:00:00.000Z: gone"


def test_what_was_put_off_is_set_aside_and_what_was_decided_stays() -> None:
    deferred = RecipientResult(address=BOB, status="deferred", code=451)
    [result] = without_suppressed(job(deferred), SUPPRESSED).before
    assert (result.status, result.code) == ("error", None)
    sent = RecipientResult(address=BOB, status="sent", code=250)
    assert without_suppressed(job(sent), SUPPRESSED).before == (sent,)


def test_a_mail_may_say_that_suppression_does_not_hold_for_it() -> None:
    assert without_suppressed(job(ignore=True), SUPPRESSED).before == ()
    assert recipients_to_check([job(ignore=True)]) == set()


def test_only_open_recipients_of_mails_with_content_are_looked_up() -> None:
    sent = RecipientResult(address=BOB, status="sent")
    assert recipients_to_check([job(sent), job(content=False)]) == {ANNA}
    assert without_suppressed(job(content=False), SUPPRESSED).before == ()


@pytest.mark.parametrize("enhanced", ["5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"])
def test_a_refusal_at_rcpt_that_names_the_address_suppresses(enhanced: str) -> None:
    [found] = hard_refusals(answered(Stage.RCPT, Reply(550, "no such user", enhanced)))
    assert (found.address, found.reply) == (BOB, f"550 {enhanced} no such user")


@pytest.mark.parametrize(
    ("stage", "code", "enhanced"),
    [
        (Stage.RCPT, 550, "5.7.1"),
        (Stage.RCPT, 552, "5.2.2"),
        (Stage.RCPT, 550, "5.1.8"),
        (Stage.RCPT, 550, "5.4.1"),
        (Stage.RCPT, 550, None),
        (Stage.RCPT, 450, "4.2.1"),
        (Stage.RCPT, 450, "4.1.1"),
        (Stage.DATA, 550, "5.1.1"),
    ],
)
def test_no_other_reply_does(stage: Stage, code: int, enhanced: str | None) -> None:
    assert hard_refusals(answered(stage, Reply(code, "no", enhanced))) == ()


def test_neither_does_a_refusal_of_the_whole_mail() -> None:
    assert hard_refusals(MailFailed("550 5.1.1", permanent=True, reply=Reply(550, "no", "5.1.1"))) == ()
    temporary = RecipientReply(BOB, Reply(550, "no", "5.1.1"), Verdict(Scope.RECIPIENT, permanent=False))
    assert hard_refusals(Answered((temporary,))) == ()


def answered(stage: Stage, reply: Reply) -> Answered:
    taken = RecipientReply(ANNA, Reply(250, "ok"), None)
    return Answered((taken, RecipientReply(BOB, reply, classify(stage, reply))))
