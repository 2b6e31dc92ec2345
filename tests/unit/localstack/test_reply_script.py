"""How the inbox decides what to answer."""

from localstack.inbox import HANG_UP, Occasion, Reply, ReplyScript, Stage, answer, close_after

BUSY = Reply("451 4.3.2 busy")


def rcpt(recipient: str = "a@example.net", sender: str = "s@example.org") -> Occasion:
    return Occasion(Stage.RCPT, connection=1, sender=sender, recipient=recipient)


def test_without_a_rule_there_is_no_opinion() -> None:
    assert ReplyScript().decide(rcpt()) is None


def test_occasions_are_counted_for_each_stage_sender_and_recipient() -> None:
    script = ReplyScript([answer(Stage.RCPT, BUSY, first=1)])

    decisions = [
        script.decide(occasion) for occasion in (rcpt(), rcpt(), rcpt("b@example.net"), rcpt(sender="t@example.org"))
    ]

    assert decisions == [BUSY, None, BUSY, BUSY]


def test_a_rule_can_wait_for_its_turn_and_end_again() -> None:
    script = ReplyScript([answer(Stage.RCPT, BUSY, after=1, first=2)])

    assert [script.decide(rcpt()) for _ in range(4)] == [None, BUSY, BUSY, None]


def test_a_rule_can_be_about_one_recipient() -> None:
    script = ReplyScript([answer(Stage.RCPT, BUSY, recipient="b@example.net")])

    assert [script.decide(rcpt()), script.decide(rcpt("b@example.net"))] == [None, BUSY]


def test_a_rule_added_later_goes_first_and_all_can_be_forgotten() -> None:
    script = ReplyScript([answer(Stage.RCPT, BUSY)])
    script.add(answer(Stage.RCPT, HANG_UP))

    assert script.decide(rcpt()) is HANG_UP
    script.clear()
    assert script.decide(rcpt()) is None


def test_a_connection_is_closed_after_its_share() -> None:
    rule = close_after(2)

    closing = [rule(Occasion(Stage.MAIL, connection=1, accepted=accepted)) for accepted in (0, 1, 2)]

    assert [reply and reply.closes for reply in closing] == [None, None, True]


def test_a_421_hangs_up_and_a_2xx_lets_the_mail_go_on() -> None:
    assert Reply("421 4.3.2 closing").closes
    assert not BUSY.closes
    assert Reply("250 fine").positive
    assert not HANG_UP.positive
