"""Mails for tests of what becomes of them."""

from typing import Any

from shared.messages.model import Address, Content, Mail, Priority, Status
from tests.unit.clock import NOON


def a_mail(mail_id: str = "m1", **changes: Any) -> Mail:
    """A pending mail of tenant acme, account main, due at noon."""
    fields: dict[str, Any] = {
        "tenant_id": "acme",
        "id": mail_id,
        "account_id": "main",
        "priority": Priority.MEDIUM,
        "status": Status.PENDING,
        "generation": 1,
        "slice_key": f"{NOON}#01",
        "payload_key": "PAYLOAD#1#0",
        "digest": "0",
        "created_at": NOON,
        "due_at": NOON,
    }
    return Mail(**(fields | changes))


def a_content(**changes: Any) -> Content:
    """A short text to one recipient."""
    fields: dict[str, Any] = {
        "from": Address(address="shop@example.org"),
        "to": [Address(address="anna@example.net")],
        "subject": "Hello",
        "text": "Good morning",
    }
    return Content(**(fields | changes))
