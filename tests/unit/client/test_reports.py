"""Who called the report endpoint, and what it answers: checked against the library that the proxy signs with."""

import base64
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import flask
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from standardwebhooks import Webhook

from mail_proxy import InvalidArgument, MailProxyError, ReportAnswer, ReportEvent, UntrustedReport, verify_report
from mail_proxy import receivers as endpoint
from mail_proxy.receivers.fastapi import reports_router
from mail_proxy.receivers.flask import reports_blueprint

SECRET = "whsec_" + base64.b64encode(b"a key of twenty-four bytes").decode()
OTHER = "whsec_" + base64.b64encode(b"another key, as long as that").decode()
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
SENT = {
    "event_id": "e-1",
    "tenant_id": "acme",
    "account_id": "main",
    "id": "MSG-1",
    "pk": "9f86",
    "sent_ts": 1769853600,
    "recipients": [{"address": "anna@example.com", "status": "sent", "code": 250, "reply": "OK"}],
}
BODY = json.dumps({"delivery_report": [SENT]}).encode()


def signed(body: bytes, secret: str = SECRET, at: datetime = NOW) -> dict[str, str]:
    """The headers that the proxy would send."""
    signature = Webhook(secret).sign("call-1", at, body.decode())
    return {"webhook-id": "call-1", "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}


def test_a_call_of_the_proxy_is_read() -> None:
    [event] = verify_report(BODY, signed(BODY), SECRET, now=NOW.timestamp()).delivery_report
    assert (event.event_id, event.id, event.sent_ts) == ("e-1", "MSG-1", 1769853600)
    assert event.recipients is not None
    assert event.recipients[0].reply == "OK"


def test_what_a_later_version_adds_is_kept() -> None:
    body = json.dumps({"delivery_report": [SENT | {"folded_ts": 1}], "more": 1}).encode()
    [event] = verify_report(body, signed(body), SECRET, now=NOW.timestamp()).delivery_report
    assert event.model_extra == {"folded_ts": 1}


def test_the_case_of_header_names_makes_no_difference() -> None:
    headers = {name.title(): value for name, value in signed(BODY).items()}
    assert verify_report(BODY, headers, SECRET, now=NOW.timestamp()).delivery_report


def test_either_secret_is_accepted_while_one_is_being_replaced() -> None:
    for secret in (SECRET, OTHER):
        assert verify_report(BODY, signed(BODY, secret), [SECRET, OTHER], now=NOW.timestamp()).delivery_report
    both = signed(BODY)
    both["webhook-signature"] = f"v2,AAAA {signed(BODY, OTHER)['webhook-signature']} {both['webhook-signature']}"
    assert verify_report(BODY, both, SECRET, now=NOW.timestamp()).delivery_report


CHANGES: dict[str, Callable[[dict[str, str]], Mapping[str, str]]] = {
    "another body was signed": lambda headers: headers | signed(b"{}"),
    "another secret": lambda headers: headers | signed(BODY, OTHER),
    "another id": lambda headers: headers | {"webhook-id": "call-2"},
    "another time": lambda headers: headers | {"webhook-timestamp": str(int(NOW.timestamp()) + 1)},
    "no signature": lambda headers: {name: value for name, value in headers.items() if name != "webhook-signature"},
    "no headers": lambda headers: {},
    "a signature that is no base64": lambda headers: headers | {"webhook-signature": "v1,*"},
    "a signature of another version": lambda headers: (
        headers | {"webhook-signature": headers["webhook-signature"].replace("v1,", "v2,")}
    ),
    "a time that is none": lambda headers: headers | {"webhook-timestamp": "noon"},
    "a time in other digits": lambda headers: headers | {"webhook-timestamp": "١٢"},
    "an endless time": lambda headers: headers | {"webhook-timestamp": "9" * 5000},
}


@pytest.mark.parametrize("change", CHANGES)
def test_any_other_call_is_refused(change: str) -> None:
    with pytest.raises(UntrustedReport):
        verify_report(BODY, CHANGES[change](signed(BODY)), SECRET, now=NOW.timestamp())


@pytest.mark.parametrize(("off", "fresh"), [(-300, True), (-301, False), (300, True), (301, False)])
def test_a_call_may_be_five_minutes_old_or_ahead(off: int, fresh: bool) -> None:
    now = (NOW + timedelta(seconds=off)).timestamp()
    if fresh:
        verify_report(BODY, signed(BODY), SECRET, now=now)
    else:
        with pytest.raises(UntrustedReport, match="300 seconds"):
            verify_report(BODY, signed(BODY), SECRET, now=now)


@pytest.mark.parametrize("body", [b"[]", b"{}", b"not JSON", b'{"delivery_report": [{}]}'])
def test_what_is_signed_and_no_report_is_refused(body: bytes) -> None:
    with pytest.raises(UntrustedReport, match="not a delivery report"):
        verify_report(body, signed(body), SECRET, now=NOW.timestamp())


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_hunter2*", "hunter2*"])
def test_a_secret_that_is_none_is_told_and_not_shown(secret: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        verify_report(BODY, signed(BODY), secret, now=NOW.timestamp())
    assert "hunter2" not in str(refused.value)
    assert isinstance(refused.value, MailProxyError)


@dataclass
class Book:
    """Keeps events, and answers as it is told."""

    answer: ReportAnswer | None = None
    fails: bool = False
    kept: list[str] = field(default_factory=list)

    def record(self, events: Sequence[ReportEvent]) -> ReportAnswer | None:
        if self.fails:
            raise OSError("the disk is full")
        self.kept += [event.event_id for event in events]
        return self.answer

    async def record_later(self, events: Sequence[ReportEvent]) -> ReportAnswer | None:
        return self.record(events)


type Post = Callable[[bytes, Mapping[str, str]], tuple[int, bytes]]


def fastapi_post(book: Book) -> Post:
    app = FastAPI()
    app.include_router(reports_router(SECRET, book.record_later))

    def post(body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        with TestClient(app, raise_server_exceptions=False) as client:
            answer = client.post("/mail-proxy/sync", content=body, headers=dict(headers))
        return answer.status_code, answer.content

    return post


def flask_post(book: Book) -> Post:
    app = flask.Flask("receiver")
    app.register_blueprint(reports_blueprint(SECRET, book.record))

    def post(body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        answer = app.test_client().post("/mail-proxy/sync", data=body, headers=dict(headers))
        return answer.status_code, answer.data

    return post


@pytest.fixture(params=[fastapi_post, flask_post])
def receiver(request: pytest.FixtureRequest) -> Callable[[Book], Post]:
    found: Callable[[Book], Post] = request.param
    return found


def test_an_endpoint_acknowledges_what_it_has_recorded(receiver: Callable[[Book], Post]) -> None:
    book = Book()
    status, answer = receiver(book)(BODY, signed(BODY, at=datetime.now(UTC)))
    assert (status, json.loads(answer), book.kept) == (200, {"ok": True}, ["e-1"])


def test_an_endpoint_says_what_its_application_says(receiver: Callable[[Book], Post]) -> None:
    book = Book(ReportAnswer(error=["e-1"], queued=3, next_sync_after=1769853600))
    _, answer = receiver(book)(BODY, signed(BODY, at=datetime.now(UTC)))
    assert json.loads(answer) == {"ok": True, "error": ["e-1"], "queued": 3, "next_sync_after": 1769853600}


def test_an_endpoint_refuses_whoever_is_not_the_proxy(receiver: Callable[[Book], Post]) -> None:
    book = Book()
    status, _ = receiver(book)(BODY, signed(BODY, OTHER, at=datetime.now(UTC)))
    assert (status, book.kept) == (401, [])


def test_an_endpoint_that_could_not_record_acknowledges_nothing(receiver: Callable[[Book], Post]) -> None:
    status, _ = receiver(Book(fails=True))(BODY, signed(BODY, at=datetime.now(UTC)))
    assert status == 500


def test_an_endpoint_reads_no_more_than_its_limit(
    receiver: Callable[[Book], Post], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("fastapi", "flask"):
        monkeypatch.setattr(f"mail_proxy.receivers.{module}.MAX_BYTES", 1000)
    book = Book()
    body = json.dumps({"delivery_report": [], "padding": secrets.token_hex(1000)}).encode()
    status, _ = receiver(book)(body, signed(body, at=datetime.now(UTC)))
    assert (status, book.kept) == (413, [])


def test_nothing_but_ok_is_said_when_all_is_well() -> None:
    assert endpoint.rendered(None) == endpoint.rendered(ReportAnswer()) == b'{"ok": true}'
    assert json.loads(endpoint.rendered(ReportAnswer(ok=False))) == {"ok": False}
