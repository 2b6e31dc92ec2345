"""A tenant's side for development and tests: a real HTTP server that takes delivery reports."""

from localstack.receiver.calls import Acknowledgement, Answer, Rule, SyncCall, failing, refusing
from localstack.receiver.events import DeliveryEvent, EventKind, ReceivedEvent
from localstack.receiver.server import Receiver
from localstack.receiver.web import BasicAuth, BearerAuth

__all__ = [
    "Acknowledgement",
    "Answer",
    "BasicAuth",
    "BearerAuth",
    "DeliveryEvent",
    "EventKind",
    "ReceivedEvent",
    "Receiver",
    "Rule",
    "SyncCall",
    "failing",
    "refusing",
]
