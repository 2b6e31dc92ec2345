"""What the log and the metrics tell of the mails of a slice."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from shared.delivery.classification import classify
from shared.delivery.decisions import Decision, after_try
from shared.delivery.outcome_log import OutcomeLog
from shared.delivery.replies import Reply, Stage
from shared.delivery.transmission import Answered, RecipientReply
from shared.instance.model import RetryPolicy
from shared.lines.line import LineKind, account_line
from shared.observability import metrics
from tests.unit.clock import NOON, SettableClock
from tests.unit.shared.delivery.samples import a_mail

LINE = account_line(LineKind.MEDIUM, "acme", "main")
TOOK, LATER, NEVER = Reply(250, "ok"), Reply(451, "later", "4.7.1"), Reply(550, "no such user", "5.1.1")


@pytest.fixture(autouse=True)
def observing(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    monkeypatch.setattr(metrics.provider, "namespace", "Test")
    monkeypatch.setattr(metrics.provider, "service", "sender-medium")
    caplog.set_level(logging.INFO)
    metrics.clear_metrics()  # what other tests of the process left
    yield
    metrics.clear_metrics()


@pytest.fixture
def log(clock: SettableClock) -> OutcomeLog:
    return OutcomeLog(LINE, clock)


def decided(mail_id: str, reply: Reply) -> Decision:
    verdict = None if reply is TOOK else classify(Stage.RCPT, reply)
    answer = Answered((RecipientReply("anna@example.net", reply, verdict),))
    return after_try(a_mail(mail_id), answer, tried=["anna@example.net"], before=(), policy=RetryPolicy(), now=NOON)


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [vars(record) for record in caplog.records]


def counted() -> dict[str, list[float]]:
    return {name: metric["Value"] for name, metric in metrics.metric_set.items()}


def test_mails_sent_share_a_line_and_a_metric(
    log: OutcomeLog, clock: SettableClock, caplog: pytest.LogCaptureFixture
) -> None:
    for name, seconds in (("m1", 1), ("m2", 3), ("m3", 2)):
        clock.now = a_mail(name).due_at + seconds * 1_000
        log.note(decided(name, TOOK))
    assert lines(caplog) == []

    log.close()
    [line] = lines(caplog)
    assert (line["message"], line["tenant_id"], line["account_id"]) == ("mails sent", "acme", "main")
    assert (line["message_ids"], line["longest_ms"]) == (["m1", "m2", "m3"], 3_000)
    assert counted() == {"Sent": [3], "DueToSent": [3_000]}


@pytest.mark.parametrize(("reply", "metric", "code"), [(LATER, "Deferred", 451), (NEVER, "Errors", 550)])
def test_every_other_outcome_has_a_line_of_its_own_with_its_codes_and_no_address(
    log: OutcomeLog, caplog: pytest.LogCaptureFixture, reply: Reply, metric: str, code: int
) -> None:
    log.note(decided("m1", reply))
    log.close()

    [line] = lines(caplog)
    assert (line["message"], line["message_id"], line["codes"]) == ("mail tried", "m1", [code])
    assert counted() == {metric: [1]}
    assert "anna" not in str(line)


def test_a_slice_of_which_nothing_was_sent_has_no_line(log: OutcomeLog, caplog: pytest.LogCaptureFixture) -> None:
    log.close()

    assert lines(caplog) == []
    assert counted() == {}
