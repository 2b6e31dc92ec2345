"""Names and keys of lines."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from shared.aws.dynamodb import ItemKey
from shared.clock import SECOND, Millis

HEAD_SORT_KEY = "HEAD"  # sorts after every piece of work, whose keys begin with digits
DUE_SHARDS = 16
MAX_GROUP_LENGTH = 128  # SQS: MessageGroupId
MAX_PARTS = 16  # of an account, in each lane


class LineKind(StrEnum):
    """The four lanes in their order of priority, then the lines that are not lanes, then the scheduler's chores."""

    IMMEDIATE = "immediate"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    REPORTS = "reports"
    MAILBOX = "mailbox"
    ACTIVATION = "activation"
    RESUMPTION = "resumption"
    DELETION = "deletion"
    REPLAY = "replay"


LANES = (LineKind.IMMEDIATE, LineKind.HIGH, LineKind.MEDIUM, LineKind.LOW)
WOKEN = (
    *LANES,
    LineKind.REPORTS,
    LineKind.MAILBOX,
)  # kinds with a queue and a worker of their own; the others are the scheduler's

# A writer announces its work on the head, then writes it. Until this long after the last announcement a worker that
# finds the line empty must not put the head to rest: the announced work may still be on its way. For lanes the writer
# is an API call (29 s); for reports a sender that announces anew every `ANNOUNCE_REPORTS_EVERY`.
_GRACE: dict[LineKind, Millis] = dict.fromkeys(LANES, 35 * SECOND) | {
    LineKind.REPORTS: 60 * SECOND,
    LineKind.MAILBOX: 35 * SECOND,
    LineKind.ACTIVATION: 35 * SECOND,
    LineKind.RESUMPTION: 150 * SECOND,  # a worker that saw the pause may block its line as late as its deadline
    LineKind.DELETION: 35 * SECOND,
    LineKind.REPLAY: 35 * SECOND,
}
ANNOUNCE_REPORTS_EVERY: Millis = 20 * SECOND


@dataclass(frozen=True, slots=True)
class Line:
    """`owner` is `tenant#account` for lanes, `tenant` for reports, replays and deletions, `tenant#batch` for
    activations, `tenant#mailbox` for mailboxes; no id holds `#`.

    The lanes of an account that is spread over several lines have `tenant#account#1` and so on beside the first.
    """

    kind: LineKind
    owner: str

    @property
    def partition(self) -> str:
        return f"LINE#{self.kind}#{self.owner}"

    @property
    def head_key(self) -> ItemKey:
        return ItemKey(self.partition, HEAD_SORT_KEY)

    def work_key(self, sort_key: str) -> ItemKey:
        return ItemKey(self.partition, sort_key)

    @property
    def message_group(self) -> str:
        if len(self.owner) <= MAX_GROUP_LENGTH:
            return self.owner
        return hashlib.sha256(self.owner.encode()).hexdigest()

    @property
    def due_shard(self) -> str:
        number = hashlib.sha256(self.partition.encode()).digest()[0] % DUE_SHARDS
        return due_shard(number)

    @property
    def grace(self) -> Millis:
        """How long after the last announcement work may still be written."""
        return _GRACE[self.kind]

    @property
    def tenant_id(self) -> str:
        return self.owner.partition("#")[0]

    @property
    def account_id(self) -> str:
        """Empty where the line is not an account's."""
        if self.kind is LineKind.MAILBOX:
            return ""
        return self.owner.partition("#")[2].partition("#")[0]

    @property
    def part(self) -> int:
        """Of a lane: which of the account's lines there it is, counted from 0."""
        _, _, *part = self.owner.split("#")
        return int(part[0]) if part else 0

    @property
    def mailbox_id(self) -> str:
        """Of a mailbox's line."""
        return self.owner.partition("#")[2]

    @property
    def batch_code(self) -> str:
        """Of an activation."""
        return self.owner.partition("#")[2]


def due_shard(number: int) -> str:
    """The partition of the due index that holds shard `number`."""
    return f"DUE#{number:02d}"


def account_line(lane: LineKind, tenant_id: str, account_id: str, part: int = 0) -> Line:
    """The line of one account in one lane; one of several, where it is spread."""
    owner = f"{tenant_id}#{account_id}"
    return Line(lane, f"{owner}#{part}" if part else owner)


def account_lines(tenant_id: str, account_id: str, parts: int = 1) -> list[Line]:
    """The lines of one account, in order of priority."""
    return [account_line(lane, tenant_id, account_id, part) for lane in LANES for part in range(parts)]


def part_of(mail_id: str, parallelism: int) -> int:
    """Which of so many lines the mail goes to. The same for each try and each submission under this id."""
    return int.from_bytes(hashlib.sha256(mail_id.encode()).digest()[:4]) % parallelism


def activation_line(tenant_id: str, batch_code: str) -> Line:
    """The chore of bringing a batch's suspended slices back into their lines."""
    return Line(LineKind.ACTIVATION, f"{tenant_id}#{batch_code}")


def resumption_line() -> Line:
    """The chore of opening the lines that waited while the instance was paused."""
    return Line(LineKind.RESUMPTION, "instance")


def deletion_line(tenant_id: str) -> Line:
    """The chore of purging a tenant."""
    return Line(LineKind.DELETION, tenant_id)


def replay_line(tenant_id: str) -> Line:
    """The chore of pushing a tenant's events again."""
    return Line(LineKind.REPLAY, tenant_id)


def reports_line(tenant_id: str) -> Line:
    """The line of a tenant's unreported events."""
    return Line(LineKind.REPORTS, tenant_id)


def mailbox_line(tenant_id: str, mailbox_id: str) -> Line:
    """The line of a mailbox: one worker at a time reads it."""
    return Line(LineKind.MAILBOX, f"{tenant_id}#{mailbox_id}")
