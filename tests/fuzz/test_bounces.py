"""Whatever arrives in a bounce mailbox is read without an error, and in a time that its sender cannot choose."""

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.bounces.consequences import consequences
from shared.bounces.model import MAX_FATES, MAX_REASON, Strength
from shared.bounces.reader import read
from tests.fuzz.mails import SEEDS, mutated, slow_mails
from tests.model.runs import bounded, is_long

_LONGEST_SECONDS = 2.0  # of CPU, for 25 MB


@bounded(runs=150)
@given(st.sampled_from(SEEDS), st.randoms(use_true_random=False))
def test_no_change_to_a_mail_makes_it_unreadable(seed: bytes, draw: random.Random) -> None:
    reading = read(mutated(seed, draw))

    assert len(reading.fates) <= MAX_FATES
    for fate in reading.fates:
        assert len(fate.reason) <= MAX_REASON
        fate.reason.encode()
        fate.address.encode()
    consequences(reading, [fate.address for fate in reading.fates], Strength.SEALED)


@bounded(runs=100)
@given(st.binary(max_size=2_000))
def test_no_octets_are_unreadable(octets: bytes) -> None:
    read(octets)


@pytest.mark.parametrize("name", [name for name, _ in slow_mails(60_000)])
def test_mails_made_to_be_slow_are_read(name: str) -> None:
    """In the long run at full size, and the CPU that they take is measured."""
    mail = dict(slow_mails(25_000_000 if is_long else 300_000))[name]

    began = time.process_time()
    read(mail)
    taken = time.process_time() - began

    if is_long:
        assert taken < _LONGEST_SECONDS
