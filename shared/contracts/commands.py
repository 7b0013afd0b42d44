"""Commands: what anybody may ask the pipeline to do."""

from typing import Annotated

from pydantic import AwareDatetime, Field

from shared.contracts.base import MAX_INT64, Command
from shared.contracts.dead_letters import Stage

MAX_SEQUENCES = 10_000
Sequence = Annotated[int, Field(ge=1, le=MAX_INT64)]


class Refit(Command):
    """Fit the projection to all vectors that are counted, and move the map to it."""

    dry_run: bool = Field(
        default=False, description="Only tell what it would bring; change nothing."
    )
    force: bool = Field(
        default=False, description="Apply it even if points move further than the budget allows."
    )
    reason: str = Field(
        default="command", max_length=200, description="Why, for the history of models."
    )


class Rollback(Command):
    """Make an older model current again, as a new version with the old plane."""

    to_version: int | None = Field(
        default=None,
        ge=1,
        le=MAX_INT64,
        description="The version to return to; the parent if not given.",
    )


class Forget(Command):
    """Take a source's records out of the dataset, the public files and the model."""

    source: str = Field(default="", description="Filename of the source, or its id.")


class Selection(Command):
    """Dead letters of a collection: those that fit every field, all if none is given."""

    sequences: tuple[Sequence, ...] = Field(
        default=(), max_length=MAX_SEQUENCES, description="Their places in stream DEAD_LETTERS."
    )
    stage: Stage | None = Field(default=None, description="The stage that gave them up.")
    source: str | None = Field(
        default=None, min_length=1, description="Filename of their source, or its id."
    )
    since: AwareDatetime | None = Field(
        default=None, description="Only those that were given up then or later."
    )


class Replay(Selection):
    """Try dead letters again; they leave the dead letters and are in flight again."""


class Drop(Selection):
    """Give dead letters up for good: they are deleted and no longer call for anything."""
