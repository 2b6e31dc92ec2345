"""What is repeated, when, and how often: the same for both clients."""

from typing import Any

import httpx
import pytest

from mail_proxy import (
    ConnectionFailed,
    Retries,
    Submission,
    TimedOut,
    TooManyCalls,
    Unavailable,
    UnexpectedAnswer,
)
from mail_proxy.exchange import Call, Caller, nothing
from mail_proxy.resources.instance import Proxy
from tests.unit.client.scripted import Script, awaiting, blocking, problem

HEALTHY = {"status": "ok", "version": "9.9.9"}


@pytest.fixture(params=[blocking, awaiting])
def run(request: pytest.FixtureRequest) -> Any:
    return request.param


def health(proxy: Proxy[Any]) -> Any:
    return proxy.health()


def submit(proxy: Proxy[Any]) -> Any:
    return proxy.tenant("acme").messages.submit([Submission(id="M-1", from_="a@acme.example", to="b@example.com")])


def create(proxy: Proxy[Any]) -> Any:
    return proxy.tenants.put("acme")


def delete(proxy: Proxy[Any]) -> Any:
    return proxy.tenant("acme").messages.delete("M-1")


ACCEPTED = {"accepted": [{"id": "M-1", "pk": "p", "status": "pending"}], "rejected": []}


def test_a_call_that_fails_in_passing_is_made_again_after_longer_and_longer_waits(run: Any) -> None:
    script = Script(
        [httpx.ConnectError, problem(503, "unavailable"), httpx.ReadTimeout, httpx.Response(200, json=HEALTHY)]
    )
    assert run(script, health).version == "9.9.9"
    assert script.slept == [0.25, 0.5, 1.0]  # half of 0.5, 1 and 2: the least that jitter makes of them


def test_the_wait_that_the_answer_names_is_kept(run: Any) -> None:
    script = Script([problem(429, "too_many_calls", {"retry-after": "17"}), httpx.Response(200, json=HEALTHY)])
    run(script, health)
    assert script.slept == [17.0]


def test_a_wait_that_is_too_long_is_told_at_once(run: Any) -> None:
    script = Script([problem(429, "too_many_calls", {"retry-after": "3600"})])
    with pytest.raises(TooManyCalls) as refused:
        run(script, health)
    assert refused.value.retry_after == 3600
    assert script.slept == []


def test_a_call_is_made_as_often_as_allowed_and_its_last_error_is_raised(run: Any) -> None:
    script = Script([problem(503, "unavailable")] * 2)
    with pytest.raises(Unavailable) as failed:
        run(script, health, Retries(attempts=2))
    assert failed.value.request_id == "R-1"
    assert len(script.requests) == 2


@pytest.mark.parametrize("answer", [problem(422, "invalid"), problem(404, "not_found"), problem(500, "internal")])
def test_what_would_fare_no_better_is_not_repeated(run: Any, answer: httpx.Response) -> None:
    script = Script([answer])
    with pytest.raises(Exception, match=answer.json()["code"]):
        run(script, health)
    assert len(script.requests) == 1


def test_a_repeated_submission_has_the_same_key_and_the_same_bytes(run: Any) -> None:
    script = Script([httpx.ReadTimeout, problem(409, "idempotency_in_progress"), httpx.Response(202, json=ACCEPTED)])
    assert run(script, submit).accepted[0].id == "M-1"
    assert len({request.headers["idempotency-key"] for request in script.requests}) == 1
    assert len({request.content for request in script.requests}) == 1


def test_two_submissions_have_different_keys(run: Any) -> None:
    keys = []
    for _ in range(2):
        script = Script([httpx.Response(202, json=ACCEPTED)])
        run(script, submit)
        keys.append(script.requests[0].headers["idempotency-key"])
    assert keys[0] != keys[1]


@pytest.mark.parametrize("lost", [httpx.ReadTimeout, problem(503, "unavailable"), httpx.RemoteProtocolError])
def test_a_call_that_shows_a_secret_is_not_repeated_once_it_may_have_been_carried_out(run: Any, lost: Any) -> None:
    script = Script([lost])
    with pytest.raises((TimedOut, Unavailable, ConnectionFailed)):
        run(script, create)
    assert len(script.requests) == 1


@pytest.mark.parametrize("refused", [httpx.ConnectError, problem(429, "too_many_calls", {"retry-after": "1"})])
def test_a_call_that_shows_a_secret_is_repeated_when_it_cannot_have_been_carried_out(run: Any, refused: Any) -> None:
    script = Script([refused, problem(403, "forbidden")])
    with pytest.raises(Exception, match="forbidden"):
        run(script, create)
    assert len(script.requests) == 2


def test_what_a_lost_try_has_deleted_already_counts_as_deleted(run: Any) -> None:
    run(Script([httpx.ReadTimeout, problem(404, "not_found")]), delete)


@pytest.mark.parametrize("first", [[], [httpx.ConnectError]])
def test_what_was_never_there_is_not_found(run: Any, first: list[Any]) -> None:
    with pytest.raises(Exception, match="not_found"):
        run(Script([*first, problem(404, "not_found")]), delete)


def test_an_answer_of_something_in_between_is_repeated_and_then_told(run: Any) -> None:
    gateway = httpx.Response(503, json={"message": "Service Unavailable"})
    script = Script([gateway, gateway])
    with pytest.raises(UnexpectedAnswer, match="Service Unavailable") as unexpected:
        run(script, health, Retries(attempts=2))
    assert unexpected.value.status == 503
    assert len(script.requests) == 2


def test_an_error_says_whether_the_call_may_have_arrived(run: Any) -> None:
    for kind, arrived in ((httpx.ConnectError, False), (httpx.ConnectTimeout, False), (httpx.ReadError, True)):
        with pytest.raises(ConnectionFailed) as failed:
            run(Script([kind]), health, Retries(attempts=1))
        assert failed.value.may_have_arrived is arrived
        assert isinstance(failed.value, TimedOut) is (kind is httpx.ConnectTimeout)


@pytest.mark.parametrize(
    ("attempt", "chance", "delay"), [(1, 0.0, 0.25), (1, 0.5, 0.375), (3, 0.0, 1.0), (7, 0.0, 10.0), (30, 0.0, 10.0)]
)
def test_the_wait_doubles_up_to_its_limit(attempt: int, chance: float, delay: float) -> None:
    assert Retries(attempts=99).delay(attempt, None, chance) == delay


def test_steps_can_be_driven_by_hand() -> None:
    steps = Caller(Retries()).make(Call("GET", "/v1/x/{id}", nothing, {"id": "a/b"}))
    assert next(steps).request.url == "/v1/x/a%2Fb"
