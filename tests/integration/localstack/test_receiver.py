"""A tenant's sync endpoint, as the proxy sees it and as a test does."""

from collections.abc import Iterator

import httpx
import pytest

from localstack.receiver import (
    Acknowledgement,
    Answer,
    BasicAuth,
    BearerAuth,
    EventKind,
    Receiver,
    failing,
    refusing,
)

SENT = {
    "id": "m1",
    "tenant_id": "acme",
    "event_id": "e1",
    "sent_ts": 1728470500,
    "recipients": [{"address": "a@example.net", "status": "sent", "code": 250, "reply": "2.6.0 queued"}],
}
ERROR = {
    "id": "m2",
    "tenant_id": "acme",
    "event_id": "e2",
    "error_ts": 1728470501,
    "error": "550 5.1.1 unknown",
}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def push(receiver: Receiver, *events: object, **headers: str) -> httpx.Response:
    return httpx.post(
        f"{receiver.url}/mail-proxy/sync", json={"delivery_report": events}, headers=headers, timeout=5, trust_env=False
    )


def test_events_are_acknowledged_and_kept_with_arrival_and_headers(receiver: Receiver) -> None:
    answer = push(receiver, SENT, ERROR, **{"webhook-id": "w1"})

    assert answer.json() == {"ok": True, "queued": 0, "error": [], "not_found": []}
    sent, error = receiver.events.wait_for(2, timeout=5)
    assert (sent.event.kind, error.event.kind) == (EventKind.SENT, EventKind.ERROR)
    assert (sent.order, error.order, sent.call, error.call) == (1, 2, 1, 1)
    assert sent.headers["webhook-id"] == "w1"
    assert sent.acknowledged


def test_a_repeated_event_id_is_visible(receiver: Receiver) -> None:
    push(receiver, SENT, ERROR)
    push(receiver, SENT)

    listed = httpx.get(f"{receiver.url}/api/events", timeout=5, trust_env=False).json()

    assert listed["duplicates"] == {"e1": 2}
    assert [event["event"]["event_id"] for event in listed["events"]] == ["e1", "e2", "e1"]


def test_it_fails_as_often_as_told(receiver: Receiver) -> None:
    receiver.add_rule(failing(2))

    assert [push(receiver, SENT).status_code for _ in range(3)] == [503, 503, 200]
    assert [event.acknowledged for event in receiver.events.all()] == [False, False, True]


def test_it_refuses_single_events_by_id_or_event_id(receiver: Receiver) -> None:
    receiver.add_rule(refusing("m1", "e2"))

    first, second = push(receiver, SENT, ERROR).json(), push(receiver, SENT, ERROR).json()

    assert first["error"] == ["m1", "e2"]
    assert second["error"] == []
    assert [event.acknowledged for event in receiver.events.all()] == [False, False, True, True]


def test_any_answer_can_be_scripted(receiver: Receiver) -> None:
    receiver.add_rule(
        failing(1, Answer(302, text="elsewhere", headers={"Location": "http://127.0.0.1:9/"}, delay_seconds=0.01))
    )
    receiver.add_rule(failing(1, Answer(acknowledgement=Acknowledgement(ok=False, queued=3))))

    refused, moved = push(receiver, SENT), push(receiver, SENT)

    assert (refused.json()["ok"], refused.json()["queued"]) == (False, 3)
    assert (moved.status_code, moved.headers["location"], moved.text) == (
        302,
        "http://127.0.0.1:9/",
        "elsewhere",
    )
    assert not any(event.acknowledged for event in receiver.events.all())


@pytest.mark.parametrize(
    ("auth", "right"),
    [(BearerAuth("secret"), "Bearer secret"), (BasicAuth("user", "päss"), "Basic dXNlcjpww6Rzcw==")],
)
def test_credentials_are_checked_when_it_has_some(auth: BearerAuth | BasicAuth, right: str) -> None:
    with Receiver(auth=auth) as receiver:
        assert push(receiver, SENT).status_code == 401
        assert push(receiver, SENT, authorization="Bearer wrong").status_code == 401
        assert receiver.events.all() == []
        assert push(receiver, SENT, authorization=right).status_code == 200
        assert len(receiver.calls.all()) == 3


def test_what_is_no_delivery_report_is_refused_with_the_reason(receiver: Receiver) -> None:
    answer = httpx.post(f"{receiver.url}/mail-proxy/sync", content=b"{", timeout=5, trust_env=False)

    assert answer.status_code == 422
    assert "delivery report" in answer.text
    assert len(receiver.calls.all()) == 1


def test_a_heartbeat_is_a_call_without_events(receiver: Receiver) -> None:
    assert httpx.post(f"{receiver.url}/mail-proxy/sync", json={}, timeout=5, trust_env=False).json()["ok"] is True
    assert receiver.calls.all()[0].events == ()


def test_fields_it_does_not_know_are_kept(receiver: Receiver) -> None:
    push(receiver, {**SENT, "possible_duplicate": True})

    listed = httpx.get(f"{receiver.url}/api/events", timeout=5, trust_env=False).json()

    assert listed["events"][0]["event"]["possible_duplicate"] is True


def test_clearing_forgets_events_and_calls(receiver: Receiver) -> None:
    push(receiver, SENT)

    assert httpx.delete(f"{receiver.url}/api/events", timeout=5, trust_env=False).status_code == 204

    assert (receiver.events.all(), receiver.calls.all()) == ([], [])


def test_the_page_is_served(receiver: Receiver) -> None:
    assert "Delivery reports" in httpx.get(receiver.url, timeout=5, trust_env=False).text


def test_waiting_for_what_never_comes_says_what_was_missing(receiver: Receiver) -> None:
    push(receiver, SENT)

    with pytest.raises(TimeoutError, match=r"no 2 events within 0\.01 s; 1 events arrived"):
        receiver.events.wait_for(2, timeout=0.01)
