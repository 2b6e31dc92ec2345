"""What the demo finds wrong."""

from dataclasses import replace

import pytest

from localstack.demo.mails import ANNA, ARCHIVE, INVOICE, DemoMail, Fate, failing_mails, good_mails
from localstack.demo.tally import Refused
from localstack.demo.verify import problems
from tests.unit.localstack.observations import (
    ACCEPTED_AT,
    arrived,
    composed,
    deferred,
    demo_mail,
    failed,
    observed,
    sent,
)

MAIL = demo_mail()


def test_a_mail_that_arrived_as_meant_is_no_problem() -> None:
    assert problems(observed(MAIL, inbox=[arrived(MAIL)], events=[sent(MAIL)])) == []


@pytest.mark.parametrize("mail", good_mails(ACCEPTED_AT // 1000)[:5], ids=lambda mail: mail.kind)
def test_each_kind_of_mail_passes_when_it_is_composed_well(mail: DemoMail) -> None:
    assert problems(observed(mail, inbox=[arrived(mail)], events=[sent(mail)])) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"subject": "Hallo"}, "the subject is 'Hello'"),
        ({"text": "Good evening.\n"}, "the text differs"),
        ({"html": "<p>"}, "the HTML differs"),
        ({"to": (ANNA,)}, "To is 'Anna <anna@example.net>'"),
        ({"cc": (ANNA,)}, "Cc is None"),
        ({"file": INVOICE}, "the attachments are []"),
    ],
)
def test_a_difference_is_named(change: dict[str, object], problem: str) -> None:
    meant = replace(MAIL, **change)  # type: ignore[arg-type]

    found = problems(observed(meant, inbox=[arrived(meant, message=composed(MAIL))], events=[sent(meant)]))

    assert found == [f"m1 (plain text): {problem}"]


def test_changed_bytes_of_an_attachment_are_found() -> None:
    meant = replace(MAIL, file=INVOICE)
    spoilt = composed(replace(MAIL, file=replace(INVOICE, content=INVOICE.content + b"\n")))

    assert problems(observed(meant, inbox=[arrived(meant, message=spoilt)])) == [
        "m1 (plain text): the bytes of Rechnung für März.pdf differ"
    ]


def test_a_blind_copy_must_be_in_the_envelope_and_nowhere_else() -> None:
    meant = replace(MAIL, bcc=(ARCHIVE,))
    telling = composed(meant)
    telling["X-Copies"] = ARCHIVE.address

    assert problems(observed(meant, inbox=[arrived(meant)])) == []
    assert problems(observed(meant, inbox=[arrived(meant, message=telling)])) == [
        "m1 (plain text): the blind copy to archive@example.com shows in the mail"
    ]
    assert problems(observed(meant, inbox=[arrived(meant, rcpt_tos=["anna@example.net"])])) == [
        "m1 (plain text): the envelope is for anna@example.net"
    ]


def test_a_recipient_named_twice_in_the_envelope_is_found() -> None:
    twice = arrived(MAIL, rcpt_tos=["anna@example.net", "anna@example.net"])

    assert problems(observed(MAIL, inbox=[twice])) == [
        "m1 (plain text): the envelope is for anna@example.net, anna@example.net"
    ]


def test_a_scheduled_mail_must_not_come_before_its_time() -> None:
    meant = replace(MAIL, send_at=ACCEPTED_AT // 1000 + 8)

    assert problems(observed(meant, inbox=[arrived(meant, after_ms=6_500)])) == []
    assert problems(observed(meant, inbox=[arrived(meant, after_ms=5_000)])) == [
        "m1 (plain text): it came 3.0 s before its time"
    ]


def test_an_unencrypted_connection_is_found() -> None:
    (problem,) = problems(observed(MAIL, inbox=[arrived(MAIL, tls=False)]))

    assert "without encryption" in problem


def test_missing_headers_are_found() -> None:
    bare = composed(MAIL)
    del bare["Date"]

    assert problems(observed(MAIL, inbox=[arrived(MAIL, message=bare)])) == ["m1 (plain text): Date is missing"]


def test_mails_of_one_priority_must_arrive_in_the_order_of_submission() -> None:
    first, second, other = demo_mail("first"), demo_mail("second"), replace(demo_mail("later"), send_at=1)
    inbox = [arrived(second, order=1), arrived(other, order=2), arrived(first, order=3)]

    assert problems(observed(first, other, second, inbox=inbox)) == ["high: arrived in the order second, first"]


def test_a_stranger_in_the_inbox_is_found() -> None:
    assert problems(observed(inbox=[arrived(MAIL)])) == ["a mail that was not submitted is in the inbox: m1"]


def test_a_mail_without_a_reason_to_fail_must_not_fail() -> None:
    refusal = Refused(demo_mail("other"), "too_large", "over the limit")

    found = problems(observed(MAIL, refused=[refusal], events=[failed(MAIL), deferred(MAIL)]))

    assert found == [
        "other: refused at submission: too_large: over the limit",
        "m1: reported as an error: 550 5.1.1 user unknown",
        "m1: deferred without a cause in the inbox: 451 4.7.1 greylisted",
    ]


def test_a_mail_with_a_reason_to_fail_must_fail_for_that_reason() -> None:
    by_fate = {mail.fate: mail for mail in failing_mails()}
    at_submission, by_relay = by_fate[Fate.REFUSED_AT_SUBMISSION], by_fate[Fate.REFUSED_BY_RELAY]
    later = by_fate[Fate.DELIVERED_LATER]

    found = problems(
        observed(
            at_submission,
            by_relay,
            later,
            inbox=[arrived(by_relay, order=1), arrived(later, order=2)],
            events=[failed(by_relay, "421 too busy"), sent(later)],
        )
    )

    assert found == [
        "line-break-in-subject: accepted with its CR/LF in the subject",
        "refused: delivered, although the relay refuses its recipient",
        "refused: no report of an error names the relay's 550",
        "greylisted: no deferral naming the relay's 451 was reported",
    ]
