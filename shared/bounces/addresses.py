"""The addresses that reports name, in the forms in which they name them."""

import re

_MAX_ADDRESS = 320  # characters: RFC 3696 erratum 1690, and some room
_HEXADECIMAL = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
_ENCLOSED = re.compile(r"<([^<>]*)>")


def typed_address(field: str | None) -> str | None:
    """The address of a field such as Final-Recipient: `rfc822; anna@example.com`, or `utf-8;` with RFC 6533's encoding.

    None where there is none. Servers also write it without a type, in angle brackets, or with a comment.
    """
    if field is None:
        return None
    kind, semicolon, rest = field.partition(";")
    written = rest if semicolon else kind
    if semicolon and kind.strip().lower() in ("utf-8", "utf8"):
        written = _HEXADECIMAL.sub(_character, written)
    return bare_address(written)


def bare_address(written: str) -> str | None:
    """What stands for an address in `written`; None where nothing does."""
    enclosed = _ENCLOSED.search(written[:1_000])
    address = (enclosed[1] if enclosed else written.partition(" (")[0]).strip().strip("'\"").removeprefix("mailto:")
    if not 3 <= len(address) <= _MAX_ADDRESS or "@" not in address[1:-1] or not address.isprintable():
        return None
    return None if " " in address else address


def _character(found: re.Match[str]) -> str:
    number = int(found[1], 16)
    return chr(number) if number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF else "\ufffd"
