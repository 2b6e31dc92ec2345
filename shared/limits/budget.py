"""What a sender may still send while it works a line: permits taken ahead, reported and renewed in one write each."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.aws.dynamodb import ItemKey
from shared.clock import SECOND, Clock, Millis
from shared.limits.model import CountBy, LimitBehavior, SendingLimits
from shared.limits.state import LimitState, LimitTable
from shared.limits.windows import (
    Granted,
    NotBefore,
    Window,
    compacted,
    reserve,
    share_of,
    with_grant,
    with_report,
)
from shared.messages.model import Priority

PERMIT: Millis = 5 * SECOND
_PERMIT_A_SECOND: Millis = 2 * SECOND  # where a second is limited: a longer permit would keep it closed for longer
_MARGIN: Millis = SECOND // 2  # a permit this near its end is not used: MAIL FROM takes a moment to get there


@dataclass(frozen=True, slots=True)
class Needs:
    """What the next mail counts, and what is waiting behind it, itself included."""

    recipients: int
    mails_ahead: int = 1
    recipients_ahead: int = 1

    def units(self, count: CountBy) -> tuple[int, int]:
        """Of the next mail, and of all that wait."""
        if count is CountBy.MESSAGES:
            return 1, max(1, self.mails_ahead)
        return self.recipients, max(self.recipients, self.recipients_ahead)


@dataclass(frozen=True, slots=True)
class BudgetSpent:
    """The mail must wait, or be refused where `behavior` says so."""

    until: Millis
    behavior: LimitBehavior
    reason: str


@dataclass(frozen=True, slots=True)
class NeverFits:
    """The mail counts more than a window will ever allow it."""

    reason: str


class LimitScope:
    """The limits of one account, or of one tenant over all its accounts, for one worker."""

    def __init__(
        self,
        table: LimitTable,
        key: ItemKey,
        limits: SendingLimits,
        *,
        priority: Priority,
        shares: Sequence[int],
        clock: Clock,
    ) -> None:
        self._table = table
        self._key = key
        self._limits = limits
        self._windows = limits.windows
        self._lifetime = min(PERMIT, _PERMIT_A_SECOND) if limits.per_second else PERMIT
        self._priority = priority
        self._shares = shares
        self._clock = clock
        self._permit: Granted | None = None
        self._used = 0
        self._last_at: Millis = 0

    def covers(self, needs: Needs) -> bool:
        """Whether the permit in hand is enough; then nothing needs to be written."""
        least, _ = self._units(needs)
        permit = self._permit
        if permit is None:
            return False
        return self._clock() < permit.expires_at - _MARGIN and self._used + least <= permit.count

    def renew(self, needs: Needs) -> BudgetSpent | NeverFits | None:
        """Reports the permit in hand and takes another. Raises StorageUnavailable."""
        least, most = self._units(needs)
        for window in self._windows:
            cap = share_of(window, self._priority, self._shares)
            if least > cap:
                return NeverFits(f"counts {least} {self._limits.count}, the limit allows {cap} {_interval(window)}")
        now = self._clock()
        answer = self._table.change(self._key, lambda state: self._renewed(state, least, most, now), now)
        if isinstance(answer, NotBefore):
            self._permit = None
            reason = f"limit of {answer.window.limit} {self._limits.count} {_interval(answer.window)} is used up"
            return BudgetSpent(answer.at, self._limits.behavior, reason)
        self._permit, self._used, self._last_at = answer, 0, 0
        return None

    def use(self, needs: Needs) -> None:
        """Counts the next mail; `covers` must have said yes."""
        least, _ = self._units(needs)
        self._used += least
        self._last_at = self._clock()

    def give_back(self) -> None:
        """Reports the permit in hand, so that what is left of it is free at once."""
        if self._permit is None:
            return
        now = self._clock()
        self._table.change(self._key, lambda state: (self._reported(state, now), None), now)
        self._permit = None

    def _units(self, needs: Needs) -> tuple[int, int]:
        return needs.units(self._limits.count)

    def _reported(self, state: LimitState, now: Millis) -> LimitState:
        usages = list(state.usages)
        if self._permit is not None:
            usages = with_report(usages, self._permit.permit, used=self._used, last_at=self._last_at)
        return replace(state, usages=tuple(compacted(usages, self._windows, now)))

    def _renewed(self, state: LimitState, least: int, most: int, now: Millis) -> tuple[LimitState, Granted | NotBefore]:
        reported = self._reported(state, now)
        answer = reserve(
            reported.usages,
            self._windows,
            permit=uuid.uuid4().hex[:12],
            priority=self._priority,
            least=least,
            most=most,
            lifetime=self._lifetime,
            now=now,
            shares=self._shares,
        )
        if isinstance(answer, NotBefore):
            return reported, answer
        return replace(reported, usages=tuple(with_grant(reported.usages, answer, self._priority))), answer


class Budget:
    """All scopes that a line's mails count in: none, the account's, the tenant's, or both."""

    def __init__(self, scopes: Sequence[LimitScope]) -> None:
        self._scopes = scopes

    @property
    def is_limited(self) -> bool:
        """Whether anything needs to be counted at all."""
        return bool(self._scopes)

    def covers(self, needs: Needs) -> bool:
        """Whether the next mail may be sent with what is in hand."""
        return all(scope.covers(needs) for scope in self._scopes)

    def renew(self, needs: Needs) -> BudgetSpent | NeverFits | None:
        """Takes what is missing. What one scope granted stays in hand when another refuses."""
        for scope in self._scopes:
            if not scope.covers(needs):
                refused = scope.renew(needs)
                if refused is not None:
                    return refused
        return None

    def use(self, needs: Needs) -> None:
        """Counts the next mail in every scope, just before its MAIL FROM."""
        for scope in self._scopes:
            scope.use(needs)

    def give_back(self) -> None:
        """At the end of the work, and before a wait."""
        for scope in self._scopes:
            scope.give_back()


def _interval(window: Window) -> str:
    names = {1: "a second", 60: "a minute", 3_600: "an hour", 86_400: "a day"}
    return names.get(window.length // SECOND, f"in {window.length // SECOND} s")
