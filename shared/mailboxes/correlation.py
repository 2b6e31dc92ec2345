"""From what reports name to the mails that they are about, with their recipients.

A token opens by itself (shared/bounces/correlation.py). Only where no token names a mail as well, a Message-ID that a
client may have chosen is looked up.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from shared.bounces.correlation import NamedMail, message_ids_to_look_up, named_mail
from shared.bounces.model import Reference, Strength
from shared.delivery.tokens import MailTokens
from shared.identifiers import digest
from shared.mailboxes.model import INSTANCE_OWNER, Mailbox
from shared.messages.message_ids import MailName, MessageIds
from shared.messages.model import Mail
from shared.messages.payloads import PayloadStore
from shared.messages.table import MailTable

NAMES_NONE = "it names no mail of ours"
NO_LONGER_KEPT = "the mail is no longer kept"
NAMES_SEVERAL = "several mails have the Message-ID that it names"
_LOOKED_UP = 5  # of what one report names: the strongest first

type References = tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """The mail that a report is about, and how well it names it. No `recipients` where its content is gone."""

    mail: Mail
    recipients: list[str]
    strength: Strength


@dataclass(frozen=True, slots=True)
class NoMatch:
    """`reason` is for people."""

    reason: str


@dataclass(frozen=True, slots=True)
class _Known:
    mail: Mail
    recipients: list[str]


class Correlation:
    """Raises StorageUnavailable when DynamoDB or S3 cannot be reached."""

    def __init__(
        self, *, tokens: MailTokens, mails: MailTable, payloads: PayloadStore, message_ids: MessageIds
    ) -> None:
        self._tokens = tokens
        self._mails = mails
        self._payloads = payloads
        self._message_ids = message_ids

    def of(self, mailbox: Mailbox, reports: Sequence[References]) -> list[Match | NoMatch]:
        """Of each report in the mailbox, by its references."""
        by_token = [self._by_token(mailbox, each) for each in reports]
        to_look_up = [_to_look_up(each, named) for each, named in zip(reports, by_token, strict=True)]
        found = self._look_up(mailbox, (reference.value for each in to_look_up for reference in each))
        names = {MailName(each.tenant_id, each.mail_id) for each in by_token if each is not None}
        known = self._known(names.union(*found.values()))
        return [
            _by_message_id(references, found, known) or _by_token(named, known)
            for references, named in zip(to_look_up, by_token, strict=True)
        ]

    def _by_token(self, mailbox: Mailbox, references: References) -> NamedMail | None:
        named = named_mail(references, self._tokens)
        return named if named is not None and mailbox.may_be_about(named.tenant_id) else None

    def _look_up(self, mailbox: Mailbox, message_ids: Iterable[str]) -> dict[str, list[MailName]]:
        """A tenant's mailbox is told of that tenant's mails only."""
        tenant_id = None if mailbox.tenant_id == INSTANCE_OWNER else mailbox.tenant_id
        return {each: self._message_ids.find(each, tenant_id=tenant_id) for each in dict.fromkeys(message_ids)}

    def _known(self, names: Iterable[MailName]) -> dict[MailName, _Known]:
        """Those that exist. The instance's mailbox names mails of many tenants."""
        by_tenant: dict[str, set[str]] = {}
        for each in names:
            by_tenant.setdefault(each.tenant_id, set()).add(each.mail_id)
        known: dict[MailName, _Known] = {}
        for tenant_id, ids in by_tenant.items():
            mails = self._mails.get_many(tenant_id, ids)
            contents = self._payloads.load(mails.values())
            for mail in mails.values():
                recipients = contents[mail.id].envelope_recipients if mail.id in contents else []
                known[MailName(tenant_id, mail.id)] = _Known(mail, recipients)
        return known


def _to_look_up(references: References, by_token: NamedMail | None) -> References:
    """What would name the mail better than a token does."""
    known = by_token.strength if by_token is not None else 0
    return tuple(each for each in message_ids_to_look_up(references) if each.strength > known)[:_LOOKED_UP]


def _by_message_id(
    references: References, found: Mapping[str, Sequence[MailName]], known: Mapping[MailName, _Known]
) -> Match | NoMatch | None:
    for reference in references:
        wanted = digest(reference.value)
        names = (known[name] for name in found[reference.value] if name in known)
        sharing = [each for each in names if each.mail.message_id_digest == wanted]
        if len(sharing) > 1:
            return NoMatch(NAMES_SEVERAL)
        for each in sharing:
            return Match(each.mail, each.recipients, reference.strength)
    return None


def _by_token(named: NamedMail | None, known: Mapping[MailName, _Known]) -> Match | NoMatch:
    if named is None:
        return NoMatch(NAMES_NONE)
    found = known.get(MailName(named.tenant_id, named.mail_id))
    return NoMatch(NO_LONGER_KEPT) if found is None else Match(found.mail, found.recipients, named.strength)
