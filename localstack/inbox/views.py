"""Shapes of the inbox's REST answers, made from received mails."""

from email.message import EmailMessage

from pydantic import BaseModel, Field

from localstack.inbox import mime
from localstack.inbox.mailbox import Exchange, ReceivedMail
from localstack.inbox.script import Stage


class Envelope(BaseModel):
    """Who the relay was told the mail is from and for; blind copies appear only here."""

    mail_from: str
    rcpt_tos: list[str]


class MailSummary(BaseModel):
    """A mail as a line of the list. `received_at` is in epoch milliseconds."""

    order: int
    connection: int
    received_at: int
    envelope: Envelope
    subject: str | None
    from_: str | None = Field(serialization_alias="from")
    to: str | None
    message_id: str | None
    mail_proxy_id: str | None
    size: int
    attachments: int

    @classmethod
    def of(cls, mail: ReceivedMail) -> "MailSummary":
        """Summarize a received mail."""
        return cls(
            order=mail.order,
            connection=mail.connection,
            received_at=mail.received_at,
            envelope=Envelope(mail_from=mail.mail_from, rcpt_tos=list(mail.rcpt_tos)),
            subject=mail.header("Subject"),
            from_=mail.header("From"),
            to=mail.header("To"),
            message_id=mail.header("Message-ID"),
            mail_proxy_id=mail.header("X-Mail-Proxy-ID"),
            size=len(mail.raw),
            attachments=sum(mime.is_file(leaf) for leaf in mime.leaves(mail.message)),
        )


class MailList(BaseModel):
    """Mails, oldest first, and how many there are in all."""

    messages: list[MailSummary]
    total: int


class Header(BaseModel):
    """One header, decoded, in its place among the others."""

    name: str
    value: str


class Part(BaseModel):
    """One leaf of a mail's MIME tree; `index` names it in addresses. `size` is in octets, decoded."""

    index: int
    content_type: str
    filename: str | None
    content_id: str | None
    is_file: bool
    size: int

    @classmethod
    def of(cls, index: int, leaf: EmailMessage) -> "Part":
        """Describe the leaf at this index."""
        return cls(
            index=index,
            content_type=leaf.get_content_type(),
            filename=leaf.get_filename(),
            content_id=leaf["Content-ID"],
            is_file=mime.is_file(leaf),
            size=len(mime.content(leaf)),
        )


class MailView(MailSummary):
    """A mail with its headers and parts. `html` is the index of the part to show as a page, if any."""

    tls: bool
    username: str | None
    headers: list[Header]
    text: str | None
    html: int | None
    parts: list[Part]

    @classmethod
    def of(cls, mail: ReceivedMail) -> "MailView":
        """Describe a received mail in full."""
        plain = mime.body(mail.message, "plain")
        html = mime.body(mail.message, "html")
        return cls(
            **MailSummary.of(mail).model_dump(),
            tls=mail.tls,
            username=mail.username,
            headers=[Header(name=name, value=str(value)) for name, value in mail.message.items()],
            text=None if plain is None else mime.text(plain),
            html=next((index for index, leaf in enumerate(mime.leaves(mail.message)) if leaf is html), None),
            parts=[Part.of(index, leaf) for index, leaf in enumerate(mime.leaves(mail.message))],
        )


class ExchangeView(BaseModel):
    """A reply the inbox gave. `at` is in epoch milliseconds; an empty reply is a silent hang-up."""

    at: int
    connection: int
    stage: Stage
    sender: str
    recipient: str
    reply: str

    @classmethod
    def of(cls, exchange: Exchange) -> "ExchangeView":
        """Copy a remembered exchange."""
        return cls(
            at=exchange.at,
            connection=exchange.connection,
            stage=exchange.stage,
            sender=exchange.sender,
            recipient=exchange.recipient,
            reply=exchange.reply,
        )
