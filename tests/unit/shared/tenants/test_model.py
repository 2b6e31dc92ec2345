"""What a tenant may be told to be."""

import pytest
from pydantic import ValidationError

from shared.tenants.model import TenantSettings


@pytest.mark.parametrize(
    "auth",
    [
        {"method": "bearer"},
        {"method": "bearer", "token": ""},
        {"method": "bearer", "token": "a b"},
        {"method": "bearer", "token": "a\r\nX-Evil: 1"},
        {"method": "bearer", "token": "ä"},
        {"method": "bearer", "token": "x" * 2_001},
        {"method": "basic", "user": "u"},
        {"method": "basic", "password": "p"},
        {"method": "basic", "user": "a:b", "password": "p"},
        {"method": "basic", "user": "u", "password": "a\r\nb"},
        {"method": "digest"},
    ],
)
def test_client_auth_is_complete_and_breaks_no_header(auth: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TenantSettings.model_validate({"client_auth": auth})


@pytest.mark.parametrize(
    "url",
    [
        "acme.example",
        "ftp://acme.example",
        "https://",
        "https://user:password@acme.example",
        "https://acme.example?x=1",
        "https://acme.example#x",
        "https://acme.example:0",
        "https://acme.example:x",
        "https://acme.example:99999",
        "https://acme.example/\r\nHost: other",
        "https://acme example",
        "https://[::1",
        "https://" + "x" * 2_000,
    ],
)
def test_a_bad_base_url_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        TenantSettings.model_validate({"client_base_url": url})


def test_a_base_url_loses_its_trailing_slash() -> None:
    assert (
        TenantSettings.model_validate({"client_base_url": "https://a.example/x/"}).client_base_url
        == "https://a.example/x"
    )


def test_secrets_are_not_printed() -> None:
    settings = TenantSettings.model_validate({"client_auth": {"method": "bearer", "token": "SECRET"}})
    assert "SECRET" not in repr(settings) + settings.model_dump_json()
