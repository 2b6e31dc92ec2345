"""A relay for development and tests: a real SMTP server that keeps what it receives and answers by script."""

from localstack.inbox.behaviour import Credentials, Tls, TlsMode
from localstack.inbox.certificate import local_certificate
from localstack.inbox.mailbox import Exchange, Mailbox, ReceivedMail
from localstack.inbox.script import (
    DEVELOPMENT_RULES,
    HANG_UP,
    Occasion,
    Reply,
    ReplyScript,
    Rule,
    Stage,
    answer,
    close_after,
    greylist,
    refuse_unknown_user,
)
from localstack.inbox.server import Inbox
from localstack.inbox.web import inbox_application

__all__ = [
    "DEVELOPMENT_RULES",
    "HANG_UP",
    "Credentials",
    "Exchange",
    "Inbox",
    "Mailbox",
    "Occasion",
    "ReceivedMail",
    "Reply",
    "ReplyScript",
    "Rule",
    "Stage",
    "Tls",
    "TlsMode",
    "answer",
    "close_after",
    "greylist",
    "inbox_application",
    "local_certificate",
    "refuse_unknown_user",
]
