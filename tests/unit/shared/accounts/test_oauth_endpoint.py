"""A token endpoint's answers, read."""

import json

import pytest

from shared.accounts.oauth.endpoint import (
    Issued,
    TokenEndpoint,
    TokenFault,
    TokenRefused,
    TokenUnavailable,
    read_answer,
)
from shared.clock import DAY, HOUR, SECOND
from shared.outgoing.guard import Guard
from tests.unit.shared.outgoing.hostile import HOSTILE_URLS
from tests.unit.shared.outgoing.peers import Peer, answering


def granted(**fields: object) -> bytes:
    return json.dumps({"access_token": "a", "token_type": "Bearer", "expires_in": 3_599} | fields).encode()


def denied(error: str, description: object = None) -> bytes:
    return json.dumps({"error": error, "error_description": description}).encode()


@pytest.mark.parametrize(
    ("body", "issued"),
    [
        (granted(), Issued("a", 3_599 * SECOND)),
        (granted(expires_in="3599"), Issued("a", 3_599 * SECOND)),
        (granted(token_type="bearer", refresh_token="r", scope="x", id_token="y"), Issued("a", 3_599 * SECOND, "r")),
        (b'{"access_token": "a"}', Issued("a", HOUR)),
        (granted(expires_in=10**9), Issued("a", DAY)),
    ],
)
def test_a_token_is_taken_with_its_lifetime(body: bytes, issued: Issued) -> None:
    assert read_answer(200, body) == issued


REFUSALS = [
    (400, denied("invalid_grant"), "invalid_grant"),
    (401, denied("invalid_client", "AADSTS7000215: Invalid client secret"), "invalid_client"),
    (400, denied("unauthorized_client"), "unauthorized_client"),
    (403, denied("access_denied", {"not": "text"}), "access_denied"),
    (400, b"", "http_400"),
    (404, b"<html>", "http_404"),
    (400, denied("with spaces"), "http_400"),
    (400, denied("x" * 65), "http_400"),
    (301, b"", "malformed_answer"),
    (200, b"<html>", "malformed_answer"),
    (200, granted(access_token=None), "malformed_answer"),
    (200, granted(token_type="mac"), "malformed_answer"),
    (200, granted(refresh_token="a\x01b"), "malformed_answer"),
    (200, b"\xff\xfe", "malformed_answer"),
]


@pytest.mark.parametrize(("status", "body", "code"), REFUSALS)
def test_what_only_other_settings_can_mend_is_a_refusal(status: int, body: bytes, code: str) -> None:
    with pytest.raises(TokenRefused) as raised:
        read_answer(status, body)
    assert raised.value.code == code


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (500, denied("invalid_grant"), "http_500"),
        (503, b"", "http_503"),
        (429, denied("slow_down"), "http_429"),
        (408, b"", "http_408"),
        (400, denied("temporarily_unavailable"), "temporarily_unavailable"),
        (400, denied("server_error"), "server_error"),
    ],
)
def test_what_may_pass_by_itself_is_not(status: int, body: bytes, code: str) -> None:
    with pytest.raises(TokenUnavailable) as raised:
        read_answer(status, body)
    assert raised.value.code == code


def test_the_description_is_told_on_one_line_and_within_bounds() -> None:
    with pytest.raises(TokenFault) as raised:
        read_answer(400, denied("invalid_grant", "Token has been\r\n expired " + "x" * 10_000))

    assert raised.value.detail.startswith("the token endpoint answered invalid_grant: Token has been expired xxx")
    assert len(raised.value.detail) == 500


def test_a_token_in_a_malformed_answer_is_not_quoted() -> None:
    with pytest.raises(TokenFault) as raised:
        read_answer(200, granted(access_token="SECRET\x01"))

    assert "SECRET" not in f"{raised.value} {raised.value.__cause__}"


def test_tokens_are_not_printed() -> None:
    assert "SECRET" not in repr(read_answer(200, granted(access_token="SECRET-1", refresh_token="SECRET-2")))


async def test_no_url_leads_a_secret_to_what_is_not_public() -> None:
    endpoint = TokenEndpoint(Guard([]))
    with Peer(answering("200 OK", granted())) as peer:
        for url in HOSTILE_URLS:
            with pytest.raises(TokenFault):
                await endpoint.ask(url.format(port=peer.url.rpartition(":")[2]), {"client_secret": "s"})

    assert peer.connections == 0
