"""Reads delivery status notifications: RFC 3464, and RFC 6533 for addresses beyond ASCII."""

import re
from collections.abc import Iterable, Iterator
from itertools import islice

from shared.bounces.addresses import typed_address
from shared.bounces.diagnostics import codes_in, shortened, status_in
from shared.bounces.model import MAX_FATES, Action, Fate
from shared.mime.headers import Headers
from shared.mime.parts import Part

MEDIA_TYPES = frozenset(["message/delivery-status", "message/global-delivery-status"])
_MAX_OCTETS = 1_000_000
_MAX_GROUP = 16_000  # octets of what is said about one recipient
_BLANK = re.compile(rb"\n[ \t]*\r?\n")


def fates_in(part: Part) -> tuple[Fate, ...]:
    """One for each group of fields that names a recipient and says what was done; the others are passed over."""
    body = part.body(_MAX_OCTETS)
    groups = (Headers.parse(each[:_MAX_GROUP]) for each in _BLANK.split(body, MAX_FATES + 2))
    return tuple(islice(_fates(groups), MAX_FATES))


def _fates(groups: Iterable[Headers]) -> Iterator[Fate]:
    for group in groups:
        final = typed_address(group.get("final-recipient"))
        original = typed_address(group.get("original-recipient"))
        address = final or original or typed_address(group.get("x-actual-recipient"))
        status = status_in(group.get("status"))
        diagnostic = group.text("diagnostic-code") or ""
        said = codes_in(_untyped(diagnostic))
        action = _action(group.get("action"), status or said.enhanced)
        if address is None or action is None:
            continue
        reason = shortened(_untyped(diagnostic)) or shortened(group.text("status") or "")
        yield Fate(action, address, original, status, said.enhanced, said.code, reason)


def _action(field: str | None, status: str | None) -> Action | None:
    """Some servers add a comment, some write `error` or `fail`; without a known word, the status tells."""
    word = (field or "").strip().lower()
    for action in (Action.FAILED, Action.DELAYED, Action.DELIVERED, Action.RELAYED, Action.EXPANDED):
        if word.startswith(action):
            return action
    if word.startswith(("fail", "error", "undeliver")):
        return Action.FAILED
    match status[:1] if status else "":
        case "5":
            return Action.FAILED
        case "4":
            return Action.DELAYED
        case _:
            return None


def _untyped(diagnostic: str) -> str:
    """Without the type in front: `smtp; 550 …`, `x-unix; …`."""
    kind, semicolon, rest = diagnostic.partition(";")
    return rest.strip() if semicolon and " " not in kind.strip() else diagnostic
