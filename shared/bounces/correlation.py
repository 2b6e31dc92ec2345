"""From references to the mail: a token opens by itself, a Message-ID that is none needs to be looked up. Pure."""

from dataclasses import dataclass

from shared.bounces.model import Reference, Strength
from shared.delivery.tokens import MailTokens
from shared.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class NamedMail:
    """The mail that a report names, and how well it does."""

    tenant_id: str
    mail_id: str
    strength: Strength


def named_mail(references: tuple[Reference, ...], tokens: MailTokens) -> NamedMail | None:
    """The first reference that holds a token of this instance.

    A token in the Message-ID of the mail that was returned is as good as one in its own header: it is the same one. In
    the report's own In-Reply-To or References it is not: whoever has had the mail can write it there.
    """
    for reference in references:
        value = reference.value
        token = value if reference.strength is Strength.SEALED else value[1:-1].rpartition("@")[0]
        try:
            tenant_id, mail_id = tokens.open(token)
        except InvalidInput:
            continue
        strength = Strength.MENTIONED if reference.strength is Strength.MENTIONED else Strength.SEALED
        return NamedMail(tenant_id, mail_id, strength)
    return None


def message_ids_to_look_up(references: tuple[Reference, ...]) -> tuple[Reference, ...]:
    """For mails whose Message-ID the client chose, in order of strength."""
    return tuple(each for each in references if each.strength is not Strength.SEALED)
