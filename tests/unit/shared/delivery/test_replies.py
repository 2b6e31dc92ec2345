"""What each reply of a relay is taken to be about, and whether trying again can help."""

import pytest

from shared.delivery.replies import PROVIDER_REPLIES, Reply, Scope, Stage, Verdict, classify

RELAY_WAITS = Verdict(Scope.RELAY, permanent=False)
ACCOUNT_WAITS = Verdict(Scope.ACCOUNT, permanent=False)
MAIL_LATER = Verdict(Scope.MESSAGE, permanent=False)
MAIL_NEVER = Verdict(Scope.MESSAGE, permanent=True)
RECIPIENT_LATER = Verdict(Scope.RECIPIENT, permanent=False)
RECIPIENT_NEVER = Verdict(Scope.RECIPIENT, permanent=True)

VERDICTS = [
    # The server is closing (RFC 5321 §3.8), wherever it says so.
    (Stage.CONNECT, 421, "4.3.2 try again later", RELAY_WAITS),
    (Stage.TLS, 421, "closing", RELAY_WAITS),
    (Stage.EHLO, 421, "4.7.0 too many connections", RELAY_WAITS),
    (Stage.AUTH, 421, "4.7.0 too many failed logins", RELAY_WAITS),
    (Stage.MAIL, 421, "4.7.0 too many messages on this connection", RELAY_WAITS),
    (Stage.MAIL, 421, "4.7.28 unusual rate", RELAY_WAITS),
    (Stage.RCPT, 421, "4.4.2 idle", RELAY_WAITS),
    (Stage.DATA, 421, "4.3.0 shutting down", RELAY_WAITS),
    # Before there is a mail, nothing is about one.
    (Stage.CONNECT, 554, "5.7.1 no SMTP service here", RELAY_WAITS),
    (Stage.CONNECT, 450, "busy", RELAY_WAITS),
    (Stage.CONNECT, 520, "", RELAY_WAITS),
    (Stage.TLS, 454, "4.7.0 TLS not available", RELAY_WAITS),
    (Stage.TLS, 502, "not implemented", RELAY_WAITS),
    (Stage.EHLO, 504, "command parameter", RELAY_WAITS),
    (Stage.EHLO, 550, "5.7.1 refused", RELAY_WAITS),
    (Stage.EHLO, 450, "4.7.1 wait", RELAY_WAITS),
    # AUTH: the credentials, unless the relay has a trouble of its own (RFC 4954 §6).
    (Stage.AUTH, 535, "5.7.8 credentials invalid", ACCOUNT_WAITS),
    (Stage.AUTH, 535, "", ACCOUNT_WAITS),
    (Stage.AUTH, 534, "5.7.9 mechanism too weak", ACCOUNT_WAITS),
    (Stage.AUTH, 530, "5.7.0 must issue STARTTLS first", ACCOUNT_WAITS),
    (Stage.AUTH, 538, "5.7.11 encryption required", ACCOUNT_WAITS),
    (Stage.AUTH, 504, "5.5.4 unrecognized mechanism", ACCOUNT_WAITS),
    (Stage.AUTH, 550, "5.7.1 account disabled", ACCOUNT_WAITS),
    (Stage.AUTH, 454, "4.7.0 temporary authentication failure", ACCOUNT_WAITS),
    (Stage.AUTH, 454, "4.3.0 authentication backend down", RELAY_WAITS),
    (Stage.AUTH, 451, "4.3.0 database error", RELAY_WAITS),
    (Stage.AUTH, 432, "4.7.12 a password transition is needed", RELAY_WAITS),
    (Stage.AUTH, 454, "Throttling failure: Maximum sending rate exceeded.", ACCOUNT_WAITS),
    # MAIL FROM: the session's right to send, the relay's state, this mail's sender and size; never a recipient.
    (Stage.MAIL, 530, "5.7.0 authentication required", ACCOUNT_WAITS),
    (Stage.MAIL, 535, "5.7.3 unable to authenticate", ACCOUNT_WAITS),
    (Stage.MAIL, 538, "5.7.11 encryption required", ACCOUNT_WAITS),
    (Stage.MAIL, 550, "5.7.60 client does not have permissions to send as this sender", MAIL_NEVER),
    (Stage.MAIL, 553, "5.1.8 sender address rejected", MAIL_NEVER),
    (Stage.MAIL, 553, "sender not allowed", MAIL_NEVER),
    (Stage.MAIL, 501, "5.1.7 bad sender address syntax", MAIL_NEVER),
    (Stage.MAIL, 552, "5.3.4 message size exceeds fixed limit", MAIL_NEVER),
    (Stage.MAIL, 552, "too large", MAIL_NEVER),
    (Stage.MAIL, 452, "4.3.1 insufficient system storage", RELAY_WAITS),
    (Stage.MAIL, 451, "4.3.0 queue file write error", RELAY_WAITS),
    (Stage.MAIL, 451, "4.3.5 server misconfigured", RELAY_WAITS),
    (Stage.MAIL, 451, "4.7.1 sender greylisted", MAIL_LATER),
    (Stage.MAIL, 450, "4.1.8 sender's domain not found", MAIL_LATER),
    (Stage.MAIL, 452, "try later", MAIL_LATER),
    # Providers whose codes say something else than they mean.
    (Stage.MAIL, 454, "Throttling failure: Daily message quota exceeded.", ACCOUNT_WAITS),
    (Stage.DATA, 454, "Throttling failure: Maximum sending rate exceeded.", ACCOUNT_WAITS),
    (Stage.MAIL, 550, "5.4.5 Daily user sending quota exceeded.", ACCOUNT_WAITS),
    (Stage.RCPT, 550, "5.4.5 Daily SMTP relay sending limit exceeded for customer.", ACCOUNT_WAITS),
    (Stage.DATA, 550, "5.4.5 Daily user sending limit exceeded.", ACCOUNT_WAITS),
    (Stage.MAIL, 432, "4.3.2 Concurrent connections limit exceeded.", RELAY_WAITS),
    (Stage.DATA, 432, "4.3.2 STOREDRV.ClientSubmit; concurrent connections limit exceeded", RELAY_WAITS),
    (Stage.DATA, 554, "5.2.2 mailbox full; STOREDRV.Submission.Exception", ACCOUNT_WAITS),
    # The same codes with another text are no provider's.
    (Stage.RCPT, 550, "5.4.5 no route to host", RECIPIENT_NEVER),
    (Stage.RCPT, 554, "5.2.1 mailbox full", RECIPIENT_NEVER),
    (Stage.RCPT, 454, "4.7.1 relay access denied", RECIPIENT_LATER),
    # RCPT: that recipient, temporary or for good.
    (Stage.RCPT, 550, "5.1.1 user unknown", RECIPIENT_NEVER),
    (Stage.RCPT, 550, "", RECIPIENT_NEVER),
    (Stage.RCPT, 551, "5.1.6 moved", RECIPIENT_NEVER),
    (Stage.RCPT, 553, "5.1.3 bad address syntax", RECIPIENT_NEVER),
    (Stage.RCPT, 554, "5.7.1 relay access denied", RECIPIENT_NEVER),
    (Stage.RCPT, 550, "5.7.1 blocked by policy", RECIPIENT_NEVER),
    (Stage.RCPT, 552, "5.2.2 mailbox full", RECIPIENT_NEVER),
    (Stage.RCPT, 450, "4.2.1 mailbox busy", RECIPIENT_LATER),
    (Stage.RCPT, 451, "4.7.1 greylisted, try again in 300 s", RECIPIENT_LATER),
    (Stage.RCPT, 450, "4.2.0 greylisted", RECIPIENT_LATER),
    (Stage.RCPT, 452, "4.5.3 too many recipients", RECIPIENT_LATER),
    (Stage.RCPT, 452, "4.2.2 over quota", RECIPIENT_LATER),
    (Stage.RCPT, 530, "5.7.1 authentication required", ACCOUNT_WAITS),
    (Stage.RCPT, 535, "5.7.8 not authenticated", ACCOUNT_WAITS),
    # DATA and the final dot: the mail, for all its recipients.
    (Stage.DATA, 550, "5.7.1 message rejected as spam", MAIL_NEVER),
    (Stage.DATA, 554, "5.6.0 malformed", MAIL_NEVER),
    (Stage.DATA, 552, "5.3.4 too big", MAIL_NEVER),
    (Stage.DATA, 554, "no valid recipients", MAIL_NEVER),
    (Stage.DATA, 451, "4.7.1 content check deferred", MAIL_LATER),
    (Stage.DATA, 452, "4.3.1 insufficient storage", MAIL_LATER),
    (Stage.DATA, 450, "4.7.0 try again", MAIL_LATER),
]


@pytest.mark.parametrize(("stage", "code", "text", "verdict"), VERDICTS)
def test_a_reply_is_about(stage: Stage, code: int, text: str, verdict: Verdict) -> None:
    assert classify(stage, Reply.of(code, text)) == verdict


def test_only_a_recipients_refusal_can_be_about_a_recipient() -> None:
    for stage in set(Stage) - {Stage.RCPT}:
        for code in range(400, 600):
            assert classify(stage, Reply(code, "")).scope is not Scope.RECIPIENT


def test_what_makes_the_line_wait_is_never_permanent() -> None:
    for stage in Stage:
        for code in range(400, 600):
            verdict = classify(stage, Reply(code, ""))
            assert not (verdict.permanent and verdict.scope in (Scope.RELAY, Scope.ACCOUNT))


def test_each_providers_reply_names_its_source() -> None:
    assert all(row.source.startswith("https://") for row in PROVIDER_REPLIES)


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        (550, "5.1.1 user unknown", Reply(550, "user unknown", "5.1.1")),
        (250, "2.0.0 Ok: queued as 4F2", Reply(250, "Ok: queued as 4F2", "2.0.0")),
        (451, "4.7.650 blocked", Reply(451, "blocked", "4.7.650")),
        (550, "5.2.251", Reply(550, "", "5.2.251")),
        (550, "no enhanced code", Reply(550, "no enhanced code")),
        (550, "", Reply(550, "")),
        (550, "4.1.1 of another class", Reply(550, "4.1.1 of another class")),
        (250, "5.1.1 of another class", Reply(250, "5.1.1 of another class")),
        (550, "5.1.1.7 an address, no code", Reply(550, "5.1.1.7 an address, no code")),
        (550, "see 5.1.1 above", Reply(550, "see 5.1.1 above")),
        (550, "5.1.1 several\nlines  of\ttext ", Reply(550, "several lines of text", "5.1.1")),
        (554, "5.7.1234 too long", Reply(554, "5.7.1234 too long")),
    ],
)
def test_a_reply_is_read_with_its_enhanced_code_if_it_begins_with_one_of_its_class(
    code: int, text: str, expected: Reply
) -> None:
    assert Reply.of(code, text) == expected


def test_bytes_that_are_no_utf8_leave_a_reply_that_can_be_stored() -> None:
    """aiosmtplib passes them on as lone surrogates, which no JSON and no table takes."""
    reply = Reply.of(550, b"5.1.1 destinataire supprim\xe9".decode("utf-8", "surrogateescape"))

    assert reply == Reply(550, "destinataire supprim\N{REPLACEMENT CHARACTER}", "5.1.1")


def test_a_reply_shows_as_one_line() -> None:
    assert str(Reply(550, "user unknown", "5.1.1")) == "550 5.1.1 user unknown"
    assert str(Reply(421, "")) == "421"
