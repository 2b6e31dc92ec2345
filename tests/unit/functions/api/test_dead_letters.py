"""What the queues gave up on, and how it comes back into its line."""

import json

import pytest

from functions.api.services import Services
from shared.aws import clients, polled_queue
from shared.aws.dynamodb import Table
from shared.aws.polled_queue import PolledQueue, ReceivedMessage
from shared.clock import HOUR, SECOND, iso8601
from shared.errors import StorageUnavailable
from shared.lines.head import Heads
from shared.lines.line import Line, LineKind, account_line, reports_line
from shared.lines.wakeups import encode
from tests import boto
from tests.unit.clock import SettableClock
from tests.unit.functions.api.caller import Api, CheckProblem, MakeMessage
from tests.unit.moto_wire import observed
from tests.unit.shared.lines.lane import head_of, queued

DEAD_LETTERS = "/v1/dead-letters"
REDRIVE = f"{DEAD_LETTERS}/redrive"
LINE = account_line(LineKind.MEDIUM, "acme", "main")

type Urls = dict[LineKind, str]


@pytest.fixture
def dead(dead_letters_urls: Urls, monkeypatch: pytest.MonkeyPatch) -> Urls:
    """The dead-letter queues, without a second's wait for more when there is no more."""
    monkeypatch.setattr(polled_queue, "LONG_POLL_SECONDS", 0)
    return dead_letters_urls


def bury(urls: Urls, line: Line, *, number: int = 0, body: str | None = None) -> None:
    """What SQS does with a wake-up after a thousand receives."""
    boto.sqs().send_message(
        QueueUrl=urls[line.kind],
        MessageBody=body or json.dumps(encode(line)),
        MessageGroupId=line.message_group,
        MessageDeduplicationId=f"{line.partition}-{number}",
    )


def held(urls: Urls) -> dict[LineKind, int]:
    """How many messages each of the queues has, in hand or not; none of those that have none."""
    depths = {kind: PolledQueue(clients.sqs(), url).depth() for kind, url in urls.items()}
    counts = {kind: depth.waiting + depth.in_flight for kind, depth in depths.items()}
    return {kind: count for kind, count in counts.items() if count}


def test_a_dead_letter_tells_its_line_and_what_became_of_that(
    admin: Api, acme: Api, message: MakeMessage, services: Services, dead: Urls, clock: SettableClock
) -> None:
    acme.submit(message("MSG-1"), message("MSG-2"))
    head = services.heads.visit(LINE, wake_at=clock.now + HOUR)
    assert head is not None
    services.heads.block(LINE, head, until=clock.now + HOUR, waits=9, reason="relay at connect: TimeoutError")
    bury(dead, LINE)

    shown = admin.get(DEAD_LETTERS).json()

    (letter,) = shown["dead_letters"]
    assert (letter["queue"], letter["tenant_id"], letter["account_id"]) == ("medium", "acme", "main")
    assert letter["received"] == 1
    assert letter["id"]
    assert letter["queued_at"].endswith("Z")
    assert "gave up" in letter["reason"]
    assert letter["line"] == {
        "has_work": True,
        "next_wake_up_at": iso8601(clock.now + HOUR),
        "blocked_until": iso8601(clock.now + HOUR),
        "blocked_reason": "relay at connect: TimeoutError",
        "health": {"status": "ok", "since": None, "scope": None, "stage": None, "code": None, "reason": None},
        "message_ids": ["MSG-1", "MSG-2"],
        "last_tried_message_id": None,
    }
    assert shown["next_cursor"] is None
    assert [(each["queue"], each["held"]) for each in shown["queues"] if each["held"]] == [("medium", 1)]


def test_a_look_leaves_the_dead_letters_for_the_next(admin: Api, dead: Urls) -> None:
    bury(dead, LINE)
    bury(dead, reports_line("acme"))

    looks = [admin.get(DEAD_LETTERS).json()["dead_letters"] for _ in range(3)]

    assert [[each["queue"] for each in look] for look in looks] == [["medium", "reports"]] * 3
    assert [look[0]["received"] for look in looks] == [1, 2, 3]
    reports = looks[0][1]
    assert (reports["account_id"], reports["line"]["health"], reports["line"]["message_ids"]) == (None, None, [])


def test_what_is_no_wake_up_is_told_as_such_and_stays(admin: Api, dead: Urls) -> None:
    for number, body in enumerate(("hello", "[]", json.dumps(encode(reports_line("acme"))))):
        bury(dead, LINE, number=number, body=body)

    letters = admin.get(DEAD_LETTERS).json()["dead_letters"]
    assert [(each["tenant_id"], each["line"]) for each in letters] == [(None, None)] * 3
    assert "no wake-up" in letters[0]["reason"]

    answer = admin.post(REDRIVE).json()
    assert (answer["redriven"], answer["unreadable"], answer["lines"]) == (0, 3, [])
    assert len(admin.get(DEAD_LETTERS).json()["dead_letters"]) == 3


def test_pages_tell_of_one_queue_after_the_other(admin: Api, dead: Urls, problem: CheckProblem) -> None:
    for kind in (LineKind.HIGH, LineKind.LOW):
        for number in range(2):
            bury(dead, account_line(kind, f"tenant-{number}", "main"))

    first = admin.get(DEAD_LETTERS, limit=2).json()
    second = admin.get(DEAD_LETTERS, limit=2, cursor=first["next_cursor"]).json()
    last = admin.get(DEAD_LETTERS, limit=2, cursor=second["next_cursor"]).json()

    assert [[each["queue"] for each in page["dead_letters"]] for page in (first, second, last)] == [
        ["high", "high"],
        ["low", "low"],
        [],
    ]
    assert last["next_cursor"] is None
    problem(admin.get(DEAD_LETTERS, cursor="bm9uZQ"), 422, "invalid")


def test_a_redriven_letter_opens_and_wakes_its_line_and_is_gone(
    admin: Api,
    acme: Api,
    message: MakeMessage,
    services: Services,
    messages: Table,
    queue_urls: Urls,
    dead: Urls,
    clock: SettableClock,
) -> None:
    acme.submit(message("a"))
    queued(queue_urls[LineKind.MEDIUM])
    head = services.heads.visit(LINE, wake_at=clock.now + HOUR)
    assert head is not None
    services.heads.block(LINE, head, until=clock.now + HOUR, waits=9)
    bury(dead, LINE)

    answer = admin.post(REDRIVE)

    assert answer.status_code == 200
    assert answer.json()["lines"] == [{"queue": "medium", "tenant_id": "acme", "account_id": "main"}]
    assert (answer.json()["redriven"], answer.json()["without_line"]) == (1, 0)
    assert [each["held"] for each in answer.json()["left"]] == [0] * len(services.dead_letters.kinds)
    assert queued(queue_urls[LineKind.MEDIUM]) == [LINE]
    opened = head_of(messages, LINE)
    assert (opened.blocked_until, opened.wake_at) == (None, clock.now)
    assert held(dead) == {}


def test_several_letters_of_a_line_are_one_wake_up(
    admin: Api, acme: Api, message: MakeMessage, queue_urls: Urls, dead: Urls
) -> None:
    acme.submit(message("a"))
    queued(queue_urls[LineKind.MEDIUM])
    for number in range(4):
        bury(dead, LINE, number=number)

    answer = admin.post(REDRIVE).json()

    assert (answer["redriven"], len(answer["lines"])) == (4, 1)
    assert queued(queue_urls[LineKind.MEDIUM]) == [LINE]


def test_a_line_that_is_no_more_is_not_woken_and_its_letter_goes(admin: Api, queue_urls: Urls, dead: Urls) -> None:
    bury(dead, account_line(LineKind.LOW, "deleted", "main"))

    answer = admin.post(REDRIVE).json()

    assert (answer["redriven"], answer["lines"], answer["without_line"]) == (1, [], 1)
    assert queued(queue_urls[LineKind.LOW]) == []
    assert held(dead) == {}


def test_a_redrive_takes_so_many_of_one_queue_and_tells_what_is_left(
    admin: Api, dead: Urls, problem: CheckProblem
) -> None:
    for number in range(3):
        bury(dead, account_line(LineKind.LOW, f"tenant-{number}", "main"))
    bury(dead, LINE)

    answer = admin.post(REDRIVE, {"queue": "low", "limit": 2}).json()

    assert answer["redriven"] == 2
    assert {each["queue"]: each["held"] for each in answer["left"] if each["held"]} == {"medium": 1, "low": 1}
    problem(admin.post(REDRIVE, {"queue": "lowest"}), 422, "invalid")
    problem(admin.post(REDRIVE, {"limit": 1_001}), 422, "invalid")


def test_a_redrive_that_is_cut_off_before_it_deletes_loses_nothing_and_repeating_it_finishes_it(
    admin: Api,
    acme: Api,
    message: MakeMessage,
    queue_urls: Urls,
    dead: Urls,
    monkeypatch: pytest.MonkeyPatch,
    problem: CheckProblem,
) -> None:
    acme.submit(message("a"))
    queued(queue_urls[LineKind.MEDIUM])
    bury(dead, LINE)

    hidden: list[ReceivedMessage] = []

    def dies(queue: PolledQueue, received: list[ReceivedMessage]) -> None:
        hidden.extend(received)
        raise StorageUnavailable("SQS DeleteMessageBatch: unreachable")

    with monkeypatch.context() as cut_off:
        cut_off.setattr(PolledQueue, "delete", dies)
        problem(admin.post(REDRIVE), 503, "unavailable")
    assert queued(queue_urls[LineKind.MEDIUM]) == [LINE]
    assert held(dead) == {LineKind.MEDIUM: 1}

    for each in hidden:  # in place of the minute after which they come back
        boto.sqs().change_message_visibility(
            QueueUrl=dead[LineKind.MEDIUM], ReceiptHandle=each.receipt_handle, VisibilityTimeout=0
        )
    assert admin.post(REDRIVE).json()["redriven"] == 1
    assert held(dead) == {}


def test_a_letter_whose_line_cannot_be_opened_stays(
    admin: Api, acme: Api, message: MakeMessage, dead: Urls, monkeypatch: pytest.MonkeyPatch, problem: CheckProblem
) -> None:
    acme.submit(message("a"))
    bury(dead, LINE)

    def unreachable(heads: Heads, line: Line, now: int) -> None:
        raise StorageUnavailable("DynamoDB UpdateItem: throttled")

    monkeypatch.setattr(Heads, "unblock", unreachable)
    problem(admin.post(REDRIVE), 503, "unavailable")
    assert held(dead) == {LineKind.MEDIUM: 1}


def test_a_call_works_for_fifteen_seconds_at_most(admin: Api, dead: Urls, clock: SettableClock) -> None:
    for number in range(12):
        bury(dead, account_line(LineKind.LOW, f"tenant-{number}", "main"))

    def passes(operation: str, _request: object) -> None:
        if operation == "ReceiveMessage":
            clock.advance(15 * SECOND)

    with observed(passes):
        answer = admin.post(REDRIVE).json()

    assert answer["redriven"] == 10
    assert {each["queue"]: each["held"] for each in answer["left"] if each["held"]} == {"low": 2}
