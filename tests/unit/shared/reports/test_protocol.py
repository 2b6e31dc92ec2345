"""What the answer to a sync call acknowledges."""

import json

import pytest

from shared.clock import HOUR, MINUTE
from shared.reports.events import PushedEvent, ReportEvent
from shared.reports.protocol import (
    MAX_REFUSALS,
    Acknowledged,
    NotAcknowledged,
    push_wait,
    read_answer,
    split,
)
from shared.tenants.model import Acknowledgement

STRICT, LENIENT = Acknowledgement.STRICT, Acknowledgement.LENIENT

# (status, body, acknowledged when strict, acknowledged when lenient)
ANSWERS = [
    (200, '{"ok": true}', True, True),
    (201, '{"ok": true}', True, True),
    (202, '{"ok": true, "queued": 15, "next_sync_after": 1728474000, "error": [], "not_found": []}', True, True),
    (299, '{"ok": true, "something": {"else": [1, 2]}}', True, True),
    (200, '{"ok": false}', False, False),
    (200, '{"ok": false, "error": 0}', False, False),
    (200, '{"ok": null}', False, True),
    (200, "{}", False, True),
    (200, '{"sent": 1, "error": 0}', False, True),
    (200, '{"status": "ok"}', False, True),
    (200, '{"ok": "true"}', False, True),
    (200, '{"ok": "no"}', False, True),
    (200, '{"ok": 1}', False, True),
    (200, '{"ok": 0}', False, True),
    (200, '{"ok": []}', False, True),
    (200, '{"OK": true}', False, True),
    (200, '{"ok": true, "error": "MSG-1"}', False, True),
    (200, '{"ok": true, "error": [1]}', False, True),
    (200, '{"ok": true, "error": {"MSG-1": 1}}', False, True),
    (200, "", False, True),
    (204, "", False, True),
    (200, "OK", False, True),
    (200, "<html></html>", False, True),
    (200, "[]", False, True),
    (200, "null", False, True),
    (200, "true", False, True),
    (200, '"ok"', False, True),
    (200, '{"ok": tru', False, True),
    (200, '{"ok": true} trailing', False, True),
    (200, "[" * 10_000, False, True),
    (301, '{"ok": true}', False, False),
    (302, '{"ok": true}', False, False),
    (304, "", False, False),
    (400, '{"ok": true}', False, False),
    (401, '{"ok": true}', False, False),
    (404, "", False, False),
    (410, "", False, False),
    (429, '{"ok": true}', False, False),
    (500, '{"ok": true}', False, False),
    (503, "", False, False),
    (199, '{"ok": true}', False, False),
    (101, '{"ok": true}', False, False),
]


@pytest.mark.parametrize(("status", "body", "strict", "lenient"), ANSWERS)
def test_an_answer_acknowledges(status: int, body: str, strict: bool, lenient: bool) -> None:
    assert isinstance(read_answer(status, body.encode(), STRICT), Acknowledged) is strict
    assert isinstance(read_answer(status, body.encode(), LENIENT), Acknowledged) is lenient


@pytest.mark.parametrize("ack", [STRICT, LENIENT])
def test_octets_that_are_no_text_are_no_answer_to_a_strict_tenant_and_enough_of_a_lenient_one(
    ack: Acknowledgement,
) -> None:
    assert isinstance(read_answer(200, b"\xff\xfe\x00", ack), Acknowledged) is (ack is LENIENT)


@pytest.mark.parametrize("ack", [STRICT, LENIENT])
def test_ids_named_as_errors_are_refused_and_unknown_ones_noted(ack: Acknowledgement) -> None:
    answer = read_answer(200, b'{"ok": true, "error": ["MSG-2", "MSG-2"], "not_found": ["MSG-9"]}', ack)

    assert answer == Acknowledged(refused=frozenset({"MSG-2"}), not_found=frozenset({"MSG-9"}))


def test_why_nothing_was_acknowledged_is_said() -> None:
    assert read_answer(503, b"", STRICT) == NotAcknowledged("HTTP 503")
    assert read_answer(200, b'{"ok": false}', STRICT) == NotAcknowledged('the answer says "ok": false')
    assert read_answer(200, b"{}", STRICT) == NotAcknowledged('the answer does not say "ok": true')
    no_json = read_answer(200, b"OK", STRICT)
    assert isinstance(no_json, NotAcknowledged)
    assert no_json.reason.startswith("HTTP 200, but the body is no answer")


def pushed(mail_id: str, refusals: int = 0) -> PushedEvent:
    event = ReportEvent(event_id=f"event-{mail_id}", id=mail_id, tenant_id="acme", account_id="main", pk="0", sent_ts=1)
    return PushedEvent(event=event, refusals=refusals)


def test_what_is_not_refused_is_done_with() -> None:
    events = [pushed("1"), pushed("2")]

    assert split(events, Acknowledged()) == (events, [])


@pytest.mark.parametrize("name", ["2", "event-2"])
def test_an_event_is_refused_by_the_id_of_its_mail_or_its_own(name: str) -> None:
    done, again = split([pushed("1"), pushed("2"), pushed("3")], Acknowledged(refused=frozenset({name})))

    assert [each.event.id for each in done] == ["1", "3"]
    assert again == [pushed("2", refusals=1)]


def test_an_event_is_refused_a_bounded_number_of_times() -> None:
    refuse_it = Acknowledged(refused=frozenset({"1"}))
    waiting, pushes, finished = [pushed("1")], 0, []
    while waiting:
        pushes += 1
        done, waiting = split(waiting, refuse_it)
        finished += done

    assert pushes == MAX_REFUSALS
    assert [each.event.id for each in finished] == ["1"]


def test_an_id_that_was_not_pushed_refuses_nothing() -> None:
    assert split([pushed("1")], Acknowledged(refused=frozenset({"other"}))) == ([pushed("1")], [])


def test_failed_calls_wait_as_standard_webhooks_recommends() -> None:
    almost_one = 1 - 2**-53
    steps = [MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR, 10 * HOUR]

    assert [push_wait(waits, almost_one) for waits in range(8)] == [pytest.approx(step, abs=1) for step in steps]
    assert [push_wait(waits, 0.0) for waits in range(8)] == [step // 2 for step in steps]
    assert push_wait(10_000, 0.0) == 5 * HOUR


def test_an_event_is_pushed_with_what_it_has_and_nothing_else() -> None:
    body = json.loads(pushed("1").event.model_dump_json(exclude_none=True))

    assert body == {
        "event_id": "event-1",
        "id": "1",
        "tenant_id": "acme",
        "account_id": "main",
        "pk": "0",
        "sent_ts": 1,
    }
