"""What becomes of a mail after a try."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.clock import DAY, HOUR, MINUTE, SECOND
from shared.delivery.classification import classify
from shared.delivery.decisions import (
    Decision,
    after_try,
    doubted,
    event_from_state,
    pending_recipients,
    tells_itself,
    without_try,
)
from shared.delivery.replies import Reply, Scope, Stage, Verdict
from shared.delivery.transmission import Answered, MailFailed, RecipientReply, taken
from shared.instance.model import RetryPolicy
from shared.messages.model import Address, Content, Mail, Status
from shared.messages.table import RecipientResult
from tests.unit.clock import NOON
from tests.unit.shared.delivery.samples import a_mail

OK = Reply(250, "queued as 1", "2.0.0")
UNKNOWN_USER = Reply(550, "user unknown", "5.1.1")
GREYLISTED = Reply(451, "greylisted", "4.7.1")
POLICY = RetryPolicy(schedule_seconds=[60, 300, 900], max_age_seconds=3_600)


def refused(address: str, reply: Reply) -> RecipientReply:
    return RecipientReply(address, reply, classify(Stage.RCPT, reply))


def try_of(
    *answers: RecipientReply,
    mail: Mail | None = None,
    before: tuple[RecipientResult, ...] = (),
    now: int = NOON,
    policy: RetryPolicy = POLICY,
) -> Decision:
    tried = [each.address for each in answers]
    return after_try(mail or a_mail(), Answered(answers), tried=tried, before=before, policy=policy, now=now)


def failed_try(
    failure: MailFailed,
    *tried: str,
    mail: Mail | None = None,
    before: tuple[RecipientResult, ...] = (),
    now: int = NOON,
) -> Decision:
    return after_try(mail or a_mail(), failure, tried=tried or ["a@x.org"], before=before, policy=POLICY, now=now)


def content_to(*addresses: str) -> Content:
    return Content.model_validate(
        {"from": Address(address="shop@example.org"), "to": [Address(address=each) for each in addresses]}
    )


def statuses(decision: Decision) -> dict[str, str]:
    return {each.address: each.status for each in decision.recipients}


def test_a_mail_that_its_recipient_took_is_sent_and_reported_with_the_relays_reply() -> None:
    decision = try_of(*taken(["a@x.org"], OK), now=NOON + 1_500)

    assert decision.mail.status is Status.SENT
    assert decision.mail.attempts == 1
    assert decision.mail.finished_at == NOON + 1_500
    assert decision.retry_after is None
    assert decision.event.sent_ts == (NOON + 1_500) // SECOND
    assert decision.event.recipients == [
        RecipientResult(address="a@x.org", status="sent", code=250, enhanced="2.0.0", reply="queued as 1")
    ]


def test_a_finished_mail_is_kept_for_the_retention_and_one_that_is_not_for_good() -> None:
    assert try_of(*taken(["a@x.org"], OK)).kept_for(7 * DAY).mail.expires_at == NOON + 7 * DAY
    assert try_of(refused("a@x.org", GREYLISTED)).kept_for(7 * DAY).mail.expires_at is None


def test_a_mail_whose_only_recipient_is_refused_for_good_is_an_error() -> None:
    decision = try_of(refused("a@x.org", UNKNOWN_USER))

    assert decision.mail.status is Status.ERROR
    assert decision.event.error == "550 5.1.1 user unknown"
    assert decision.event.error_ts == NOON // SECOND
    assert decision.event.sent_ts is None
    assert decision.retry_after is None


def test_a_mail_whose_recipient_is_refused_for_now_is_put_off() -> None:
    decision = try_of(refused("a@x.org", GREYLISTED))

    assert decision.mail.status is Status.DEFERRED
    assert decision.mail.finished_at is None
    assert decision.mail.expires_at is None
    assert decision.retry_after == MINUTE
    assert decision.event.deferred_reason == "451 4.7.1 greylisted"
    assert decision.event.deferred_ts == NOON // SECOND


def test_the_delay_grows_with_the_tries_at_the_mail_and_then_stays() -> None:
    delays = []
    mail = a_mail()
    for _ in range(5):
        decision = try_of(refused("a@x.org", GREYLISTED), mail=mail, now=NOON)
        mail = decision.mail
        delays.append(decision.retry_after)

    assert delays == [MINUTE, 5 * MINUTE, 15 * MINUTE, 15 * MINUTE, 15 * MINUTE]
    assert mail.attempts == 5
    assert mail.first_attempt_at == NOON


def test_a_mail_taken_by_some_and_refused_for_good_by_others_is_sent_and_tells_both() -> None:
    decision = try_of(*taken(["a@x.org"], OK), refused("b@x.org", UNKNOWN_USER))

    assert decision.mail.status is Status.SENT
    assert statuses(decision) == {"a@x.org": "sent", "b@x.org": "error"}
    assert decision.event.sent_ts is not None
    assert decision.event.recipients == list(decision.recipients)


def test_a_mail_taken_by_some_and_put_off_by_others_is_deferred_until_all_are_decided() -> None:
    first = try_of(*taken(["a@x.org"], OK), refused("b@x.org", GREYLISTED))
    assert first.mail.status is Status.DEFERRED
    assert first.retry_after == MINUTE
    assert statuses(first) == {"a@x.org": "sent", "b@x.org": "deferred"}
    assert pending_recipients(["a@x.org", "b@x.org"], first.recipients) == ["b@x.org"]

    second = try_of(*taken(["b@x.org"], OK), mail=first.mail, before=first.recipients, now=NOON + MINUTE)
    assert second.mail.status is Status.SENT
    assert statuses(second) == {"a@x.org": "sent", "b@x.org": "sent"}
    assert second.mail.attempts == 2


def test_a_mail_that_one_took_earlier_stays_sent_when_the_rest_is_refused_for_good() -> None:
    first = try_of(*taken(["a@x.org"], OK), refused("b@x.org", GREYLISTED))
    second = try_of(refused("b@x.org", UNKNOWN_USER), mail=first.mail, before=first.recipients)

    assert second.mail.status is Status.SENT
    assert statuses(second) == {"a@x.org": "sent", "b@x.org": "error"}


def test_an_error_for_good_at_one_recipient_does_not_end_the_waiting_of_another() -> None:
    decision = try_of(refused("a@x.org", UNKNOWN_USER), refused("b@x.org", GREYLISTED))

    assert decision.mail.status is Status.DEFERRED
    assert statuses(decision) == {"a@x.org": "error", "b@x.org": "deferred"}
    assert decision.event.deferred_reason == "451 4.7.1 greylisted"


def test_the_latest_word_about_a_recipient_replaces_the_earlier_one_in_its_place() -> None:
    before = (
        RecipientResult(address="a@x.org", status=Status.DEFERRED, code=450),
        RecipientResult(address="b@x.org", status=Status.SENT, code=250),
    )
    decision = try_of(refused("a@x.org", UNKNOWN_USER), before=before)

    assert [(each.address, each.code) for each in decision.recipients] == [("a@x.org", 550), ("b@x.org", 250)]


def test_a_mail_refused_as_a_whole_for_good_is_an_error_for_every_recipient() -> None:
    reply = Reply(554, "spam", "5.7.1")
    decision = failed_try(MailFailed(str(reply), permanent=True, reply=reply), "a@x.org", "b@x.org")

    assert decision.mail.status is Status.ERROR
    assert statuses(decision) == {"a@x.org": "error", "b@x.org": "error"}
    assert decision.event.error == "554 5.7.1 spam"
    assert decision.event.possible_duplicate is None


def test_a_mail_refused_before_the_relay_was_asked_says_why() -> None:
    decision = failed_try(MailFailed("the mail has 9 bytes, the relay takes 8", permanent=True))

    assert decision.event.error == "the mail has 9 bytes, the relay takes 8"
    assert decision.recipients[0].code is None


def test_a_mail_refused_as_a_whole_for_now_is_put_off() -> None:
    decision = failed_try(MailFailed("451 later", permanent=False, reply=Reply(451, "later")))

    assert decision.mail.status is Status.DEFERRED
    assert decision.retry_after == MINUTE


def test_after_an_unknown_outcome_the_mail_is_tried_again_and_the_event_warns_of_a_duplicate() -> None:
    decision = failed_try(MailFailed("no answer after the mail's text", permanent=False, unknown_outcome=True))

    assert decision.mail.status is Status.DEFERRED
    assert decision.event.possible_duplicate is True
    assert decision.event.deferred_reason == "no answer after the mail's text"


def test_an_unknown_outcome_at_the_last_try_warns_as_well() -> None:
    mail = a_mail(attempts=9, first_attempt_at=NOON - HOUR)
    decision = failed_try(MailFailed("no answer", permanent=False, unknown_outcome=True), mail=mail)

    assert decision.mail.status is Status.ERROR
    assert decision.event.possible_duplicate is True


def test_a_mail_is_given_up_when_its_next_try_would_be_later_than_its_greatest_age() -> None:
    mail = a_mail(attempts=3, first_attempt_at=NOON - 45 * MINUTE - 1)
    decision = try_of(refused("a@x.org", GREYLISTED), mail=mail)

    assert decision.mail.status is Status.ERROR
    assert decision.retry_after is None
    assert decision.event.error == "451 4.7.1 given up after 1 h: greylisted"


def test_a_mail_whose_next_try_is_just_in_time_is_tried_again() -> None:
    mail = a_mail(attempts=3, first_attempt_at=NOON - 45 * MINUTE)

    assert try_of(refused("a@x.org", GREYLISTED), mail=mail).retry_after == 15 * MINUTE


def test_age_counts_from_the_first_try_and_not_from_the_submission() -> None:
    mail = a_mail(created_at=NOON - 30 * DAY, due_at=NOON - 30 * DAY)

    assert try_of(refused("a@x.org", GREYLISTED), mail=mail).mail.status is Status.DEFERRED


def test_giving_up_the_rest_leaves_a_mail_that_one_took_sent() -> None:
    mail = a_mail(attempts=3, first_attempt_at=NOON - HOUR)
    before = (RecipientResult(address="a@x.org", status=Status.SENT, code=250),)
    decision = try_of(refused("b@x.org", GREYLISTED), mail=mail, before=before)

    assert decision.mail.status is Status.SENT
    assert statuses(decision) == {"a@x.org": "sent", "b@x.org": "error"}
    assert "given up" in (decision.recipients[1].reply or "")


def test_each_try_has_an_event_id_of_its_own_and_the_same_try_always_the_same() -> None:
    first = try_of(refused("a@x.org", GREYLISTED))
    again = try_of(refused("a@x.org", GREYLISTED), now=NOON + SECOND)
    second = try_of(refused("a@x.org", GREYLISTED), mail=first.mail)
    sent = try_of(*taken(["a@x.org"], OK))

    assert first.event.event_id == again.event.event_id
    assert len({first.event.event_id, second.event.event_id, sent.event.event_id}) == 3


def test_a_long_reply_is_cut_in_the_event_and_shorter_still_in_the_mails_record() -> None:
    decision = try_of(refused("a@x.org", Reply(550, "x" * 5_000)))

    (result,) = decision.recipients
    assert len(result.reply or "") == 500
    assert len(decision.event.error or "") <= 500
    assert len(decision.mail.events[-1].detail or "") <= 120


def test_the_mails_record_keeps_its_latest_four_events() -> None:
    mail = a_mail()
    for _ in range(6):
        mail = try_of(refused("a@x.org", GREYLISTED), mail=mail).mail

    assert [event.type for event in mail.events] == ["deferred"] * 4


def test_an_error_found_before_the_relay_was_asked_costs_no_attempt() -> None:
    decision = without_try(a_mail(), "the account was deleted", ["a@x.org", "b@x.org"], (), NOON)

    assert decision.mail.status is Status.ERROR
    assert decision.mail.attempts == 0
    assert decision.event.error == "the account was deleted"
    assert statuses(decision) == {"a@x.org": "error", "b@x.org": "error"}


def test_an_error_found_before_a_further_try_forgets_nobody_who_took_the_mail_earlier() -> None:
    before = (
        RecipientResult(address="a@x.org", status=Status.SENT, code=250),
        RecipientResult(address="b@x.org", status=Status.DEFERRED, code=451),
    )
    everybody = ["a@x.org", "b@x.org"]
    decision = without_try(a_mail(attempts=1), "the account was deleted", everybody, before, NOON)

    assert decision.mail.status is Status.SENT
    assert statuses(decision) == {"a@x.org": "sent", "b@x.org": "error"}
    assert decision.recipients[1].reply == "the account was deleted"


def test_a_mail_without_content_ends_for_all_whom_earlier_tries_left_waiting() -> None:
    before = (RecipientResult(address="b@x.org", status=Status.DEFERRED, code=451),)
    decision = without_try(a_mail(attempts=1), "the content of the mail is no longer kept", (), before, NOON)

    assert decision.mail.status is Status.ERROR
    assert statuses(decision) == {"b@x.org": "error"}


@pytest.mark.parametrize(
    ("before", "pending"),
    [
        ([], ["a@x.org", "b@x.org", "c@x.org"]),
        ([("a@x.org", "sent")], ["b@x.org", "c@x.org"]),
        ([("b@x.org", "error")], ["a@x.org", "c@x.org"]),
        ([("c@x.org", "deferred")], ["a@x.org", "b@x.org", "c@x.org"]),
        ([("a@x.org", "sent"), ("b@x.org", "error"), ("c@x.org", "deferred")], ["c@x.org"]),
    ],
)
def test_only_recipients_that_no_earlier_try_decided_are_tried(
    before: list[tuple[str, str]], pending: list[str]
) -> None:
    results = [RecipientResult(address=address, status=status) for address, status in before]

    assert pending_recipients(["a@x.org", "b@x.org", "c@x.org"], results) == pending


def test_many_recipients_with_long_replies_fit_into_one_item() -> None:
    """500 recipients, each refused at length: the event and the results are items of their own, of at most 400 KB."""
    addresses = [f"{'l' * 50}{number}@{'d' * 60}.example.org" for number in range(500)]
    verdict = Verdict(Scope.RECIPIENT, permanent=True)
    decision = try_of(*(RecipientReply(each, Reply(550, "\N{SNOWMAN}" * 600, "5.1.1"), verdict) for each in addresses))

    assert len(decision.event.model_dump_json().encode()) < 350_000


@given(
    code=st.integers(200, 299),
    enhanced=st.sampled_from([None, "2.0.0", "2.6.0"]),
    text=st.text("abc 12.5:<>", max_size=90),
)
def test_the_state_of_a_mail_taken_at_its_first_try_tells_the_same_event(
    code: int, enhanced: str | None, text: str
) -> None:
    reply = Reply.of(code, f"{enhanced} {text}" if enhanced else text)
    decision = try_of(*taken(["a@x.org"], reply))

    assert tells_itself(decision)
    assert event_from_state(decision.mail, content_to("a@x.org")) == decision.event


@pytest.mark.parametrize("reply", [OK, UNKNOWN_USER, GREYLISTED], ids=str)
def test_a_mail_that_a_dead_worker_may_have_sent_warns_of_a_duplicate_whatever_becomes_of_it(reply: Reply) -> None:
    answers = taken(["a@x.org"], reply) if reply is OK else [refused("a@x.org", reply)]
    plain = try_of(*answers)
    decision = doubted(plain)

    assert decision.event == plain.event.model_copy(update={"possible_duplicate": True})
    assert decision.mail.events[-1] == plain.mail.events[-1].model_copy(update={"possible_duplicate": True})
    assert decision.mail.model_copy(update={"events": []}) == plain.mail.model_copy(update={"events": []})


def test_the_state_of_a_doubted_mail_tells_the_warning_too() -> None:
    decision = doubted(try_of(*taken(["a@x.org"], OK)))

    assert tells_itself(decision)
    assert event_from_state(decision.mail, content_to("a@x.org")) == decision.event


def test_of_a_long_reply_the_state_tells_the_beginning() -> None:
    decision = try_of(*taken(["a@x.org"], Reply(250, "queued " * 60)))
    event = event_from_state(decision.mail, content_to("a@x.org"))

    assert event is not None
    assert event.event_id == decision.event.event_id
    assert event.recipients is not None
    assert event.recipients[0].reply is not None
    assert event.recipients[0].reply.startswith("queued queued")


@pytest.mark.parametrize(
    ("decision", "content"),
    [
        (try_of(RecipientReply("a@x.org", GREYLISTED, classify(Stage.RCPT, GREYLISTED))), content_to("a@x.org")),
        (try_of(refused("a@x.org", UNKNOWN_USER)), content_to("a@x.org")),
        (try_of(*taken(["a@x.org", "b@x.org"], OK)), content_to("a@x.org", "b@x.org")),
        (try_of(*taken(["a@x.org"], OK), mail=a_mail().model_copy(update={"attempts": 1})), content_to("a@x.org")),
    ],
    ids=["put off", "refused", "two recipients", "second try"],
)
def test_the_state_of_any_other_mail_does_not_tell_its_event(decision: Decision, content: Content) -> None:
    assert not tells_itself(decision)
    assert event_from_state(decision.mail, content) is None


def test_a_state_whose_content_is_gone_tells_no_event() -> None:
    assert event_from_state(try_of(*taken(["a@x.org"], OK)).mail, None) is None
