"""What follows from a report, beyond what the corpus shows."""

import pytest

from shared.bounces.consequences import BounceType, Happened, bounce_type, consequences
from shared.bounces.model import Action, Fate, Kind, Reading, Strength
from shared.suppression.model import SUPPRESSING_CODES

ANNA = "Anna@mail.example"


def failed(address: str = ANNA, **fields: object) -> Fate:
    return Fate(Action.FAILED, address, **fields)  # type: ignore[arg-type]


def delivery(*fates: Fate) -> Reading:
    return Reading(Kind.DELIVERY, fates)


@pytest.mark.parametrize("status", sorted(SUPPRESSING_CODES))
def test_an_address_that_does_not_exist_is_suppressed(status: str) -> None:
    (found,) = consequences(delivery(failed(status=status)), [ANNA], Strength.RETURNED)

    assert found.suppress


@pytest.mark.parametrize("status", sorted(SUPPRESSING_CODES))
def test_nobody_is_suppressed_where_only_a_reply_header_names_the_mail(status: str) -> None:
    (found,) = consequences(delivery(failed(status=status)), [ANNA], Strength.MENTIONED)

    assert not found.suppress


def test_nobody_is_suppressed_for_a_complaint_where_only_a_reply_header_names_the_mail() -> None:
    reading = Reading(Kind.COMPLAINT, (Fate(Action.COMPLAINED, ANNA),))

    assert [each.suppress for each in consequences(reading, [ANNA], Strength.MENTIONED)] == [False]
    assert [each.suppress for each in consequences(reading, [ANNA], Strength.SEALED)] == [True]


@pytest.mark.parametrize("status", ["5.7.1", "5.2.2", "5.0.0", "5.4.4", "5.1.8", "4.1.1", None])
def test_other_codes_say_nothing_about_the_address(status: str | None) -> None:
    (found,) = consequences(delivery(failed(status=status)), [ANNA], Strength.SEALED)

    assert not found.suppress


def test_recipients_are_compared_without_case_and_shown_as_the_mail_has_them() -> None:
    (found,) = consequences(delivery(failed("anna@MAIL.example", status="5.1.1")), [ANNA], Strength.SEALED)

    assert (found.recipient, found.suppress) == (ANNA, True)


def test_of_several_fates_of_one_recipient_the_gravest_counts() -> None:
    soft, hard = failed(status="4.4.1"), failed(status="5.1.1")
    delayed = Fate(Action.DELAYED, ANNA)

    for order in ([soft, hard, delayed], [delayed, soft, hard], [hard, delayed, soft]):
        (found,) = consequences(delivery(*order), [ANNA], Strength.SEALED)
        assert (found.happened, found.bounce_type) == (Happened.BOUNCED, BounceType.HARD)


@pytest.mark.parametrize("kind", [Kind.AUTO_REPLY, Kind.DISPOSITION, Kind.OTHER])
def test_nothing_follows_from_what_is_no_report(kind: Kind) -> None:
    assert consequences(Reading(kind, (failed(status="5.1.1"),)), [ANNA], Strength.SEALED) == ()


@pytest.mark.parametrize(
    ("fate", "expected"),
    [
        (failed(status="5.1.1"), BounceType.HARD),
        (failed(status="4.4.7"), BounceType.SOFT),
        (failed(status="5.2.2"), BounceType.SOFT),
        (failed(status="5.0.0", said="5.2.2"), BounceType.SOFT),
        (failed(status="5.0.0", said="5.1.1"), BounceType.HARD),
        (failed(status="5.1.1", said="5.2.2"), BounceType.SOFT),
        (failed(code=450), BounceType.SOFT),
        (failed(code=550), BounceType.HARD),
        (failed(status="4.0.0", code=550), BounceType.SOFT),
        (failed(), BounceType.HARD),
    ],
)
def test_the_class_of_the_code_makes_a_bounce_hard_or_soft(fate: Fate, expected: BounceType) -> None:
    assert bounce_type(fate) is expected
