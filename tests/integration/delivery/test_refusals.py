"""What becomes of mails that a real relay refuses, puts off, or answers to in ways of its own."""

from collections.abc import Iterator

import pytest

from localstack.inbox import (
    DEVELOPMENT_RULES,
    HANG_UP,
    Inbox,
    Occasion,
    Reply,
    Rule,
    Stage,
    answer,
    close_after,
)
from shared.clock import HOUR, MINUTE, SECOND
from shared.delivery import slice_run
from shared.lines.line import LineKind, account_line
from shared.messages.model import Mail
from tests.integration.delivery.raw_relay import RawRelay
from tests.integration.lane_driver import ACCOUNT, TENANT, WORKING_TIME, Driver, System

LINE = account_line(LineKind.MEDIUM, TENANT, ACCOUNT)


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with Inbox(rules=DEVELOPMENT_RULES) as running:
        yield running


@pytest.fixture(autouse=True)
def tenant(system: System, inbox: Inbox) -> None:
    system.add_tenant()
    system.add_account(inbox)


def subjects(inbox: Inbox) -> list[str | None]:
    return [mail.header("Subject") for mail in inbox.mailbox.mails.all()]


def kinds(system: System, mail_id: str) -> list[str]:
    """What was reported of a mail, in order."""
    told = {"sent": "sent_ts", "deferred": "deferred_ts", "error": "error_ts"}
    events = [event for event in system.events() if event.id == mail_id]
    return [kind for event in events for kind, field in told.items() if getattr(event, field) is not None]


def at_mail_of(sender: str, stage: Stage, reply: Reply) -> Rule:
    """Says `reply` to mails of that sender only."""

    def rule(occasion: Occasion) -> Reply | None:
        return reply if occasion.stage is stage and occasion.sender == sender else None

    return rule


def waits_untouched(mail: Mail) -> bool:
    """Whether it is as it was submitted: no attempt used."""
    return (mail.status.value, mail.attempts) == ("pending", 0)


class TestARecipientRefused:
    async def test_for_good_is_an_error_and_the_session_carries_the_next_mail(
        self, system: System, driver: Driver, inbox: Inbox
    ) -> None:
        system.submit({"id": "bad", "to": ["refused@example.net"]}, {"id": "good"})

        await driver.run()

        assert system.statuses() == {"bad": "error", "good": "sent"}
        (event,) = [event for event in system.events() if event.id == "bad"]
        assert event.error == "550 5.1.1 user unknown"
        assert event.recipients is not None
        assert (event.recipients[0].code, event.recipients[0].enhanced) == (550, "5.1.1")
        assert inbox.connections == 1

    async def test_for_now_is_tried_again_later_and_holds_up_nobody(
        self, system: System, driver: Driver, inbox: Inbox
    ) -> None:
        system.submit({"id": "grey", "to": ["greylisted@example.net"]}, {"id": "good"})

        await driver.run()
        assert system.statuses() == {"grey": "deferred", "good": "sent"}
        (later,) = system.slices_of(LINE)
        assert later.due_at == system.clock() + 45 * SECOND  # a minute, jittered to its middle
        assert system.mail("grey").slice_key == later.sort_key

        await driver.pass_time(2 * MINUTE)
        assert system.mail("grey").status.value == "sent"
        assert kinds(system, "grey") == ["deferred", "sent"]
        assert system.mail("grey").attempts == 2
        assert subjects(inbox) == ["good", "grey"]

    async def test_for_now_with_a_delay_is_not_tried_again_before_it_is_over(
        self, system: System, driver: Driver, inbox: Inbox
    ) -> None:
        """Ten minutes, where the first step of the schedule is one, and jitter takes off none of them."""
        inbox.script.add(answer(Stage.RCPT, Reply("451 4.7.1 Greylisted, try again in 600 seconds"), first=1))
        system.submit({"id": "m1"})

        await driver.run()
        (later,) = system.slices_of(LINE)
        assert later.due_at == system.clock() + 600 * SECOND

        await driver.pass_time(12 * MINUTE)
        assert (system.mail("m1").status.value, system.mail("m1").attempts) == ("sent", 2)

    async def test_for_now_again_and_again_is_given_up_at_its_greatest_age(
        self, system: System, driver: Driver, inbox: Inbox
    ) -> None:
        inbox.script.add(answer(Stage.RCPT, Reply("451 4.7.1 not yet")))
        system.change_instance(schedule_seconds=[600], max_age_seconds=3_600)
        system.submit({"id": "m1"})

        await driver.pass_time(2 * HOUR)

        assert system.mail("m1").status.value == "error"
        assert kinds(system, "m1")[-1] == "error"
        assert "given up after 1 h" in (system.events()[-1].error or "")
        assert system.slices_of(LINE) == []

    async def test_beside_others_who_take_the_mail_is_told_with_them(
        self, system: System, driver: Driver, inbox: Inbox
    ) -> None:
        system.submit({"id": "m1", "to": ["anna@example.net", "refused@example.net"], "cc": ["bob@example.net"]})

        await driver.run()

        assert system.mail("m1").status.value == "sent"
        assert inbox.mailbox.mails.all()[0].rcpt_tos == ("anna@example.net", "bob@example.net")
        results = {each.address: each.status for each in system.mails.recipients(system.mail("m1"))}
        assert results == {"anna@example.net": "sent", "bob@example.net": "sent", "refused@example.net": "error"}

    async def test_for_now_beside_others_gets_the_mail_later_and_the_others_do_not_get_it_twice(
        self, system: System, driver: Driver, inbox: Inbox
    ) -> None:
        system.submit({"id": "m1", "to": ["anna@example.net", "greylisted@example.net", "refused@example.net"]})

        await driver.run()
        assert system.mail("m1").status.value == "deferred"
        await driver.pass_time(2 * MINUTE)

        assert [mail.rcpt_tos for mail in inbox.mailbox.mails.all()] == [
            ("anna@example.net",),
            ("greylisted@example.net",),
        ]
        first, second = inbox.mailbox.mails.all()
        assert first.raw == second.raw
        assert system.mail("m1").status.value == "sent"
        assert kinds(system, "m1") == ["deferred", "sent"]
        results = {each.address: each.status for each in system.mails.recipients(system.mail("m1"))}
        assert results == {
            "anna@example.net": "sent",
            "greylisted@example.net": "sent",
            "refused@example.net": "error",
        }

    async def test_stays_told_as_sent_to_the_others_when_the_account_is_deleted_meanwhile(
        self, system: System, driver: Driver
    ) -> None:
        system.submit({"id": "m1", "to": ["anna@example.net", "greylisted@example.net"]})
        await driver.run()
        system.accounts.delete(TENANT, ACCOUNT)

        await driver.pass_time(2 * MINUTE)

        assert system.mail("m1").status.value == "sent"
        results = {each.address: each.status for each in system.mails.recipients(system.mail("m1"))}
        assert results == {"anna@example.net": "sent", "greylisted@example.net": "error"}


class TestAMailRefused:
    @pytest.mark.parametrize("stage", [Stage.MAIL, Stage.DATA, Stage.FINAL_DOT])
    async def test_for_good_is_an_error_and_the_next_goes_out_over_the_same_session(
        self, system: System, driver: Driver, inbox: Inbox, stage: Stage
    ) -> None:
        inbox.script.add(answer(stage, Reply("554 5.7.1 not from you"), first=1))
        system.submit({"id": "bad"}, {"id": "good"})

        await driver.run()

        assert system.statuses() == {"bad": "error", "good": "sent"}
        assert system.events()[0].error == "554 5.7.1 not from you"
        assert inbox.connections == 1

    @pytest.mark.parametrize("stage", [Stage.MAIL, Stage.DATA, Stage.FINAL_DOT])
    async def test_for_now_is_tried_again_later(
        self, system: System, driver: Driver, inbox: Inbox, stage: Stage
    ) -> None:
        inbox.script.add(answer(stage, Reply("451 4.7.1 not now"), first=1))
        system.submit({"id": "late"}, {"id": "good"})

        await driver.run()
        assert system.statuses() == {"late": "deferred", "good": "sent"}
        await driver.pass_time(2 * MINUTE)

        assert system.statuses() == {"late": "sent", "good": "sent"}
        assert system.mail("late").attempts == 2
        assert system.events()[0].possible_duplicate is None

    async def test_for_its_sender_at_rcpt_is_an_error_for_all_its_recipients(
        self, system: System, driver: Driver, inbox: Inbox
    ) -> None:
        refusal = Reply("553 5.7.1 <shop@example.org>: Sender address rejected: not owned by user main")
        inbox.script.add(answer(Stage.RCPT, refusal, recipient="bob@example.net"))
        system.submit({"id": "bad", "to": ["bob@example.net", "carla@example.net"]}, {"id": "good"})

        await driver.run()

        assert system.statuses() == {"bad": "error", "good": "sent"}
        results = system.mails.recipients(system.mail("bad"))
        assert {each.address: each.code for each in results} == {"bob@example.net": 553, "carla@example.net": 553}
        assert inbox.connections == 1

    async def test_keeps_what_was_said_of_recipients_before(self, system: System, driver: Driver, inbox: Inbox) -> None:
        inbox.script.add(answer(Stage.FINAL_DOT, Reply("554 5.6.0 malformed")))
        system.submit({"id": "m1", "to": ["anna@example.net", "refused@example.net"]})

        await driver.run()

        assert system.mail("m1").status.value == "error"
        results = {each.address: each.code for each in system.mails.recipients(system.mail("m1"))}
        assert results == {"anna@example.net": 554, "refused@example.net": 550}

    async def test_in_groups_with_the_same_delay_share_slices(
        self, system: System, driver: Driver, inbox: Inbox
    ) -> None:
        inbox.script.add(answer(Stage.FINAL_DOT, Reply("451 4.3.2 later"), first=20))
        system.submit(*({"id": f"m{number:02}"} for number in range(20)))

        await driver.run()
        assert set(system.statuses().values()) == {"deferred"}
        await driver.pass_time(3 * MINUTE)

        assert set(system.statuses().values()) == {"sent"}
        assert len(inbox.mailbox.mails.all()) == 20


class TestARelayThatCannotBeUsed:
    async def test_makes_the_line_wait_with_growing_pauses_and_the_order_is_kept(
        self, system: System, driver: Driver, inbox: Inbox
    ) -> None:
        names = [f"m{number:02}" for number in range(30)]
        inbox.go_down()
        system.submit(*({"id": name} for name in names))

        await driver.run()
        waits: list[int] = []
        while len(waits) < 4:
            waits.append(min(system.wake_ups.held.values()) - system.clock())
            await driver.pass_time(waits[-1])
        assert waits == [1_500, 3_000, 6_000, 12_000]
        assert all(waits_untouched(system.mail(name)) for name in names)
        assert len(system.slices_of(LINE)) == 1

        inbox.come_back()
        await driver.pass_time(MINUTE)
        assert subjects(inbox) == names
        assert {system.mail(name).attempts for name in names} == {1}
        assert system.head_of(LINE).waits == 0

    async def test_for_long_blocks_the_line_and_is_tried_every_quarter_of_an_hour(
        self, system: System, driver: Driver, inbox: Inbox
    ) -> None:
        inbox.go_down()
        system.submit({"id": "m1"})
        await driver.pass_time(HOUR)

        head = system.head_of(LINE)
        assert head.is_blocked(system.clock())
        assert (head.blocked_until or 0) - system.clock() <= 15 * MINUTE
        assert waits_untouched(system.mail("m1"))

        system.submit({"id": "m2"})
        await driver.run()
        assert system.head_of(LINE).waits == head.waits  # nobody tried before its time

        inbox.come_back()
        await driver.pass_time(17 * MINUTE)
        assert subjects(inbox) == ["m1", "m2"]

    async def test_never_makes_the_lane_immediate_wait_longer_than_a_minute(
        self, system: System, driver: Driver, inbox: Inbox
    ) -> None:
        inbox.go_down()
        system.submit({"id": "m1", "priority": "immediate"})
        await driver.pass_time(15 * MINUTE)
        inbox.come_back()

        await driver.pass_time(MINUTE)
        assert subjects(inbox) == ["m1"]

    async def test_holds_up_no_other_account(self, system: System, driver: Driver, inbox: Inbox) -> None:
        with Inbox() as dead:
            system.add_account(dead, "other")
        system.submit({"id": "m1", "account_id": "other"}, {"id": "m2"})

        await driver.run()

        assert system.statuses() == {"m1": "pending", "m2": "sent"}

    @pytest.mark.parametrize(
        "stage", [Stage.CONNECT, Stage.EHLO, Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.RSET, Stage.FINAL_DOT]
    )
    @pytest.mark.parametrize("reply", [HANG_UP, Reply("421 4.3.2 shutting down")], ids=["silently", "with 421"])
    async def test_loses_nothing_wherever_it_ends_the_session(
        self, system: System, driver: Driver, inbox: Inbox, stage: Stage, reply: Reply
    ) -> None:
        inbox.script.add(answer(stage, reply, first=1))
        system.submit({"id": "m1"}, {"id": "m2"})

        await driver.run()
        is_unknown = stage is Stage.FINAL_DOT and reply is HANG_UP
        assert system.mail("m1").status.value == "deferred" if is_unknown else system.mail("m1").attempts <= 1
        if not is_unknown and stage is not Stage.RSET:
            assert waits_untouched(system.mail("m1"))
            assert system.events() == []

        await driver.pass_time(2 * MINUTE)
        assert system.statuses() == {"m1": "sent", "m2": "sent"}
        assert subjects(inbox) == (["m2", "m1"] if is_unknown else ["m1", "m2"])
        assert next(event.possible_duplicate for event in system.events() if event.id == "m1") is (is_unknown or None)

    async def test_is_told_apart_from_a_lost_answer_to_the_whole_mail(
        self, system: System, driver: Driver, inbox: Inbox
    ) -> None:
        """The relay took it, but nobody heard: it comes twice, under one Message-ID, and the tenant was warned."""
        inbox.script.add(answer(Stage.FINAL_DOT, Reply(hang_up=True, keep=True), first=1))
        system.submit({"id": "m1"}, {"id": "m2"})

        await driver.pass_time(2 * MINUTE)

        assert subjects(inbox) == ["m1", "m2", "m1"]
        first, _, again = inbox.mailbox.mails.all()
        assert first.raw == again.raw
        assert kinds(system, "m1") == ["deferred", "sent"]
        assert system.events()[0].possible_duplicate is True

    @pytest.mark.parametrize("share", [1, 5])
    async def test_for_more_mails_over_one_connection_gets_a_new_one_at_once(
        self, system: System, driver: Driver, inbox: Inbox, share: int
    ) -> None:
        inbox.script.add(close_after(share))
        names = [f"m{number:02}" for number in range(12)]
        system.submit(*({"id": name} for name in names))

        await driver.run()

        assert subjects(inbox) == names
        assert {system.mail(name).attempts for name in names} == {1}
        assert inbox.connections == -(-12 // share)
        assert system.head_of(LINE).waits == 0

    async def test_with_421_to_a_fresh_session_makes_the_line_wait(
        self, system: System, driver: Driver, inbox: Inbox
    ) -> None:
        inbox.script.add(answer(Stage.MAIL, Reply("421 4.7.28 unusual rate")))
        system.submit({"id": "m1"})

        await driver.run()

        assert inbox.connections == 1
        assert waits_untouched(system.mail("m1"))
        assert system.head_of(LINE).waits == 1


class TestARelayThatBreaksOffAtOneMail:
    """Whatever it is about that mail: a filter that hangs up, a time-out, a server that crashes over it."""

    @pytest.mark.parametrize("stage", [Stage.MAIL, Stage.RCPT, Stage.DATA])
    @pytest.mark.parametrize("reply", [HANG_UP, Reply("421 4.7.0 go away")], ids=["silently", "with 421"])
    async def test_waits_five_times_and_then_puts_the_mail_off_and_sends_the_others(
        self, system: System, driver: Driver, inbox: Inbox, stage: Stage, reply: Reply
    ) -> None:
        inbox.script.add(at_mail_of("bad@example.org", stage, reply))
        system.submit({"id": "bad", "from": "bad@example.org"}, {"id": "good"}, {"id": "other"})

        await driver.run()
        for _ in range(3):
            await driver.pass_time(min(system.wake_ups.held.values()) - system.clock())
        assert waits_untouched(system.mail("bad"))
        assert system.statuses() == {"bad": "pending", "good": "pending", "other": "pending"}
        await driver.pass_time(30 * SECOND)

        assert system.statuses() == {"bad": "deferred", "good": "sent", "other": "sent"}
        assert system.mail("bad").attempts == 1
        assert subjects(inbox) == ["good", "other"]
        (event,) = [event for event in system.events() if event.id == "bad"]
        assert "broke off 5 times in a row at this mail" in (event.deferred_reason or "")
        assert event.possible_duplicate is None

    async def test_gives_the_mail_up_at_its_greatest_age(self, system: System, driver: Driver, inbox: Inbox) -> None:
        inbox.script.add(at_mail_of("bad@example.org", Stage.RCPT, HANG_UP))
        system.change_instance(schedule_seconds=[600], max_age_seconds=3_600)
        system.submit({"id": "bad", "from": "bad@example.org"})

        await driver.pass_time(2 * HOUR)

        assert system.mail("bad").status.value == "error"
        assert system.slices_of(LINE) == []

    async def test_counts_anew_when_the_mail_was_answered_in_between(
        self, system: System, driver: Driver, inbox: Inbox
    ) -> None:
        inbox.script.add(answer(Stage.RCPT, HANG_UP, first=4))
        inbox.script.add(answer(Stage.FINAL_DOT, Reply("451 4.3.2 later"), first=1))
        system.submit({"id": "m1"})

        await driver.run()
        await driver.pass_time(30 * SECOND)
        assert system.mail("m1").attempts == 1
        inbox.script.add(answer(Stage.RCPT, HANG_UP, first=4, after=5))
        await driver.pass_time(3 * MINUTE)

        assert system.statuses() == {"m1": "sent"}
        assert system.mail("m1").attempts == 2

    async def test_is_no_recovery_and_does_not_make_it_wait_less(
        self, system: System, driver: Driver, inbox: Inbox
    ) -> None:
        """All its mails are broken off: what is put off was not got through."""
        inbox.script.add(answer(Stage.RCPT, HANG_UP))
        system.submit(*({"id": f"m{number}"} for number in range(3)))

        await driver.pass_time(2 * MINUTE)

        assert system.head_of(LINE).waits >= 6
        assert sum(page.event.id is None for each in system.pages() for page in each.events) == 1  # waiting, once


GARBAGE = [b"garbage\r\n", b"\r\n", b"\xff\xfe\x00\r\n", b"2\r\n", b"999 what\r\n", b"250" + b"x" * 9_000 + b"\r\n"]


class TestARelayThatDoesNotSpeakSmtp:
    @pytest.mark.parametrize("octets", GARBAGE)
    @pytest.mark.parametrize("at", ["greeting", "EHLO", "MAIL", "RCPT", "DATA"])
    async def test_makes_the_line_wait(self, system: System, driver: Driver, at: str, octets: bytes) -> None:
        with RawRelay({at: octets}) as relay:
            system.add_account(relay)
            system.submit({"id": "m1"}, {"id": "m2"})
            await driver.run()
            assert relay.texts == []
            await driver.close()

        assert set(system.statuses().values()) <= {"pending", "deferred"}
        assert driver.crashes == []

    @pytest.mark.parametrize("octets", GARBAGE[:3])
    async def test_in_answer_to_the_mail_leaves_its_outcome_unknown(
        self, system: System, driver: Driver, octets: bytes
    ) -> None:
        with RawRelay({"dot": octets}) as relay:
            system.add_account(relay)
            system.submit({"id": "m1"})
            await driver.run()
            await driver.close()

        assert system.mail("m1").status.value == "deferred"
        assert system.events()[0].possible_duplicate is True

    async def test_but_another_charset_is_understood_as_far_as_it_can_be(self, system: System, driver: Driver) -> None:
        with RawRelay({"RCPT": "550 5.1.1 destinataire supprimé\r\n".encode("latin-1")}) as relay:
            system.add_account(relay)
            system.submit({"id": "m1"})
            await driver.run()
            await driver.close()

        assert system.mail("m1").status.value == "error"
        assert system.events()[0].error == "550 5.1.1 destinataire supprim\N{REPLACEMENT CHARACTER}"

    async def test_but_knows_no_extensions_gets_the_mail_all_the_same(self, system: System, driver: Driver) -> None:
        with RawRelay({"EHLO": b"250 raw.localhost\r\n"}) as relay:
            system.add_account(relay)
            system.submit({"id": "m1"})
            await driver.run()
            await driver.close()

            assert system.mail("m1").status.value == "sent"
            assert not any(b"SIZE=" in command for command in relay.commands)

    async def test_and_talks_between_the_commands_is_not_misunderstood(self, system: System, driver: Driver) -> None:
        with RawRelay({"dot": b"250 2.0.0 taken\r\n421 4.4.2 idle\r\n"}) as relay:
            system.add_account(relay)
            system.submit({"id": "m1"}, {"id": "m2"})
            await driver.pass_time(MINUTE)
            await driver.close()

            assert system.statuses() == {"m1": "sent", "m2": "sent"}
            assert len(relay.texts) == 2


class TestARelayThatHangsUp:
    """At the steps that need more than a script. What it heard before does not matter."""

    @pytest.mark.parametrize(
        ("at", "offers", "settings"),
        [
            ("STAR", b"STARTTLS", {"tls": "starttls"}),
            ("AUTH", b"AUTH PLAIN LOGIN", {"username": "shop", "password": "secret"}),
        ],
        ids=["STARTTLS", "AUTH"],
    )
    async def test_before_the_session_is_open_makes_the_line_wait(
        self, system: System, driver: Driver, at: str, offers: bytes, settings: dict[str, str]
    ) -> None:
        with RawRelay({"EHLO": b"250-raw.localhost\r\n250 " + offers + b"\r\n", at: None}) as relay:
            system.add_account(relay, **settings)
            system.submit({"id": "m1"})
            await driver.run()
            await driver.close()

            assert relay.texts == []
        assert waits_untouched(system.mail("m1"))
        assert system.head_of(LINE).waits == 1

    async def test_in_the_middle_of_the_handshake_makes_the_line_wait(self, system: System, driver: Driver) -> None:
        with RawRelay({"greeting": b"\x16\x03\x03\x00\x02"}) as relay:
            system.add_account(relay, tls="tls")
            system.submit({"id": "m1"})
            await driver.run()
            await driver.close()

        assert waits_untouched(system.mail("m1"))
        assert system.head_of(LINE).waits == 1

    async def test_at_quit_has_taken_the_mail(self, system: System, driver: Driver) -> None:
        with RawRelay({"QUIT": None}) as relay:
            system.add_account(relay, max_connections=4)  # so that the session ends with the visit
            system.submit({"id": "m1"})
            await driver.run()

            assert relay.commands[-1] == b"QUIT\r\n"
        assert system.statuses() == {"m1": "sent"}


class TestARelayThatIsSlow:
    async def test_octet_by_octet_is_left_as_well(
        self, system: System, driver: Driver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One that never ends its answer, but is never silent either."""
        monkeypatch.setattr(slice_run, "_CUT_OFF", WORKING_TIME - 500)
        with RawRelay(drips={"EHLO": b"250-and more\r\n"}) as relay:
            system.add_account(relay)
            system.submit({"id": "m1"})
            await driver.run()
            await driver.close()

            assert relay.texts == []
        assert waits_untouched(system.mail("m1"))
        assert system.head_of(LINE).waits == 1

    @pytest.mark.parametrize("stage", [Stage.CONNECT, Stage.EHLO, Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.FINAL_DOT])
    async def test_is_left_before_the_workers_deadline_and_nothing_is_lost(
        self, system: System, driver: Driver, inbox: Inbox, monkeypatch: pytest.MonkeyPatch, stage: Stage
    ) -> None:
        """After its deadline the claim is another worker's: nothing may be sent then, nor a session be opened."""
        monkeypatch.setattr(slice_run, "_CUT_OFF", WORKING_TIME - 300)
        usual = {Stage.CONNECT: "220 late", Stage.EHLO: "250 late", Stage.DATA: "354 late"}.get(stage, "250 late")
        inbox.script.add(answer(stage, Reply(usual, delay_seconds=1.5), first=1))
        system.submit({"id": "m1"})

        await driver.run()

        if stage is Stage.FINAL_DOT:
            assert system.mail("m1").status.value == "deferred"
            assert system.events()[0].possible_duplicate is True
        else:
            assert waits_untouched(system.mail("m1"))
            assert system.head_of(LINE).waits == 1
            assert inbox.mailbox.mails.all() == []


async def test_mails_left_when_time_is_up_are_handed_over_in_order(
    system: System, driver: Driver, inbox: Inbox
) -> None:
    """Each mail takes ten seconds of the worker's time: eight fit before its last start."""
    names = [f"m{number:02}" for number in range(20)]
    system.submit(*({"id": name} for name in names))
    inbox.script.add(lambda occasion: system.clock.advance(10 * SECOND) if occasion.stage is Stage.MAIL else None)

    await driver.run()

    assert subjects(inbox) == names
    assert len([line for line, _ in driver.worked if line == LINE]) == 3
