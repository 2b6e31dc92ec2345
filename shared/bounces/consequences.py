"""What follows from a report about a mail: which of its recipients bounced, how, and whom to write to no more. Pure.

A report is a stranger's word, and a recipient holds a valid token. So only who was a recipient of that very mail is
believed to have bounced, and nobody is suppressed on a weak match.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from shared.bounces.model import Action, Fate, Kind, Reading, Strength
from shared.suppression.model import SUPPRESSING_CODES, canonical

FULL_MAILBOX = "5.2.2"  # of class 5, and yet a matter of now


class Happened(StrEnum):
    """The events of a mail that reports tell of."""

    BOUNCED = "bounced"
    DELAYED = "delayed"
    COMPLAINED = "complained"


class BounceType(StrEnum):
    """`hard`: for good. `soft`: it may be otherwise another time."""

    HARD = "hard"
    SOFT = "soft"


@dataclass(frozen=True, slots=True)
class Consequence:
    """What happened to `recipient`, spelled as the mail has it. `suppress`: no mail is to go there again."""

    happened: Happened
    recipient: str
    bounce_type: BounceType | None
    code: str | None
    reason: str
    suppress: bool


def consequences(reading: Reading, recipients: Sequence[str], strength: Strength) -> tuple[Consequence, ...]:
    """One for each recipient of the mail that the report tells something of; the gravest, where it tells several.

    `recipients` are those of the mail, `strength` is how well the report names it.
    """
    if reading.kind not in (Kind.DELIVERY, Kind.COMPLAINT):
        return ()
    known = {canonical(each): each for each in recipients}
    found: dict[str, Consequence] = {}
    for each in _each(reading.fates, known, strength):
        before = found.get(each.recipient)
        if before is None or _gravity(each) > _gravity(before):
            found[each.recipient] = each
    return tuple(found.values())


def effective_status(fate: Fate) -> str | None:
    """The enhanced code that tells most: the report's own, or that of the reply within, where the report is vague.

    Servers report `5.0.0` for whatever they were told by another one, and keep its words.
    """
    if fate.status is None:
        return fate.said
    vague = fate.status.endswith(".0.0")
    return fate.said if vague and fate.said and fate.said[0] == fate.status[0] else fate.status


def bounce_type(fate: Fate) -> BounceType:
    """By the class of the enhanced code, else of the SMTP reply; a failure without any is final."""
    status = effective_status(fate)
    if status == FULL_MAILBOX or fate.said == FULL_MAILBOX:
        return BounceType.SOFT
    said = status or (str(fate.code) if fate.code is not None else "5")
    return BounceType.SOFT if said.startswith("4") else BounceType.HARD


def _each(fates: Iterable[Fate], known: dict[str, str], strength: Strength) -> Iterable[Consequence]:
    for fate in fates:
        recipient = _recipient(fate, known)
        if recipient is None:
            continue
        code = str(fate.code) if fate.code is not None else effective_status(fate)
        match fate.action:
            case Action.FAILED:
                kind = bounce_type(fate)
                suppress = kind is BounceType.HARD and _suppresses(fate, recipient, strength)
                yield Consequence(Happened.BOUNCED, recipient, kind, code, fate.reason, suppress)
            case Action.DELAYED:
                yield Consequence(Happened.DELAYED, recipient, None, code, fate.reason, suppress=False)
            case Action.COMPLAINED:
                certain = strength > Strength.MENTIONED
                yield Consequence(Happened.COMPLAINED, recipient, None, None, fate.reason, suppress=certain)
            case _:
                continue


def _recipient(fate: Fate, known: dict[str, str]) -> str | None:
    """Whom of the mail's recipients this is about: the address that failed, or the one it was reached by.

    Who hides the complainer of a mail to one recipient has not hidden much.
    """
    if not fate.address:
        return next(iter(known.values())) if len(known) == 1 else None
    for address in (fate.address, fate.original):
        if address is not None and canonical(address) in known:
            return known[canonical(address)]
    return None


def _suppresses(fate: Fate, recipient: str, strength: Strength) -> bool:
    """Only where the address that failed is the recipient's own, not one that it forwards to; and where the report and
    the reply that it quotes do not say different things."""
    if strength is Strength.MENTIONED or canonical(fate.address) != canonical(recipient):
        return False
    status = effective_status(fate)
    if status not in SUPPRESSING_CODES:
        return False
    return fate.said is None or fate.said.endswith(".0.0") or fate.said in SUPPRESSING_CODES


def _gravity(consequence: Consequence) -> tuple[int, bool, bool]:
    rank = [Happened.DELAYED, Happened.BOUNCED, Happened.COMPLAINED].index(consequence.happened)
    return rank, consequence.bounce_type is BounceType.HARD, consequence.suppress
