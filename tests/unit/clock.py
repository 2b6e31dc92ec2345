"""Time for tests: it passes only when told to."""

from typing import Final

from shared.clock import Millis

NOON: Final[Millis] = 1_767_268_800_000  # 2026-01-01T12:00:00Z


class SettableClock:
    """A clock that stands still until told otherwise."""

    def __init__(self, now: Millis) -> None:
        self.now = now

    def __call__(self) -> Millis:
        return self.now

    def advance(self, duration: Millis) -> None:
        self.now += duration
