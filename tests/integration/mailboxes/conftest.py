"""A Dovecot for all tests of this folder, each with a user of its own, and a tenant whose relay takes everything."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import pytest

from localstack.inbox import Inbox
from localstack.receiver import Receiver
from shared.lines.line import Line, mailbox_line
from shared.mailboxes.model import Mailbox, MailboxSettings
from shared.mailboxes.state import MailboxState, MailboxStates
from shared.messages.returns import Return, Returns
from tests.integration.lane_driver import TENANT, System
from tests.integration.mailboxes.dovecot import PASSWORD, Dovecot, dovecot_or_skip

_users = count(1)
NAME = "returns"


@pytest.fixture(scope="session")
def server() -> Iterator[Dovecot]:
    dovecot_or_skip()
    with Dovecot() as running:
        yield running


@dataclass
class Box:
    """One user's mail on the server, and the mailbox that reads it."""

    server: Dovecot
    system: System
    user: str
    owner: str = TENANT

    @property
    def line(self) -> Line:
        return mailbox_line(self.owner, NAME)

    def put(self, **settings: object) -> Mailbox:
        """As the API does: stored, announced, woken."""
        known = {
            "kind": "bounces",
            "host": "127.0.0.1",
            "port": self.server.ports.imap,
            "tls": "none",
            "username": self.user,
            "password": PASSWORD,
        }
        mailbox, _ = self.system.mailboxes.put(self.owner, NAME, MailboxSettings.model_validate(known | settings))
        self.system.lines.announce(self.line, self.system.clock())
        self.system.lines.wake(self.line)
        self.system.lines.unblock([self.line])
        return mailbox

    def append(self, *mails: bytes, folder: str = "INBOX") -> None:
        self.server.append(self.user, *mails, folder=folder)

    @property
    def state(self) -> MailboxState:
        return MailboxStates(self.system.messages).get(self.line)

    def returns(self, mail_id: str) -> list[Return]:
        return Returns(self.system.messages).of(TENANT, mail_id)


@pytest.fixture
def box(server: Dovecot, system: System) -> Box:
    return Box(server, system, f"user{next(_users)}")


@pytest.fixture(autouse=True)
def tenant(system: System, inbox: Inbox, receiver: Receiver) -> None:
    system.add_tenant(client_base_url=receiver.url)
    system.add_account(inbox)
