"""Mail addresses as clients write them (RFC 5322 mailboxes), to display names and addresses for an envelope."""

from email.utils import getaddresses
from functools import lru_cache

import email_validator
from email_validator import EmailNotValidError, validate_email
from pydantic_core import PydanticCustomError

from shared.messages.model import Address

MAX_NAME_LENGTH = 256
MAX_ADDRESSES = 500  # in one field; checked before the addresses are, which is what costs time

# Whether these can be delivered to is for the tenant's relay to say: it may serve a private network.
for _domain in ("local", "localhost"):
    if _domain in email_validator.SPECIAL_USE_DOMAIN_NAMES:
        email_validator.SPECIAL_USE_DOMAIN_NAMES.remove(_domain)


def parse_address(value: object) -> Address:
    """Exactly one address, in a string. Raises PydanticCustomError."""
    if not isinstance(value, str):
        raise PydanticCustomError("invalid_address", "expected a string with one address")
    found = parse_addresses(value)
    if len(found) != 1:
        raise PydanticCustomError("invalid_address", "expected one address, got {count}", {"count": len(found)})
    return found[0]


def parse_addresses(value: object) -> list[Address]:
    """A comma-separated string, or a list of such. Raises PydanticCustomError naming what could not be read."""
    match value:
        case None | "" | []:
            return []
        case str():
            return _checked(_pairs(value))
        case list():
            pairs: list[tuple[str, str]] = []
            for each in value:
                if not isinstance(each, str):
                    break
                pairs += _pairs(each)
                _refuse_too_many(len(pairs))
            else:
                return _checked(pairs)
    raise PydanticCustomError("invalid_address", "expected a string or a list of strings")


def _pairs(text: str) -> list[tuple[str, str]]:
    """Display names with what stands for their addresses, unchecked."""
    refuse_line_breaks(text)
    stripped = text.strip().removesuffix(",")
    if not stripped:
        return []
    # What cannot be read comes back as one empty pair (strict parsing).
    pairs = getaddresses([stripped], strict=True)
    _refuse_too_many(len(pairs))
    for _, address in pairs:
        # The parser drops white space and comments inside an address: what is left might be somebody else's.
        if not address or address not in text:
            raise PydanticCustomError("invalid_address", "{text} is no address", {"text": repr(text[:120])})
    return pairs


def _refuse_too_many(count: int) -> None:
    if count > MAX_ADDRESSES:
        raise PydanticCustomError("too_many_recipients", "more than {max} addresses", {"max": MAX_ADDRESSES})


def _checked(pairs: list[tuple[str, str]]) -> list[Address]:
    for name, _ in pairs:
        if len(name) > MAX_NAME_LENGTH:
            raise PydanticCustomError("too_long", "display name longer than {max} characters", {"max": MAX_NAME_LENGTH})
    return [Address(name=name, address=_envelope_address(address)) for name, address in pairs]


@lru_cache(maxsize=2048)  # a batch repeats its sender in every message
def _envelope_address(address: str) -> str:
    try:
        valid = validate_email(
            address,
            check_deliverability=False,
            allow_smtputf8=True,
            allow_quoted_local=True,
            globally_deliverable=False,
            test_environment=True,
        )
    except EmailNotValidError as error:
        raise PydanticCustomError(
            "invalid_address", "{address}: {reason}", {"address": repr(address)[:120], "reason": str(error)}
        ) from error
    return f"{valid.local_part}@{valid.ascii_domain}"


def refuse_line_breaks(text: str) -> str:
    """Raises PydanticCustomError for whatever some reader of mail takes for the end of a line, or trips over.

    CR and LF would start a header of their own; C1 controls, U+2028 and U+2029 end lines for `str.splitlines`,
    which Python's mail classes use; a lone surrogate has no encoding.
    """
    for character in text:
        if character.isprintable():  # none of the refused is
            continue
        if _is_control(character):
            raise PydanticCustomError(
                "control_character",
                "contains the control character {character}: line breaks and control characters are refused",
                {"character": ascii(character)},
            )
    return text


def _is_control(character: str) -> bool:
    return (
        (character < " " and character != "\t")
        or "\x7f" <= character <= "\x9f"
        or character in "\u2028\u2029"
        or "\ud800" <= character <= "\udfff"
    )
