"""One mail through one session: MAIL, RCPT for each recipient, DATA; and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.delivery.replies import CLOSING, Reply, Scope, Stage, Verdict


@dataclass(frozen=True, slots=True)
class Envelope:
    """RFC 5321 §2.3.1: who is told about failures, and whom the mail goes to. With `all_or_none`, as certified mail
    wants it, in one transaction to all of them, or to nobody."""

    sender: str
    recipients: tuple[str, ...]
    all_or_none: bool = False

    @property
    def is_ascii(self) -> bool:
        """Whether no address of it needs SMTPUTF8."""
        return self.sender.isascii() and all(each.isascii() for each in self.recipients)


@dataclass(frozen=True, slots=True)
class RecipientReply:
    """The relay's last word about one recipient: of RCPT if refused there, else of the final dot."""

    address: str
    reply: Reply
    verdict: Verdict | None  # None: taken


@dataclass(frozen=True, slots=True)
class Answered:
    """Every recipient has an answer, but those of `rest`, whom the relay wants in another transaction (RFC 5321
    §4.5.3.1.10)."""

    recipients: tuple[RecipientReply, ...]
    rest: tuple[str, ...] = ()
    unknown_outcome: bool = False  # for some of them, as in MailFailed


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
    """Nothing to do with this mail: the relay or the account cannot be used just now. `code` is the relay's, `error` a
    name for what went wrong elsewhere, such as a token endpoint's `invalid_grant`."""

    scope: Scope
    stage: Stage
    reason: str
    code: int | None = None
    error: str | None = None

    @property
    def summary(self) -> str:
        """Fit for a log: a relay's words may quote addresses, and so are left out."""
        return ": ".join([f"{self.scope} at {self.stage}", *(str(each) for each in (self.code, self.error) if each)])

    @property
    def broke_a_mail(self) -> bool:
        """Whether the session ended while it carried a mail, whose text was not out: it may be for the mail."""
        in_a_mail = self.stage in (Stage.MAIL, Stage.RCPT, Stage.DATA)
        is_reply = self.code is not None and 400 <= self.code < 600
        return in_a_mail and self.scope is Scope.RELAY and (self.code == CLOSING or not is_reply)


type Outcome = Answered | MailFailed | LineFault


def outcome_of_refusal(stage: Stage, reply: Reply, verdict: Verdict) -> MailFailed | LineFault:
    """A refusal that concerns more than one recipient."""
    if verdict.scope in (Scope.RELAY, Scope.ACCOUNT):
        return LineFault(verdict.scope, stage, str(reply), reply.code)
    return MailFailed(str(reply), verdict.permanent, reply)


def taken(recipients: Sequence[str], reply: Reply) -> list[RecipientReply]:
    """The relay's one answer for all who were accepted."""
    return [RecipientReply(address, reply, None) for address in recipients]


def sent_to_nobody(answers: Sequence[RecipientReply]) -> Answered:
    """What RCPT was answered, where one refusal is one too many: the mail fails for all if it fails for one for good,
    else it is put off for all. Each keeps the relay's own reply if that was a refusal."""
    refused = [(each, each.verdict) for each in answers if each.verdict is not None]
    permanent = any(verdict.permanent for _, verdict in refused)
    shared = Reply(0, f"not sent: the mail goes to all recipients or to none, and {refused[0][0].address} was refused")
    return Answered(
        tuple(
            replace(each, reply=shared, verdict=Verdict(Scope.MESSAGE, permanent))
            if each.verdict is None
            else replace(each, verdict=replace(each.verdict, permanent=permanent))
            for each in answers
        )
    )


def closed(so_far: Sequence[RecipientReply], outcome: MailFailed, rest: Sequence[str]) -> Answered:
    """One outcome of several transactions, of which the last failed: the rest share its failure."""
    reply = outcome.reply or Reply(0, outcome.reason)
    verdict = Verdict(Scope.MESSAGE, outcome.permanent)
    failed = (RecipientReply(address, reply, verdict) for address in rest)
    return Answered((*so_far, *failed), unknown_outcome=outcome.unknown_outcome)


def postponed(so_far: Sequence[RecipientReply], reason: str, rest: Sequence[str]) -> Answered:
    """One outcome of several transactions, after which the line must wait: the rest are tried again later."""
    return closed(so_far, MailFailed(reason, permanent=False), rest)
