"""Reports about mails of the tests, in the form of RFC 3464."""

from localstack.inbox import Inbox
from shared.delivery.tokens import MailTokens
from tests.integration.lane_driver import TENANT

TOKENS = MailTokens("k" * 32)


def report(
    mail_id: str, recipient: str = "anna@example.net", *, status: str = "5.1.1", action: str = "failed"
) -> bytes:
    """What a relay sends back about a mail."""
    token = TOKENS.seal(TENANT, mail_id)
    return "\r\n".join(
        [
            "Return-Path: <>",
            "From: MAILER-DAEMON@relay.example",
            "To: shop@example.org",
            f"Subject: Undelivered Mail: {mail_id} {recipient}",
            "MIME-Version: 1.0",
            'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
            "",
            "--b",
            "Content-Type: message/delivery-status",
            "",
            "Reporting-MTA: dns; relay.example",
            "",
            f"Final-Recipient: rfc822; {recipient}",
            f"Action: {action}",
            f"Status: {status}",
            f"Diagnostic-Code: smtp; 550 {status} as the test says",
            "",
            "--b",
            "Content-Type: text/rfc822-headers",
            "",
            f"Message-ID: <{token}@example.org>",
            f"X-Mail-Proxy-ID: {token}",
            "",
            "--b--",
            "",
        ]
    ).encode()


def report_by_message_id(message_id: str, recipient: str = "anna@example.net") -> bytes:
    """What a relay sends back that returns only the Message-ID of the mail, which its client chose."""
    before = report("x", recipient).partition(b"Message-ID:")[0]
    return before + f"Message-ID: {message_id}\r\n\r\n--b--\r\n".encode()


def report_on(inbox: Inbox, status: str = "5.1.1") -> bytes:
    """What a relay sends back about the mail that it has taken last: built from that mail, and nothing else."""
    (*_, mail) = inbox.mailbox.mails.all()
    headers = mail.raw.partition(b"\r\n\r\n")[0]
    made = report("x", mail.rcpt_tos[0], status=status)
    before = made.partition(b"Content-Type: text/rfc822-headers\r\n\r\n")[0]
    return before + b"Content-Type: text/rfc822-headers\r\n\r\n" + headers + b"\r\n\r\n--b--\r\n"
