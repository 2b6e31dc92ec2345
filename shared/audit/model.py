"""A record of the audit log."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from shared.clock import Millis
from shared.identifiers import due_key


class ActorKind(StrEnum):
    """Whose token a call came with, or `proxy` for what the proxy does by itself."""

    ADMIN = "admin"
    TENANT = "tenant"
    PROXY = "proxy"


class Actor(BaseModel):
    """Who did it. `tenant_id` and `key_id` are those of a tenant's key, `component` is part of the proxy."""

    model_config = ConfigDict(frozen=True)

    kind: ActorKind
    tenant_id: str | None = None
    key_id: str | None = None
    component: str | None = None

    @classmethod
    def proxy(cls, component: str) -> "Actor":
        """The proxy itself, by the part of it that acts, such as `reporter`."""
        return cls(kind=ActorKind.PROXY, component=component)


class Entry(BaseModel):
    """What is to be recorded. `tenant_id` is the tenant that it was done to, None for the whole instance.

    `method`, `route`, `status`, `code` (of the problem) and `request_id` are those of a call over HTTP. `objects` names
    what was changed, such as `account_id`. `body` and `result` hold no secrets, and are small: see `abridged`.
    """

    model_config = ConfigDict(frozen=True)

    actor: Actor
    action: Annotated[str, Field(min_length=1, max_length=64)]
    tenant_id: str | None = None
    method: str | None = None
    route: str | None = None
    objects: dict[str, str] = {}
    status: int | None = None
    code: str | None = None
    replayed: bool = False
    request_id: str | None = None
    body: JsonValue = None
    result: JsonValue = None


@dataclass(frozen=True, slots=True)
class Command:
    """A record as kept. `at` is when it was made: right after the outcome."""

    id: str
    at: Millis
    entry: Entry

    @property
    def place(self) -> str:
        """Its sort key: records are in the order in which they were made."""
        return due_key(self.at, self.id)
