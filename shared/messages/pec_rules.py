"""The formal rules of Italian certified mail (PEC) that a mail must keep, at submission and when it is sent. Pure.

A provider answers a breach with a notice of non-acceptance (RFC 6109 §3.1.1), which comes later and as a mail; so it is
told before. The relay's part of the rules, all recipients or none, is `Envelope.all_or_none`.
"""

from dataclasses import dataclass

from shared.accounts.model import Account
from shared.messages.model import Content

MEGABYTE = 1_000_000  # of the smaller kind: what is within this limit is within the provider's


@dataclass(frozen=True, slots=True)
class Breach:
    """`code` as the API says it; `detail` names the field and tells what to do."""

    code: str
    detail: str


def formal_breach(content: Content) -> Breach | None:
    """Who is named where: the relay is told exactly those that stand in To and Cc, and the address in From."""
    if content.bcc:
        return Breach("pec_bcc", "bcc: a PEC account has no hidden recipients; name them in to or cc")
    if not content.to:
        return Breach("pec_to", "to: a PEC account needs at least one address in to")
    reverse_path, author = content.return_path, content.from_.address
    if reverse_path is not None and reverse_path.address.lower() != author.lower():
        return Breach("pec_return_path", f"return_path: a PEC account sends from {author} only; leave it out")
    return None


def size_breach(size: int, recipients: int, account: Account) -> Breach | None:
    """`size` in bytes. The law counts the mail once for each recipient (DM 2 November 2005, art. 12)."""
    limit = account.pec_max_total_mb * MEGABYTE
    if size * recipients <= limit:
        return None
    total = f"{size * recipients / MEGABYTE:.1f} MB ({size} bytes, {recipients} recipients)"
    return Breach("pec_too_large", f"size times recipients is {total}; the account takes {account.pec_max_total_mb} MB")
