"""A suppressed address, and which refusals make one."""

from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from shared.clock import Millis

MAX_REASON = 500

# RFC 3463 and the IANA registry of enhanced codes: there is no such mailbox, domain or host, and never will be under
# this address. Full mailboxes (5.2.2), policies (5.7.x) and all else say something about now, or about the sender.
SUPPRESSING_CODES = frozenset(["5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"])


class SuppressionSource(StrEnum):
    """Who said so: the tenant, a relay that refused the address for good, a report that came back, or the recipient."""

    TENANT = "tenant"
    REFUSAL = "refusal"
    BOUNCE = "bounce"
    COMPLAINT = "complaint"


@dataclass(frozen=True, slots=True)
class HardRefusal:
    """A recipient whom no mail will ever reach, by the relay's reply to RCPT."""

    address: str
    reply: str


class Suppression(BaseModel):
    """A suppressed address, as stored. `message_id` and `event_id` tell which mail's refusal it was."""

    model_config = ConfigDict(frozen=True)

    tenant_id: str
    address: str
    reason: str
    source: SuppressionSource
    since: Millis
    message_id: str | None = None
    event_id: str | None = None

    @property
    def canonical(self) -> str:
        return canonical(self.address)


def canonical(address: str) -> str:
    """What makes two addresses the same here: all of it in lower case.

    RFC 5321 §2.4 lets a host tell local parts apart by case. None that matters does, and writing to a dead mailbox
    under another spelling harms the sender all the same.
    """
    return address.lower()
