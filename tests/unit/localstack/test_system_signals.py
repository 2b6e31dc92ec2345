"""A signal ends a program of the local system in order."""

import os
import signal

import pytest

from localstack.system import Stopped, ended_by_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_unwinds_the_blocks_and_further_ones_do_not_disturb_that(number: signal.Signals) -> None:
    cleaned_up = []

    def work_until_stopped() -> None:
        with ended_by_signals():
            try:
                os.kill(os.getpid(), number)
            finally:
                os.kill(os.getpid(), number)
                cleaned_up.append(True)

    with pytest.raises(Stopped) as stopped:
        work_until_stopped()

    assert cleaned_up
    assert stopped.value.exit_status == 128 + number


def test_afterwards_signals_do_what_they_did_before() -> None:
    before = signal.getsignal(signal.SIGTERM)

    with ended_by_signals():
        pass

    assert signal.getsignal(signal.SIGTERM) is before
