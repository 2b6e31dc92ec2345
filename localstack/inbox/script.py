"""Decides what the inbox answers in place of the usual, reply by reply.

A script is a list of rules. Each rule looks at an occasion (the stage of the SMTP dialogue, the addresses,
how often this was seen) and returns a reply, or `None` to leave the decision to the next rule. When no rule
answers, the mail goes on.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum


class Stage(StrEnum):
    """A point of the SMTP dialogue at which the inbox can be told what to answer."""

    CONNECT = "connect"
    EHLO = "ehlo"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    """The answer to the command `DATA`."""
    FINAL_DOT = "final_dot"
    """The answer to the whole message: after it the relay, not the client, answers for the mail."""
    RSET = "rset"


@dataclass(frozen=True, slots=True)
class Occasion:
    """What is known when a reply is due."""

    stage: Stage
    connection: int
    """Number of the connection, counted from 1 over the inbox's life."""
    sender: str = ""
    """Envelope sender, once `MAIL` has named it."""
    recipient: str = ""
    """The address in question at `RCPT`, else empty."""
    recipients: tuple[str, ...] = ()
    """Recipients accepted so far in this transaction."""
    content: bytes = b""
    """The message as received, at `FINAL_DOT` only."""
    accepted: int = 0
    """Messages accepted earlier on this connection."""
    seen: int = 0
    """How often this stage with this sender and this recipient came before; 0 the first time."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer in place of the usual one.

    `text` is the reply without its final line end, such as `451 4.7.1 try again`; empty means that nothing
    is said, which makes sense only together with `hang_up`. A 421 always hangs up (RFC 5321 §3.8). `keep`
    stores the message at `FINAL_DOT` although the client isn't told so: a lost reply's unknown outcome.
    """

    text: str = ""
    hang_up: bool = False
    delay_seconds: float = 0.0
    keep: bool = False

    @property
    def positive(self) -> bool:
        """Whether the client is told that it may go on."""
        return self.text[:1] == "2"

    @property
    def closes(self) -> bool:
        """Whether the connection ends with this reply."""
        return self.hang_up or self.text.startswith("421")


HANG_UP = Reply(hang_up=True)
"""Close the connection without a word."""

type Rule = Callable[[Occasion], Reply | None]


class ReplyScript:
    """The rules of one inbox, asked in order. Rules may be added and removed while the inbox runs."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._rules = list(rules)
        self._seen: Counter[tuple[Stage, str, str]] = Counter()

    def add(self, rule: Rule) -> None:
        """Put a rule in front of the others."""
        self._rules.insert(0, rule)

    def clear(self) -> None:
        """Forget all rules: from here on everything is accepted."""
        self._rules.clear()

    def decide(self, occasion: Occasion) -> Reply | None:
        """Return the first rule's reply; `None` when no rule has an opinion.

        The script itself counts how often an occasion came: what `occasion.seen` held is replaced.
        """
        key = (occasion.stage, occasion.sender, occasion.recipient)
        occasion = replace(occasion, seen=self._seen[key])
        self._seen[key] += 1
        for rule in tuple(self._rules):
            reply = rule(occasion)
            if reply is not None:
                return reply
        return None


def answer(
    stage: Stage, reply: Reply, *, recipient: str | None = None, first: int | None = None, after: int = 0
) -> Rule:
    """Give `reply` at `stage`.

    With `recipient` only for that address, with `first` only the first so many times, with `after` not before
    the occasion was seen so many times.
    """

    def rule(occasion: Occasion) -> Reply | None:
        if occasion.stage is not stage or (recipient is not None and occasion.recipient != recipient):
            return None
        if occasion.seen < after or (first is not None and occasion.seen >= after + first):
            return None
        return reply

    return rule


def close_after(messages: int) -> Rule:
    """Answer 421 to `MAIL` once a connection has carried so many messages, as many relays do."""

    def rule(occasion: Occasion) -> Reply | None:
        if occasion.stage is Stage.MAIL and occasion.accepted >= messages:
            return Reply("421 4.7.0 too many messages on this connection")
        return None

    return rule


def refuse_unknown_user(occasion: Occasion) -> Reply | None:
    """Refuse `refused@…` for good, as a relay does with a mailbox that does not exist."""
    if occasion.stage is Stage.RCPT and _local_part(occasion.recipient) == "refused":
        return Reply("550 5.1.1 user unknown")
    return None


def greylist(occasion: Occasion) -> Reply | None:
    """Refuse `greylisted…@…` for now, the first time each sender writes to it (RFC 6647)."""
    if occasion.stage is Stage.RCPT and _local_part(occasion.recipient).startswith("greylisted") and occasion.seen == 0:
        return Reply("451 4.7.1 greylisted, try again")
    return None


DEVELOPMENT_RULES: tuple[Rule, ...] = (refuse_unknown_user, greylist)
"""The rules of `make demo` and `make dev`: everything is accepted but for two kinds of address."""


def _local_part(address: str) -> str:
    return address.rpartition("@")[0].lower()
