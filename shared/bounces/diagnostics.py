"""Reads the codes out of what a mail server said about a recipient. The words themselves are no protocol."""

import re
from dataclasses import dataclass

from shared.bounces.model import MAX_REASON

_LONGEST = 2_000  # characters that codes are looked for in

# A code and, right after it, an enhanced one: `550 5.1.1`, `550-5.1.1`, `550 #5.1.1`, `550 (#5.1.1)`.
_BOTH = re.compile(r"(?<![\d.])([45]\d\d)[ \-]\s*\(?#?([45]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
# Four numbers are an address of the internet, not a code.
_ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?!\.?\d)")
_CODE = re.compile(
    r"(?:^[> \t]*|[:;,(\[] ?|\bsaid:? |\b(?:error|code|reply|response|status|returned)\b[^\d\n]{0,12})"
    r"([45]\d\d)(?=[ \-,;:)\]]|$)",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Said:
    """The SMTP reply code and the enhanced code within a text, where it has them."""

    code: int | None
    enhanced: str | None


def codes_in(text: str) -> Said:
    """The first pair of codes, else the first of each. An enhanced code of another class than the reply is left out."""
    short = text[:_LONGEST]
    if (both := _BOTH.search(short)) and both[1][0] == both[2][0]:
        return Said(int(both[1]), both[2])
    code = _CODE.search(short)
    enhanced = _ENHANCED.search(short)
    if code and enhanced and code[1][0] != enhanced[1][0]:
        return Said(int(code[1]), None)
    return Said(int(code[1]) if code else None, enhanced[1] if enhanced else None)


def status_in(field: str | None) -> str | None:
    """The enhanced code in a Status field (RFC 3464 §2.3.4), which often has a comment beside it."""
    found = _ENHANCED.search(field[:200]) if field else None
    return found[1] if found else None


def shortened(text: str) -> str:
    """On one line, and no longer than a reason may be."""
    return " ".join(text[: 4 * MAX_REASON].split())[:MAX_REASON]
