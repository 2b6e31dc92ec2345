"""Whether the API is alive. Needs no token and touches nothing behind it."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from functions.api.version import VERSION

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """Alive, and of which version."""

    status: Literal["ok"] = "ok"
    version: str = VERSION


@router.get("/health", summary="Liveness and version")
async def get_health() -> Health:
    """Answers as long as the API runs; says nothing of the services behind it."""
    return Health()
