"""What the client does not do: send its token in the clear or elsewhere, show secrets, call what was not meant."""

from datetime import datetime
from typing import Any

import httpx
import pytest

from mail_proxy import (
    AccountSettings,
    ApiError,
    ClientAuth,
    InvalidArgument,
    MailProxy,
    S3StorageSettings,
    Submission,
    UnexpectedAnswer,
)
from tests.unit.client.scripted import Script, awaiting, blocking, problem


@pytest.mark.parametrize(
    "url",
    [
        "http://proxy.example",
        "http://10.0.0.1",
        "http://localhost.example",
        "ftp://proxy.example",
        "proxy.example",
        "",
        "https://",
        "https://u@x.example",
        "https://x.example?a=1",
        "https://x.example:port",
    ],
)
def test_a_url_by_which_the_token_would_be_seen_is_refused(url: str) -> None:
    with pytest.raises(InvalidArgument):
        MailProxy(url, "a-token")


@pytest.mark.parametrize(
    "url", ["https://proxy.example/", "http://127.0.0.1:8000", "http://[::1]:8000", "http://localhost"]
)
def test_https_and_this_machine_are_taken(url: str) -> None:
    MailProxy(url, "a-token").close()


@pytest.mark.parametrize("token", ["", "hunter2 hunter2", "hunter2\n", "hünter2"])
def test_a_token_that_is_none_is_told_and_not_shown(token: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        MailProxy("https://proxy.example", token)
    assert "nter2" not in str(refused.value)


@pytest.mark.parametrize("message_id", ["", ".", ".."])
def test_an_id_that_would_call_for_something_else_is_refused(message_id: str) -> None:
    script = Script([])
    with pytest.raises(InvalidArgument, match="message_id"):
        blocking(script, lambda proxy: proxy.tenant("acme").messages.delete(message_id))
    with pytest.raises(ValueError, match="tenant_id"):
        blocking(script, lambda proxy: proxy.tenant(message_id).messages.delete("M-1"))


def test_an_id_stays_one_segment_of_the_path() -> None:
    script = Script([httpx.Response(204)])
    blocking(script, lambda proxy: proxy.tenant("acme").messages.delete("a/../b?c#d"))
    assert script.requests[0].url.raw_path == b"/v1/tenants/acme/messages/a%2F..%2Fb%3Fc%23d"


def test_redirects_are_not_followed() -> None:
    script = Script([httpx.Response(307, headers={"location": "https://elsewhere.example/"})])
    with pytest.raises(UnexpectedAnswer):
        blocking(script, lambda proxy: proxy.health())
    assert len(script.requests) == 1


@pytest.mark.parametrize("run", [blocking, awaiting])
def test_an_uploaded_file_goes_where_the_api_says_and_without_the_token(run: Any) -> None:
    upload = {
        "id": "01JZ",
        "storage_path": "upload:01JZ",
        "url": "https://bucket.example/",
        "fields": {"key": "uploads/01JZ", "policy": "p"},
        "max_bytes": 40_000_000,
        "expires_at": "2026-01-31T10:15:00.000Z",
        "kept_until": "2026-03-12T10:00:00.000Z",
    }
    script = Script([httpx.Response(201, json=upload), httpx.Response(204)])
    made = run(script, lambda proxy: proxy.tenant("acme").attachments.upload(b"the bytes", content_type="text/plain"))
    assert made.storage_path == "upload:01JZ"
    asked, sent = script.requests
    assert asked.content == b'{"content_type":"text/plain","size":9}'
    assert sent.url == "https://bucket.example/"
    assert "authorization" not in sent.headers
    body = sent.content.decode()
    assert body.index("uploads/01JZ") < body.index("the bytes")


def test_an_upload_that_the_bucket_refuses_is_told() -> None:
    upload = {"id": "1", "storage_path": "upload:1", "url": "https://bucket.example/", "fields": {}, "max_bytes": 1}
    moments = {"expires_at": "2026-01-31T10:15:00Z", "kept_until": "2026-03-12T10:00:00Z"}
    script = Script([httpx.Response(201, json=upload | moments), httpx.Response(403, text="<Error>expired</Error>")])
    with pytest.raises(UnexpectedAnswer, match="expired"):
        blocking(script, lambda proxy: proxy.tenant("acme").attachments.upload(b"x"))


def test_secrets_are_not_shown() -> None:
    shown = [
        repr(AccountSettings(host="h", port=25, tls="none", username="u", password="hunter2")),
        repr(ClientAuth(method="bearer", token="hunter2")),
        repr(S3StorageSettings(bucket="acme-files", secret_access_key="hunter2")),
    ]
    assert all("hunter2" not in each for each in shown)


def test_what_is_misspelt_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(ValueError, match="subjekt"):
        Submission.model_validate({"id": "M-1", "from": "a@acme.example", "subjekt": "x"})


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="time zone"):
        blocking(Script([]), lambda proxy: list(proxy.commands.list(since=datetime(2026, 1, 31))))  # noqa: DTZ001


def test_an_answer_of_another_version_is_told_with_its_place() -> None:
    script = Script([httpx.Response(200, json={"status": "unwell"})])
    with pytest.raises(UnexpectedAnswer, match=r"Health .* at /status"):
        blocking(script, lambda proxy: proxy.health())


def test_what_a_later_version_adds_is_passed_over() -> None:
    policy = {"schedule_seconds": [60], "max_age_seconds": 60, "later": 1}
    shares = {"high": 95, "medium": 85, "low": 70}
    numbers = dict.fromkeys(("retention_seconds", "events_retention_seconds", "audit_days", "calls_per_minute"), 1)
    view = {"retry": policy, "default_priority": "low", "priority_shares": shares, "paused": False, "later": 1}
    none = dict.fromkeys(("client_base_url", "client_sync_path", "client_attachment_path"))
    script = Script([httpx.Response(200, json=view | numbers | none)])
    assert blocking(script, lambda proxy: proxy.instance.get()).retry.max_age_seconds == 60


def test_a_problem_of_an_unknown_kind_is_an_api_error() -> None:
    with pytest.raises(ApiError, match=r"because of teapot \(418 teapot\)"):
        blocking(Script([problem(418, "teapot")]), lambda proxy: proxy.health())


def test_a_problem_of_another_form_is_told() -> None:
    answer = httpx.Response(422, content=b"{}", headers={"content-type": "application/problem+json"})
    with pytest.raises(UnexpectedAnswer, match="another form"):
        blocking(Script([answer]), lambda proxy: proxy.health())
