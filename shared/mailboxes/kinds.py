"""The kinds of mailboxes, each of them a capability that a deployment may have."""

from enum import StrEnum


class MailboxKind(StrEnum):
    """`bounces`: reports and complaints. `pec`: receipts of certified mail, and what else comes to its account."""

    BOUNCES = "bounces"
    PEC = "pec"
