"""One mail through one session: MAIL, RCPT for each recipient, DATA; and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.delivery.replies import Reply, Scope, Stage, Verdict


@dataclass(frozen=True, slots=True)
class Envelope:
    """RFC 5321 §2.3.1: who is told about failures, and whom the mail goes to."""

    sender: str
    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecipientReply:
    """The relay's last word about one recipient: of RCPT if refused there, else of the final dot."""

    address: str
    reply: Reply
    verdict: Verdict | None  # None: taken


@dataclass(frozen=True, slots=True)
class Answered:
    """Every recipient has an answer."""

    recipients: tuple[RecipientReply, ...]


@dataclass(frozen=True, slots=True)
class MailFailed:
    """The mail as a whole did not get through. `unknown_outcome`: the session broke after the mail's text went out,
    so the relay may have taken it."""

    reason: str
    permanent: bool
    reply: Reply | None = None
    unknown_outcome: bool = False


@dataclass(frozen=True, slots=True)
class LineFault:
    """Nothing to do with this mail: the relay or the account cannot be used just now."""

    scope: Scope
    stage: Stage
    reason: str
    code: int | None = None

    @property
    def summary(self) -> str:
        """Fit for a log: a relay's words may quote addresses, and so are left out."""
        return f"{self.scope} at {self.stage}" + (f": {self.code}" if self.code else "")


type Outcome = Answered | MailFailed | LineFault


def outcome_of_refusal(stage: Stage, reply: Reply, verdict: Verdict) -> MailFailed | LineFault:
    """A refusal that concerns more than one recipient."""
    if verdict.scope in (Scope.RELAY, Scope.ACCOUNT):
        return LineFault(verdict.scope, stage, str(reply), reply.code)
    return MailFailed(str(reply), verdict.permanent, reply)


def taken(recipients: Sequence[str], reply: Reply) -> list[RecipientReply]:
    """The relay's one answer for all who were accepted."""
    return [RecipientReply(address, reply, None) for address in recipients]
