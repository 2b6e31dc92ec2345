"""What the demo would see of mails: built without any server."""

from collections.abc import Iterable
from email.message import EmailMessage
from email.policy import SMTP

from localstack.demo.mails import ID_HEADER, DemoMail, Mailbox, Priority
from localstack.demo.tally import Observed, Refused, Submitted
from localstack.inbox import ReceivedMail
from localstack.receiver import DeliveryEvent, ReceivedEvent

ACCEPTED_AT = 1_700_000_000_000  # epoch milliseconds


def demo_mail(mail_id: str = "m1", priority: Priority = Priority.HIGH) -> DemoMail:
    return DemoMail(
        id=mail_id,
        kind="plain text",
        priority=priority,
        subject="Hello",
        text="Good morning.\n",
        to=(Mailbox("Anna", "anna@example.net"),),
    )


def composed(mail: DemoMail) -> EmailMessage:
    """The mail as the proxy should compose it."""
    message = EmailMessage(policy=SMTP)
    message["From"] = str(mail.sender)
    message["To"] = ", ".join(map(str, mail.to))
    if mail.cc:
        message["Cc"] = ", ".join(map(str, mail.cc))
    message["Subject"] = mail.subject
    message["Date"] = "Tue, 14 Nov 2023 22:13:20 +0000"
    message["Message-ID"] = f"<{mail.id}@example.org>"
    message[ID_HEADER] = mail.id
    message.set_content(mail.text)
    if mail.html is not None:
        message.add_alternative(mail.html, subtype="html")
    if mail.file is not None:
        main_type, _, subtype = mail.file.media_type.partition("/")
        message.add_attachment(mail.file.content, main_type, subtype, filename=mail.file.name)
    return message


def arrived(
    mail: DemoMail,
    *,
    order: int = 1,
    after_ms: int = 500,
    message: EmailMessage | None = None,
    rcpt_tos: Iterable[str] | None = None,
    tls: bool = True,
) -> ReceivedMail:
    return ReceivedMail(
        order=order,
        connection=1,
        received_at=ACCEPTED_AT + after_ms,
        mail_from=mail.sender.address,
        rcpt_tos=tuple(mail.recipients if rcpt_tos is None else rcpt_tos),
        raw=(message or composed(mail)).as_bytes(),
        tls=tls,
        username="shop",
    )


def event(mail: DemoMail, **fields: object) -> ReceivedEvent:
    content = {"id": mail.id, "event_id": f"e-{mail.id}", **fields}
    return ReceivedEvent(1, 1, ACCEPTED_AT + 600, {}, DeliveryEvent.model_validate(content), acknowledged=True)


def sent(mail: DemoMail) -> ReceivedEvent:
    return event(mail, sent_ts=1_700_000_001)


def failed(mail: DemoMail, error: str = "550 5.1.1 user unknown") -> ReceivedEvent:
    return event(mail, error_ts=1_700_000_001, error=error)


def deferred(mail: DemoMail, reason: str = "451 4.7.1 greylisted") -> ReceivedEvent:
    return event(mail, deferred_ts=1_700_000_001, deferred_reason=reason)


def observed(
    *mails: DemoMail,
    refused: Iterable[Refused] = (),
    inbox: Iterable[ReceivedMail] = (),
    events: Iterable[ReceivedEvent] = (),
) -> Observed:
    """What is seen when the API accepted `mails`."""
    return Observed([Submitted(mail, ACCEPTED_AT) for mail in mails], list(refused), list(inbox), list(events))
