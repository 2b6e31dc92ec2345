"""A valid entry of a submission on its way to being a mail, and what it is answered."""

from dataclasses import dataclass

from shared.clock import Millis
from shared.lines.line import Line
from shared.messages.model import Mail, Status


@dataclass(frozen=True, slots=True)
class Candidate:
    """A valid entry on its way to being a mail. `index` is its place in the call, `content` what is stored of it."""

    index: int
    mail: Mail
    content: bytes


@dataclass(frozen=True, slots=True)
class Accepted:
    """`status` is that of the stored mail: a repeated submission finds it further on."""

    id: str
    pk: str
    status: Status

    @classmethod
    def of(cls, mail: Mail) -> "Accepted":
        return cls(mail.id, mail.public_key, mail.status)


@dataclass(frozen=True, slots=True)
class Rejected:
    """`index` is the entry's place in the call, `id` what the client named it."""

    index: int
    id: str | None
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class SliceGroup:
    """What may share a slice."""

    line: Line
    due_at: Millis
    batch_code: str | None

    @classmethod
    def of(cls, mail: Mail) -> "SliceGroup":
        return cls(mail.line, mail.due_at, mail.batch_code)
