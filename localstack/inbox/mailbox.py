"""Keeps what arrived at the inbox, and what the inbox replied."""

from collections import deque
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default as default_policy
from functools import cached_property

from localstack.inbox.script import Stage
from localstack.records import Records

REMEMBERED_EXCHANGES = 20_000


@dataclass(frozen=True)
class ReceivedMail:
    """One message as the relay took it: the envelope beside the bytes.

    `order` counts from 1 in the order in which final dots were answered; `received_at` is that moment in
    epoch milliseconds; `connection` numbers the connection it came over.
    """

    order: int
    connection: int
    received_at: int
    mail_from: str
    rcpt_tos: tuple[str, ...]
    raw: bytes
    tls: bool = False
    username: str | None = None
    """Who had authenticated on that connection."""

    @cached_property
    def message(self) -> EmailMessage:
        """The message parsed, with headers decoded."""
        return BytesParser(_class=EmailMessage, policy=default_policy).parsebytes(self.raw)

    def header(self, name: str) -> str | None:
        """Return the first header of that name, decoded, or `None`."""
        value = self.message[name]
        return None if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One reply that the inbox gave, with what it was an answer to. `at` is in epoch milliseconds."""

    at: int
    connection: int
    stage: Stage
    sender: str
    recipient: str
    reply: str
    """As sent; empty when the connection was closed without one."""


class Mailbox:
    """The mails and the replies of one inbox. Safe to use from any thread."""

    def __init__(self) -> None:
        self.mails = Records[ReceivedMail]("mails")
        self._exchanges: deque[Exchange] = deque(maxlen=REMEMBERED_EXCHANGES)

    def mail(self, order: int) -> ReceivedMail | None:
        """Return the mail with this order number, or `None`."""
        return next((mail for mail in self.mails.all() if mail.order == order), None)

    def note(self, exchange: Exchange) -> None:
        """Remember a reply; the oldest are forgotten after 20,000."""
        self._exchanges.append(exchange)

    def exchanges(self, stage: Stage | None = None) -> list[Exchange]:
        """Return the replies given, oldest first, of all stages or of one."""
        return [exchange for exchange in self._exchanges.copy() if stage in (None, exchange.stage)]

    def clear(self) -> None:
        """Forget all mails and replies. Order numbers go on."""
        self.mails.clear()
        self._exchanges.clear()
