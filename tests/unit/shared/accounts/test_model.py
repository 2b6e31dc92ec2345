"""What an account may be told to be."""

import pytest
from pydantic import ValidationError

from shared.accounts.model import AccountSettings


def test_port_465_is_implicit_tls_and_nothing_else() -> None:
    AccountSettings.model_validate({"host": "h", "port": 465, "tls": "tls"})
    for mode in ("none", "starttls", "opportunistic"):
        with pytest.raises(ValidationError, match="465"):
            AccountSettings.model_validate({"host": "h", "port": 465, "tls": mode})


def test_a_password_needs_a_user() -> None:
    with pytest.raises(ValidationError):
        AccountSettings.model_validate({"host": "h", "port": 25, "tls": "none", "password": "p"})


@pytest.mark.parametrize("secret", ["", "a\0b", "a\r\nRSET", "\x85", "x" * 1_001])
def test_a_password_breaks_no_protocol_and_can_be_sealed(secret: str) -> None:
    with pytest.raises(ValidationError) as raised:
        AccountSettings.model_validate({"host": "h", "port": 25, "tls": "none", "username": "u", "password": secret})
    assert [each["loc"] for each in raised.value.errors()] == [("password",)]


def test_a_password_is_not_printed() -> None:
    account = AccountSettings.model_validate(
        {"host": "h", "port": 25, "tls": "none", "username": "u", "password": "SECRET"}
    )
    assert "SECRET" not in repr(account) + str(account) + account.model_dump_json()
