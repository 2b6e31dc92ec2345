"""The form of URLs that tenants name."""

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.outgoing.urls import BaseUrl, UrlPath

BASE = TypeAdapter[str](BaseUrl)
PATH = TypeAdapter[str](UrlPath)


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example.org",
        "http://127.0.0.1:8080",
        "https://shop.example.org:8443/app/v2",
        "https://[2606:4700::1]/x",
        "HTTPS://shop.example.org",
        "https://shop.example.org/a%20b",
    ],
)
def test_a_base_url_may_be(url: str) -> None:
    assert BASE.validate_python(url) == url


def test_the_final_slash_of_a_base_url_is_dropped() -> None:
    assert BASE.validate_python("https://shop.example.org/app/") == "https://shop.example.org/app"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop.example.org",
        "//shop.example.org",
        "ftp://shop.example.org",
        "file:///etc/passwd",
        "gopher://shop.example.org",
        "javascript:alert(1)",
        "https://",
        "https:///path",
        "https://:443",
        "https://user@shop.example.org",
        "https://user:secret@shop.example.org",
        "https://@shop.example.org",
        "https://:@shop.example.org",
        "https://shop.example.org@evil.example.org",
        "https://shop.example.org:0",
        "https://shop.example.org:99999",
        "https://shop.example.org:x",
        "https://[::1",
        "https://[zz]/",
        "https://shop.example.org?tenant=1",
        "https://shop.example.org#top",
        "https://shop.example.org/a b",
        "https://shop.example.org/\r\nX: y",
        "https://shop.example.org/\x00",
        "https://bücher.example",
        "https://\uff11\uff12\uff17.0.0.1",
        "https://shop.example.org/" + "x" * 2_000,
    ],
)
def test_a_base_url_may_not_be(url: str) -> None:
    with pytest.raises(ValidationError):
        BASE.validate_python(url)


@pytest.mark.parametrize("path", ["/", "/mail-proxy/sync", "/a?b=c&d", "/a%20b", "/x:y@z"])
def test_a_path_may_be(path: str) -> None:
    assert PATH.validate_python(path) == path


@pytest.mark.parametrize(
    "path", ["", "sync", "https://x.org/", "/a b", "/a#b", "/a\r\nX: y", "/\x00", "/ü", "/" + "x" * 2_000]
)
def test_a_path_may_not_be(path: str) -> None:
    with pytest.raises(ValidationError):
        PATH.validate_python(path)


@pytest.mark.parametrize(
    "path", ["/@evil.example.org", "/:80/", "//evil.example.org/", "/../..", "/\\evil.example.org"]
)
def test_no_path_leads_to_another_host(path: str) -> None:
    from yarl import URL

    url = BASE.validate_python("https://shop.example.org") + PATH.validate_python(path)

    assert URL(url).host == "shop.example.org"
