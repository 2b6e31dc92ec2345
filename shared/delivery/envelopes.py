"""The envelope of a mail: what the relay is told, from whom and to whom, and the rules that it must keep."""

from collections.abc import Sequence

from shared.accounts.model import Account
from shared.delivery.transmission import Envelope
from shared.errors import InvalidInput
from shared.messages.model import Content
from shared.messages.pec_rules import Breach, formal_breach, size_breach


def envelope_for(account: Account, content: Content, recipients: Sequence[str], *, size: int) -> Envelope:
    """To those `recipients` who are not decided yet; `size` is the composed mail's, in bytes.

    Raises InvalidInput for what a PEC account does not send: submission checked it, but the account may have become one
    since, and only now the size is known.
    """
    if not account.is_pec_account:
        return Envelope(content.envelope_sender, tuple(recipients))
    breach = formal_breach(content) or _partial(content, recipients) or size_breach(size, len(recipients), account)
    if breach is not None:
        raise InvalidInput(breach.detail, code=breach.code)
    return Envelope(content.from_.address, tuple(recipients), all_or_none=True)


def _partial(content: Content, recipients: Sequence[str]) -> Breach | None:
    """Someone named in To or Cc would be missing: suppressed, or decided before the account was a PEC account."""
    missing = [each for each in content.envelope_recipients if each not in set(recipients)]
    if not missing:
        return None
    detail = f"a PEC account sends to all recipients or to none, and {missing[0]} can get no mail"
    return Breach("pec_recipients", detail)
