"""Commands: what anybody may ask the pipeline to do."""

from pydantic import Field

from shared.contracts.base import MAX_INT64, Command


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
