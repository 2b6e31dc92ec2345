"""How status is shown: of a tenant and its accounts, of the instance with its lanes and queues."""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, Field

from functions.api.routes.accounts import AccountHealth
from functions.api.schema import NextCursor, PriorityName, Timestamp
from shared.accounts.counters import Counts
from shared.clock import SECOND, Millis, iso8601
from shared.messages.depths import Depth
from shared.messages.slices import suspended_partition
from shared.status.accounts import AccountFigures, AccountName, AccountStatus, LaneStatus
from shared.status.instance import BlockedLine, KindStatus
from shared.tenants.model import Tenant


class Waiting(BaseModel):
    """Unsent messages, scheduled ones and those put off included."""

    messages: int = Field(examples=[4_800])
    is_complete: bool = Field(description="False when there are more than are counted in one call: at least so many.")
    oldest_due_at: Timestamp | None = Field(description="When the first of them was, or is, to be sent.")
    oldest_age_seconds: int | None = Field(description="How long ago that was; null if it is still to come.")

    @classmethod
    def of(cls, depth: Depth, now: Millis) -> "Waiting":
        """As shown."""
        due_at = depth.oldest_due_at
        return cls(
            messages=depth.mails,
            is_complete=depth.complete,
            oldest_due_at=_shown(due_at),
            oldest_age_seconds=(now - due_at) // SECOND if due_at is not None and due_at <= now else None,
        )


class CountsView(BaseModel):
    """`sent` and `errors` are messages, `deferred` tries that put one off, `rate_limited` the times that a sending
    limit held messages back or refused one."""

    sent: int = Field(examples=[1_728])
    errors: int = Field(examples=[3])
    deferred: int = Field(examples=[12])
    rate_limited: int = Field(examples=[0])

    @classmethod
    def of(cls, counts: Counts) -> "CountsView":
        """As shown."""
        return cls(sent=counts.sent, errors=counts.errors, deferred=counts.deferred, rate_limited=counts.rate_limited)


class LaneView(BaseModel):
    """One account's mail of one priority."""

    priority: PriorityName
    waiting: Waiting
    blocked_until: Timestamp | None = Field(description="When it is tried again; null if nothing holds it up.")
    reason: str | None = Field(description="What holds it up.", examples=["relay at connect: ConnectionRefusedError"])

    @classmethod
    def of(cls, lane: LaneStatus, now: Millis) -> "LaneView":
        """As shown."""
        return cls(
            priority=lane.lane.value,  # type: ignore[arg-type]  # of a lane
            waiting=Waiting.of(lane.depth, now),
            blocked_until=_shown(lane.waits_until),
            reason=lane.reason,
        )


class AccountStatusView(BaseModel):
    """One account: counts since it was made and of the last 24 hours, and its lanes in order of priority."""

    account_id: str = Field(examples=["main"])
    health: AccountHealth
    total: CountsView
    last_24_hours: CountsView
    lanes: list[LaneView]

    @classmethod
    def of(cls, status: AccountStatus, now: Millis) -> "AccountStatusView":
        """As shown."""
        figures = status.figures
        return cls(
            account_id=status.account_id,
            health=AccountHealth.of(figures.fault),
            total=CountsView.of(figures.total),
            last_24_hours=CountsView.of(figures.last_day),
            lanes=[LaneView.of(lane, now) for lane in status.lanes],
        )


class SuspendedBatch(BaseModel):
    """A batch that is held back; what of it still lies in the accounts' lanes is counted there."""

    batch_code: str = Field(examples=["news-2026-02"])
    waiting: Waiting


class TenantStatusView(BaseModel):
    """A tenant: what stops its mail as a whole, and one page of its accounts."""

    tenant_id: str = Field(examples=["acme"])
    active: bool
    suspended: bool
    instance_paused: bool
    suspended_batches: list[SuspendedBatch]
    accounts: list[AccountStatusView]
    next_cursor: NextCursor

    @classmethod
    def of(
        cls,
        tenant: Tenant,
        statuses: list[AccountStatus],
        aside: Mapping[str, Depth],
        *,
        paused: bool,
        next_cursor: str | None,
        now: Millis,
    ) -> "TenantStatusView":
        """As shown; `aside` tells of suspended batches by their partition."""
        batches = [
            SuspendedBatch(batch_code=each, waiting=Waiting.of(aside[suspended_partition(tenant.id, each)], now))
            for each in tenant.suspended_batches
        ]
        return cls(
            tenant_id=tenant.id,
            active=tenant.active,
            suspended=tenant.suspended,
            instance_paused=paused,
            suspended_batches=batches,
            accounts=[AccountStatusView.of(each, now) for each in statuses],
            next_cursor=next_cursor,
        )


class WakeUpsView(BaseModel):
    """A queue's wake-ups, about one for each line that is to be worked; by SQS's estimate."""

    queued: int = Field(examples=[2])
    in_flight: int = Field(description="In a worker's hands.", examples=[1])
    dead: int = Field(description="Given up by SQS: `GET /v1/dead-letters` tells more.", examples=[0])

    @classmethod
    def of(cls, status: KindStatus) -> "WakeUpsView":
        """As shown."""
        queue = status.wake_ups
        return cls(queued=queue.waiting, in_flight=queue.in_flight, dead=status.dead_letters)


class LaneTotals(BaseModel):
    """One priority, over all accounts."""

    priority: PriorityName
    waiting: Waiting
    lines: int = Field(description="Of accounts that have mail here.", examples=[7])
    blocked_lines: int = Field(examples=[1])
    wake_ups: WakeUpsView

    @classmethod
    def of(cls, status: KindStatus, now: Millis) -> "LaneTotals":
        """As shown."""
        return cls(
            priority=status.kind.value,  # type: ignore[arg-type]  # of a lane
            waiting=Waiting.of(status.depth, now),
            lines=status.lines,
            blocked_lines=status.blocked_lines,
            wake_ups=WakeUpsView.of(status),
        )


class ReportsTotals(BaseModel):
    """The reports of all tenants."""

    lines: int = Field(description="Of tenants that have an endpoint.", examples=[4])
    blocked_lines: int = Field(description="Of those whose endpoint does not acknowledge.", examples=[0])
    wake_ups: WakeUpsView

    @classmethod
    def of(cls, status: KindStatus) -> "ReportsTotals":
        """As shown."""
        return cls(lines=status.lines, blocked_lines=status.blocked_lines, wake_ups=WakeUpsView.of(status))


class BlockedLineView(BaseModel):
    """Mail, reports, or a mailbox, that nobody works before a time."""

    kind: Literal["immediate", "high", "medium", "low", "reports", "mailbox"]
    tenant_id: str = Field(examples=["acme"])
    account_id: str | None = Field(description="Null for reports and mailboxes.", examples=["main"])
    until: Timestamp
    reason: str | None = Field(examples=["relay at connect: ConnectionRefusedError"])

    @classmethod
    def of(cls, blocked: BlockedLine) -> "BlockedLineView":
        """As shown."""
        line = blocked.line
        return cls(
            kind=line.kind.value,  # type: ignore[arg-type]  # of a kind with a queue
            tenant_id=line.tenant_id,
            account_id=line.account_id or None,
            until=iso8601(blocked.until),
            reason=blocked.reason,
        )


class AccountTotals(BaseModel):
    """One account of the instance."""

    tenant_id: str = Field(examples=["acme"])
    account_id: str = Field(examples=["main"])
    health: AccountHealth
    total: CountsView
    last_24_hours: CountsView

    @classmethod
    def of(cls, name: AccountName, figures: AccountFigures) -> "AccountTotals":
        """As shown."""
        tenant_id, account_id = name
        return cls(
            tenant_id=tenant_id,
            account_id=account_id,
            health=AccountHealth.of(figures.fault),
            total=CountsView.of(figures.total),
            last_24_hours=CountsView.of(figures.last_day),
        )


class InstanceStatusView(BaseModel):
    """The instance: its lanes in order of priority, its reports, what is blocked, and one page of all accounts."""

    paused: bool
    is_complete: bool = Field(description="False when so many lines have work that not all were looked at.")
    lanes: list[LaneTotals]
    reports: ReportsTotals
    blocked: list[BlockedLineView] = Field(description="At most 100, the first to be tried again first.")
    accounts: list[AccountTotals]
    next_cursor: NextCursor


def _shown(instant: Millis | None) -> str | None:
    return iso8601(instant) if instant is not None else None
