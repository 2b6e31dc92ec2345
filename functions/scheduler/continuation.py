"""What is left of a run, as the event that the scheduler calls itself with."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import InvalidInput
from shared.lines.line import DUE_SHARDS, Line, LineKind
from shared.lines.rounds import Sweep
from shared.lines.run import Run

# A key of the due index: `pk` and `sk` of the head, `due_shard` and `wake_at`.
type _Place = dict[str, str | int]


class _Chore(BaseModel):
    kind: LineKind
    owner: str


class _Continuation(BaseModel):
    """The event's only field, `run`: EventBridge's has none of that name."""

    model_config = ConfigDict(extra="forbid")

    id: str
    generation: Annotated[int, Field(ge=2)]
    as_of: int
    places: dict[Annotated[int, Field(ge=0, lt=DUE_SHARDS)], _Place | None]
    chores: list[_Chore]


def encode(run: Run) -> dict[str, object]:
    """Small: a key for each shard, and at most a hundred chores."""
    fields = _Continuation.model_validate(
        {
            "id": run.id,
            "generation": run.generation,
            "as_of": run.sweep.as_of,
            "places": dict(run.sweep.places),
            "chores": [{"kind": line.kind, "owner": line.owner} for line in run.chores],
        }
    )
    return {"run": fields.model_dump(mode="json")}


def decode(event: Mapping[str, object]) -> Run | None:
    """None for an event that begins a run. Raises InvalidInput for a run that `encode` did not make."""
    if "run" not in event:
        return None
    try:
        fields = _Continuation.model_validate(event["run"])
    except ValidationError as error:
        raise InvalidInput(f"not a run to go on with: {error}") from error
    return Run(
        id=fields.id,
        generation=fields.generation,
        sweep=Sweep(fields.as_of, {shard: dict(place) if place else None for shard, place in fields.places.items()}),
        chores=tuple(Line(chore.kind, chore.owner) for chore in fields.chores),
    )
