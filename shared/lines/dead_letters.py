"""Wake-ups that SQS gave up on, after a thousand receives: what they were for, and new ones in their place.

A wake-up is a hint, and its line's head wakes the line without it. So nothing is lost with a dead letter; it tells that
workers were started for a line a thousand times and none came to an end with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.aws.polled_queue import PolledQueue, QueueDepth, ReceivedMessage
from shared.aws.sqs import MAX_BATCH
from shared.clock import SECOND, Clock, Millis
from shared.errors import InvalidInput
from shared.lines.line import WOKEN, Line, LineKind
from shared.lines.lines import Lines
from shared.lines.wakeups import decode

_WITHIN: Millis = 15 * SECOND
# Longer than a call may last: what a call that died had in its hands is seen again then.
_HIDDEN_SECONDS = 60


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """`line` is None for a message that is no wake-up; `receives` counts looks at it here as well."""

    queue: LineKind
    id: str
    line: Line | None
    receives: int
    queued_at: Millis


@dataclass(slots=True)
class Redriven:
    """The lines that were opened, those that are no more, and how many messages are no wake-ups, which stay."""

    lines: list[Line] = field(default_factory=list)
    gone: list[Line] = field(default_factory=list)
    unreadable: int = 0
    messages: int = 0


class DeadLetters:
    """Raises StorageUnavailable from every method when SQS or DynamoDB cannot be reached."""

    def __init__(self, queues: Mapping[LineKind, PolledQueue], lines: Lines, clock: Clock) -> None:
        self._queues = queues
        self._lines = lines
        self._clock = clock

    @property
    def kinds(self) -> tuple[LineKind, ...]:
        """Of line that this deployment has a queue of dead letters for, in order of precedence."""
        return tuple(kind for kind in WOKEN if kind in self._queues)

    def depths(self) -> dict[LineKind, QueueDepth]:
        """By the kind of line that the wake-ups were for."""
        return {kind: queue.depth() for kind, queue in self._queues.items()}

    def peek(self, kind: LineKind, *, limit: int) -> list[DeadLetter]:
        """At most `limit` of one queue, of each line at most ten. They are hidden from others meanwhile."""
        queue, seen = self._queues[kind], list[ReceivedMessage]()
        deadline = self._clock() + _WITHIN
        if not queue.depth().waiting:
            return []
        try:
            while len(seen) < limit and self._clock() < deadline:
                received = queue.receive(limit=min(MAX_BATCH, limit - len(seen)), hidden_seconds=_HIDDEN_SECONDS)
                if not received:
                    break
                seen += received
        finally:
            queue.show(seen)
        return [DeadLetter(kind, each.id, _line(each, kind), each.receives, each.sent_at) for each in seen]

    def redrive(self, kinds: Sequence[LineKind], *, limit: int) -> Redriven:
        """Opens and wakes the lines of at most `limit` dead letters, then deletes these. One that is not deleted, by a
        crash in between, is redriven once more, which wakes its line once more."""
        done = Redriven()
        deadline = self._clock() + _WITHIN
        for kind in kinds:
            self._redrive(kind, limit, done, deadline)
        return done

    def _redrive(self, kind: LineKind, limit: int, done: Redriven, deadline: Millis) -> None:
        queue, unreadable = self._queues[kind], list[ReceivedMessage]()
        if not queue.depth().waiting:
            return
        try:
            while done.messages < limit and self._clock() < deadline:
                received = queue.receive(limit=min(MAX_BATCH, limit - done.messages), hidden_seconds=_HIDDEN_SECONDS)
                if not received:
                    break
                found = {each: line for each in received if (line := _line(each, kind)) is not None}
                lines = list(dict.fromkeys(found.values()))
                opened = self._lines.unblock(lines)
                queue.delete(list(found))
                unreadable += [each for each in received if each not in found]
                done.messages += len(found)
                done.lines += opened
                done.gone += [line for line in lines if line not in opened]
        finally:
            done.unreadable += len(unreadable)
            queue.show(unreadable)


def _line(message: ReceivedMessage, kind: LineKind) -> Line | None:
    try:
        line = decode(message.body)
    except InvalidInput:
        return None
    return line if line.kind is kind else None
