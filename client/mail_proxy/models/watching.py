"""What an operator watches: status, dead letters, the audit log, health."""

from datetime import datetime
from typing import Literal

from pydantic import JsonValue

from mail_proxy.models.accounts import AccountHealth
from mail_proxy.models.base import Answer, LaneName, QueueName, Settings


class Health(Answer):
    """That the instance answers, and its version."""

    status: Literal["ok"] = "ok"
    version: str = "0.1.0"


class Waiting(Answer):
    """How much unsent mail waits and since when. `is_complete` is False when there is more than could be counted."""

    messages: int
    is_complete: bool
    oldest_due_at: datetime | None
    oldest_age_seconds: int | None


class CountsView(Answer):
    """What was sent, failed, was put off, and waited for a limit."""

    sent: int
    errors: int
    deferred: int
    rate_limited: int


class WakeUpsView(Answer):
    """What the queue of a lane holds."""

    queued: int
    in_flight: int
    dead: int


class LaneView(Answer):
    """What waits of one priority in one account, and what holds it up."""

    priority: LaneName
    waiting: Waiting
    blocked_until: datetime | None
    reason: str | None


class AccountStatusView(Answer):
    """How one account of a tenant fares."""

    account_id: str
    health: AccountHealth
    total: CountsView
    last_24_hours: CountsView
    lanes: tuple[LaneView, ...]


class SuspendedBatch(Answer):
    """A batch that is held back, and how much of it waits."""

    batch_code: str
    waiting: Waiting


class TenantStatusView(Answer):
    """How a tenant fares, with a page of its accounts."""

    tenant_id: str
    active: bool
    suspended: bool
    instance_paused: bool
    suspended_batches: tuple[SuspendedBatch, ...]
    accounts: tuple[AccountStatusView, ...]
    next_cursor: str | None


class LaneTotals(Answer):
    """What waits of one priority in the instance."""

    priority: LaneName
    waiting: Waiting
    lines: int
    blocked_lines: int
    wake_ups: WakeUpsView


class ReportsTotals(Answer):
    """The lines of reports."""

    lines: int
    blocked_lines: int
    wake_ups: WakeUpsView


class BlockedLineView(Answer):
    """A line that waits, until when and why."""

    kind: QueueName
    tenant_id: str
    account_id: str | None
    until: datetime
    reason: str | None


class AccountTotals(Answer):
    """How one account of the instance fares."""

    tenant_id: str
    account_id: str
    health: AccountHealth
    total: CountsView
    last_24_hours: CountsView


class InstanceStatusView(Answer):
    """How the instance fares, with a page of its accounts."""

    paused: bool
    is_complete: bool
    lanes: tuple[LaneTotals, ...]
    reports: ReportsTotals
    blocked: tuple[BlockedLineView, ...]
    accounts: tuple[AccountTotals, ...]
    next_cursor: str | None


class LineState(Answer):
    """What the line of a dead letter looks like now."""

    has_work: bool
    next_wake_up_at: datetime | None
    blocked_until: datetime | None
    blocked_reason: str | None
    health: AccountHealth | None
    message_ids: tuple[str, ...]
    last_tried_message_id: str | None


class DeadLetterView(Answer):
    """A wake-up that no worker came to an end with."""

    id: str
    queue: QueueName
    tenant_id: str | None
    account_id: str | None
    received: int
    queued_at: datetime
    reason: str
    line: LineState | None


class QueueTotals(Answer):
    """How many dead letters a queue holds."""

    queue: QueueName
    held: int
    in_flight: int


class DeadLetterList(Answer):
    """A page of dead letters, and how many each queue holds."""

    queues: tuple[QueueTotals, ...]
    dead_letters: tuple[DeadLetterView, ...]
    next_cursor: str | None


class RedriveCall(Settings):
    """How many letters to put back at most, and of which queue."""

    queue: QueueName | None = None
    limit: int = 100


class RedrivenLine(Answer):
    """A line that was opened and woken."""

    queue: QueueName
    tenant_id: str
    account_id: str | None


class RedriveAnswer(Answer):
    """What became of the letters, and what is left."""

    redriven: int
    lines: tuple[RedrivenLine, ...]
    without_line: int
    unreadable: int
    left: tuple[QueueTotals, ...]


class Actor(Answer):
    """Whose token a call came with, or `proxy` for what the proxy does by itself."""

    kind: Literal["admin", "tenant", "proxy"]
    tenant_id: str | None = None
    key_id: str | None = None
    component: str | None = None


class CommandView(Answer):
    """A record of the audit log: who did what to whom, and what came of it."""

    id: str
    at: datetime
    actor: Actor
    action: str
    tenant_id: str | None
    method: str | None
    route: str | None
    objects: dict[str, str]
    status: int | None
    code: str | None
    replayed: bool
    request_id: str | None
    body: JsonValue
    result: JsonValue


class CommandList(Answer):
    """A page of the audit log."""

    commands: tuple[CommandView, ...]
    next_cursor: str | None
