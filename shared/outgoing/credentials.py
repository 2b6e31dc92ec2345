"""The form of the secrets that the proxy presents to relays and to tenants' endpoints.

They break no protocol that they travel in, and are short enough for KMS to seal.
"""

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic_core import PydanticCustomError

MAX_SECRET_CHARACTERS = 1_000  # of up to four bytes each: KMS seals 4096 bytes
MAX_TOKEN_CHARACTERS = 2_000  # ASCII


def _one_line(secret: SecretStr) -> SecretStr:
    """NUL ends fields in AUTH PLAIN (RFC 4616), line breaks end headers and commands."""
    for character in secret.get_secret_value():
        if character < " " or "\x7f" <= character <= "\x9f" or "\ud800" <= character <= "\udfff":
            raise PydanticCustomError("control_character", "contains a control character")
    return secret


def _visible_ascii(secret: SecretStr) -> SecretStr:
    """What may stand after `Authorization: Bearer` (RFC 6750 is stricter; deployed tokens are not)."""
    if not all("!" <= character <= "~" for character in secret.get_secret_value()):
        raise PydanticCustomError("invalid_token", "only visible ASCII characters, without spaces")
    return secret


Password = Annotated[SecretStr, Field(min_length=1, max_length=MAX_SECRET_CHARACTERS), AfterValidator(_one_line)]
BearerToken = Annotated[SecretStr, Field(min_length=1, max_length=MAX_TOKEN_CHARACTERS), AfterValidator(_visible_ascii)]
