"""What may differ between deployments, read from the CDK context and validated in one place."""

import re
from dataclasses import dataclass
from typing import Literal, get_args

from constructs import Node

Architecture = Literal["arm64", "x86_64"]
BundlePlatform = Literal["lambda", "host"]

# No wildcards: they would open more in a role's policy than the functions know of.
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9!_.'()/+=@{}-]*)?")

# AWS accepts no less for an event source mapping.
MINIMUM_CONCURRENCY = 2


class InvalidContextError(ValueError):
    """A context value (cdk.json, or `-c name=value`) that can't be used."""


@dataclass(frozen=True, kw_only=True)
class StackSettings:
    """The deployment's choices. Times are in seconds.

    stage: "local" makes every resource disposable; any other name keeps data when the stack goes.
    bundle_platform: "lambda" installs the dependencies for Lambda's Linux on `architecture`, "host" for this
        machine, where the embedded AWS runs the functions as plain processes.
    bundle_directory: a folder with `code` and `dependencies` to use instead of building them.
    outgoing_allowed_hosts: comma-separated hosts that may be called though they are not public or not HTTPS.
    attachment_buckets: comma-separated buckets, or bucket/prefix, that the senders may read attachments from by their
        own role; `{tenant_id}` in a prefix stands for the tenant.
    worker_timeout_seconds: how long a sender or reporter may work at a stretch; a mail is begun only
        while 40 of them are left, so it must be well above that.
    alarm_topic_arn: an SNS topic that alarms tell, or nothing.
    event_bus: whether report events are published to an EventBridge bus as well.
    bounces, pec: whether mailboxes are read, for reports and complaints, and for receipts of certified mail.
    """

    stage: str
    architecture: Architecture
    bundle_platform: BundlePlatform
    bundle_directory: str | None
    outgoing_allowed_hosts: str
    attachment_buckets: str
    sender_max_concurrency: int
    reporter_max_concurrency: int
    mailbox_max_concurrency: int
    worker_timeout_seconds: int
    log_level: str
    event_bus: bool
    alarm_topic_arn: str
    bounces: bool
    pec: bool

    @property
    def mailbox_kinds(self) -> tuple[str, ...]:
        """Of the mailboxes that are read."""
        return tuple(kind for kind, is_on in (("bounces", self.bounces), ("pec", self.pec)) if is_on)

    @property
    def disposable(self) -> bool:
        """Whether the stack's data may vanish with it."""
        return self.stage == "local"

    @classmethod
    def from_context(cls, node: Node) -> "StackSettings":
        """Reads the context of `node`; raises InvalidContextError naming the value and what it may be."""
        return cls(
            stage=_text(node, "stage", "production"),
            architecture=_choice(node, "architecture", "arm64", get_args(Architecture)),
            bundle_platform=_choice(node, "bundle_platform", "lambda", get_args(BundlePlatform)),
            bundle_directory=_text(node, "bundle_directory", "") or None,
            outgoing_allowed_hosts=_text(node, "outgoing_allowed_hosts", ""),
            attachment_buckets=_buckets(node, "attachment_buckets"),
            sender_max_concurrency=_integer(node, "sender_max_concurrency", 50, MINIMUM_CONCURRENCY, 1000),
            reporter_max_concurrency=_integer(node, "reporter_max_concurrency", 20, MINIMUM_CONCURRENCY, 1000),
            mailbox_max_concurrency=_integer(node, "mailbox_max_concurrency", 20, MINIMUM_CONCURRENCY, 1000),
            worker_timeout_seconds=_integer(node, "worker_timeout_seconds", 120, 60, 900),
            log_level=_choice(node, "log_level", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")),
            event_bus=_flag(node, "event_bus"),
            alarm_topic_arn=_topic_arn(node),
            bounces=_flag(node, "bounces"),
            pec=_flag(node, "pec"),
        )


def _text(node: Node, name: str, default: str) -> str:
    value = node.try_get_context(name)
    if value is None:
        return default
    if not isinstance(value, str):
        raise InvalidContextError(f"context value {name!r} must be text, not {value!r}")
    return value.strip()


def _buckets(node: Node, name: str) -> str:
    entries = [each.strip() for each in _text(node, name, "").split(",") if each.strip()]
    for each in entries:
        if not _BUCKET.fullmatch(each):
            raise InvalidContextError(
                f"context value {name!r} holds {each!r}, which is neither bucket nor bucket/prefix"
            )
    return ",".join(entries)


def _choice[T: str](node: Node, name: str, default: T, choices: tuple[T, ...]) -> T:
    value = _text(node, name, default)
    for choice in choices:
        if choice == value:
            return choice
    raise InvalidContextError(f"context value {name!r} is {value!r} but must be one of {', '.join(choices)}")


def _topic_arn(node: Node) -> str:
    arn = _text(node, "alarm_topic_arn", "")
    if arn and not re.fullmatch(r"arn:aws[\w-]*:sns:[a-z0-9-]+:\d{12}:[\w-]+", arn):
        raise InvalidContextError(f"context value 'alarm_topic_arn' is {arn!r} but must be the ARN of an SNS topic")
    return arn


def _flag(node: Node, name: str) -> bool:
    """Off unless it is said; the command line gives text."""
    value = node.try_get_context(name)
    if isinstance(value, bool):
        return value
    return _choice(node, name, "false", ("true", "false")) == "true"


def _integer(node: Node, name: str, default: int, lowest: int, highest: int) -> int:
    value = node.try_get_context(name)
    try:
        number = default if value is None else int(value)
    except (TypeError, ValueError):
        number = lowest - 1
    if not lowest <= number <= highest:
        raise InvalidContextError(
            f"context value {name!r} is {value!r} but must be a whole number from {lowest} to {highest}"
        )
    return number
