"""The form of secrets that the proxy presents to others."""

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.outgoing.credentials import BearerToken, Password

PASSWORD = TypeAdapter[Password](Password)
TOKEN = TypeAdapter[BearerToken](BearerToken)


@pytest.mark.parametrize("secret", ["x", "pässwörd with spaces", "日本語", "a" * 1_000, '"\\:;%'])
def test_a_password_may_be(secret: str) -> None:
    assert PASSWORD.validate_python(secret).get_secret_value() == secret


@pytest.mark.parametrize("secret", ["", "a\0b", "a\r\nb", "a\nb", "\x7f", "\x85", "\ud800", "a" * 1_001])
def test_a_password_may_not_be(secret: str) -> None:
    with pytest.raises(ValidationError):
        PASSWORD.validate_python(secret)


@pytest.mark.parametrize("token", ["x", "eyJhbGciOi.J9-_~+/=", "!" * 2_000])
def test_a_token_may_be(token: str) -> None:
    assert TOKEN.validate_python(token).get_secret_value() == token


@pytest.mark.parametrize("token", ["", "two words", "tab\t", "line\r\nX: y", "ü", "\0", "x" * 2_001])
def test_a_token_may_not_be(token: str) -> None:
    with pytest.raises(ValidationError):
        TOKEN.validate_python(token)


def test_neither_shows_when_printed() -> None:
    assert "s3cret" not in repr(PASSWORD.validate_python("s3cret"))
    assert "s3cret" not in repr(TOKEN.validate_python("s3cret"))
