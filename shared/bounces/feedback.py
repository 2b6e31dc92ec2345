"""Reads complaints: feedback reports in the abuse reporting format (ARF, RFC 5965)."""

from shared.bounces.addresses import bare_address, typed_address
from shared.bounces.model import MAX_FATES, Action, Fate
from shared.mime.headers import Headers
from shared.mime.parts import Part

MEDIA_TYPE = "message/feedback-report"
_MAX_OCTETS = 64_000

# The registry of feedback types (RFC 5965 §7.3, RFC 6591): `not-spam` takes a complaint back, and `auth-failure`
# is about signatures.
_COMPLAINTS = frozenset(["abuse", "fraud", "virus", "other", "opt-out", "opt-out-list", "miscategorized"])


def complaints_in(part: Part, returned: Headers | None) -> tuple[Fate, ...]:
    """One for each recipient named; one without an address where the complainer is hidden; none for other feedback."""
    fields = Headers.parse(part.body(_MAX_OCTETS))
    feedback_type = (fields.get("feedback-type") or "abuse").lower()
    if feedback_type not in _COMPLAINTS:
        return ()
    named = [address for field in fields.all("original-rcpt-to") if (address := typed_address(field))]
    named += [address for field in fields.all("removal-recipient") if (address := typed_address(field))]
    if not named and returned is not None:
        # Microsoft's reports of Outlook.com name the recipient in the returned mail only.
        hidden = returned.get("x-hmxmroriginalrecipient")
        named = [address for address in [bare_address(hidden or "")] if address]
    addresses = list(dict.fromkeys(named))[:MAX_FATES] or [""]
    return tuple(Fate(Action.COMPLAINED, address, reason=feedback_type) for address in addresses)
