"""Waiting for a message, and what is submitted in several calls: the same for both clients."""

from typing import Any

import httpx
import pytest

from mail_proxy import NothingAccepted, NotSent, StillWaiting, Submission
from mail_proxy.resources.messages import MAX_BYTES_A_CALL, parts
from tests.unit.client.scripted import Script, awaiting, blocking, problem


@pytest.fixture(params=[blocking, awaiting])
def run(request: pytest.FixtureRequest) -> Any:
    return request.param


def seen(status: str, reply: str | None = None) -> httpx.Response:
    moment = "2026-01-31T10:00:00.000Z"
    message = {
        "id": "M-1",
        "pk": "p",
        "account_id": "main",
        "status": status,
        "priority": "medium",
        "batch_code": None,
        "attempts": 1,
        "created_at": moment,
        "due_at": moment,
        "first_attempt_at": None,
        "finished_at": None,
        "events": [],
        "returned": [],
        "recipients": [{"address": "anna@example.com", "status": status, "reply": reply}],
        "content": None,
        "reported_at": None,
    }
    return httpx.Response(200, json=message)


def wait(proxy: Any) -> Any:
    return proxy.tenant("acme").messages.wait_until_sent("M-1", timeout=20)


def test_a_message_is_asked_for_until_it_is_sent(run: Any) -> None:
    script = Script([seen("pending"), seen("deferred"), seen("suspended"), seen("sent")])
    assert run(script, wait).status == "sent"
    assert script.slept == [0.5, 1.0, 2.0]


def test_waiting_survives_a_call_that_fails_in_passing(run: Any) -> None:
    script = Script([seen("pending"), httpx.ConnectError, seen("sent")])
    assert run(script, wait).status == "sent"


@pytest.mark.parametrize("status", ["error", "cancelled"])
def test_waiting_ends_when_the_message_ends_otherwise(run: Any, status: str) -> None:
    with pytest.raises(NotSent, match=r"anna@example\.com: no such user") as failed:
        run(Script([seen(status, "no such user")]), wait)
    assert failed.value.message.status == status


def test_waiting_ends_after_its_time_with_a_last_look_at_the_message(run: Any) -> None:
    script = Script([seen("pending") for _ in range(20)])
    with pytest.raises(StillWaiting, match="still pending after 20 seconds") as late:
        run(script, wait)
    assert isinstance(late.value, TimeoutError)
    assert script.slept == [0.5, 1.0, 2.0, 4.0, 8.0, 4.5]


def test_a_look_without_waiting_is_one_call(run: Any) -> None:
    script = Script([seen("pending")])
    with pytest.raises(StillWaiting):
        run(script, lambda proxy: proxy.tenant("acme").messages.wait_until_sent("M-1", timeout=0))
    assert len(script.requests) == 1


def message(number: int, text: str = "x") -> Submission:
    return Submission(id=f"M-{number}", from_="a@acme.example", to="b@example.com", text=text)


def test_more_than_a_thousand_messages_go_in_several_calls_in_their_order() -> None:
    made = list(parts(message(number) for number in range(2500)))
    assert [(part.begin, len(part.messages)) for part in made] == [(0, 1000), (1000, 1000), (2000, 500)]
    assert [each.id for part in made for each in part.messages] == [f"M-{number}" for number in range(2500)]


def test_messages_of_many_bytes_go_in_several_calls() -> None:
    made = list(parts(message(number, "x" * 2_000_000) for number in range(5)))
    assert [len(part.messages) for part in made] == [2, 2, 1]
    assert all(sum(len(each.body()) for each in part.messages) <= MAX_BYTES_A_CALL for part in made)


def test_a_message_beyond_what_a_call_takes_goes_alone_and_is_refused_by_the_api() -> None:
    made = list(parts([message(0), message(1, "x" * 7_000_000), message(2)]))
    assert [len(part.messages) for part in made] == [1, 1, 1]


def refused(index: int) -> dict[str, object]:
    return {"index": index, "id": None, "code": "no_body", "detail": "no text"}


def test_what_is_refused_is_counted_in_the_whole_submission(run: Any) -> None:
    answer = {"accepted": [{"id": "M-0", "pk": "p", "status": "pending"}], "rejected": [refused(7)]}
    script = Script([httpx.Response(202, json=answer), problem(422, "nothing_accepted", rejected=[refused(3)])])
    told = run(script, lambda proxy: proxy.tenant("acme").messages.submit(message(each) for each in range(1010)))
    assert [each.index for each in told.rejected] == [7, 1003]
    assert len({each.headers["idempotency-key"] for each in script.requests}) == 2


def test_a_submission_of_which_nothing_was_accepted_is_an_error(run: Any) -> None:
    script = Script([problem(422, "nothing_accepted", rejected=[refused(0)])])
    with pytest.raises(NothingAccepted) as failed:
        run(script, lambda proxy: proxy.tenant("acme").messages.submit([message(0)]))
    assert [each.code for each in failed.value.rejected] == ["no_body"]


def test_all_that_was_refused_is_told_of_several_calls(run: Any) -> None:
    answers = [problem(422, "nothing_accepted", rejected=[refused(index)]) for index in (5, 6)]
    with pytest.raises(NothingAccepted) as failed:
        run(
            Script(answers),
            lambda proxy: proxy.tenant("acme").messages.submit(message(each) for each in range(1010)),
        )
    assert [each.index for each in failed.value.rejected] == [5, 1006]


def test_nothing_to_submit_is_no_call(run: Any) -> None:
    script = Script([])
    assert run(script, lambda proxy: proxy.tenant("acme").messages.submit([])).accepted == ()
