"""The instance's settings."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends
from pydantic import BaseModel, Field

from functions.api.auth import require_admin
from functions.api.gate import GatedRoute
from functions.api.problems import documented
from functions.api.schema import PriorityName
from functions.api.services import Provided
from functions.api.urls import require_https
from shared.instance.model import Instance, RetryPolicy
from shared.instance.table import StoredInstance
from shared.limits.model import PriorityShares

router = APIRouter(
    prefix="/v1/instance", tags=["instance"], route_class=GatedRoute, dependencies=[Depends(require_admin)]
)

_EXAMPLE = {
    "summary": "A gentle retry policy",
    "value": {
        "retry": {"schedule_seconds": [60, 300, 900, 3600], "max_age_seconds": 86400},
        "default_priority": "medium",
        "retention_seconds": 604800,
        "client_base_url": "https://app.example.com",
    },
}


class InstanceView(BaseModel):
    """What holds for every tenant that says nothing else."""

    retry: RetryPolicy
    default_priority: PriorityName
    priority_shares: PriorityShares
    retention_seconds: int = Field(examples=[604_800])
    events_retention_seconds: int = Field(examples=[2_592_000])
    audit_days: int = Field(examples=[365])
    calls_per_minute: int = Field(examples=[6_000])
    client_base_url: str | None
    client_sync_path: str | None
    client_attachment_path: str | None
    paused: bool = Field(description="Whether all sending is stopped, by `POST /v1/instance/pause`.")

    @classmethod
    def of(cls, stored: StoredInstance) -> "InstanceView":
        """The settings as shown."""
        settings = stored.settings
        priority = settings.default_priority.name.lower()
        return cls.model_validate(settings.model_dump() | {"default_priority": priority, "paused": stored.paused})


@router.get("", summary="Read the instance's settings", responses=documented())
def get_instance(services: Provided) -> InstanceView:
    """The settings in force: those put last, defaults for the rest."""
    return InstanceView.of(services.instance.read())


@router.put("", summary="Replace the instance's settings", responses=documented(body=True))
def put_instance(
    instance: Annotated[Instance, Body(openapi_examples={"gentle": _EXAMPLE})], services: Provided
) -> InstanceView:
    """What is left out goes back to its default. Workers follow within a minute."""
    require_https(instance.client_base_url, services.guard)
    return InstanceView.of(services.instance.put(instance))


@router.post("/pause", summary="Stop all sending", responses=documented())
def pause_instance(services: Provided) -> InstanceView:
    """Messages are accepted and reports pushed as before. Senders stop within a second, but for the at most 90 messages
    of a line that one of them already holds.
    """
    return InstanceView.of(services.pause.pause())


@router.post("/resume", summary="Start sending again", responses=documented())
def resume_instance(services: Provided) -> InstanceView:
    """What waits is sent from the scheduler's next round on, within a minute or so, in its own order."""
    return InstanceView.of(services.pause.resume())
