"""Commands: what anybody may ask the pipeline to do."""

from pathlib import PurePosixPath
from typing import Annotated, ClassVar, Self

from pydantic import (
    AwareDatetime,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from shared.contracts.base import MAX_INT64, Command, Message
from shared.contracts.collections import (
    MAX_DESCRIPTION,
    MAX_TITLE,
    MOST_SOURCES,
    SourceFolder,
)
from shared.contracts.fetching import Fetch
from shared.contracts.jobs import MAX_SOURCE, MAX_WHY, MOST_JOBS, JobId, JobKind
from shared.contracts.times import TIME, parse_time
from shared.contracts.uploads import Upload
from shared.services import Reader
from shared.settings import DEFAULT_GLOB

MAX_SEQUENCES = 10_000
SAY_WHICH = "say which: sequences, stage, source or since; or all: true"
SAY_WHAT = "say what changes: title, description, is_analyzed"
Sequence = Annotated[int, Field(ge=1, le=MAX_INT64)]
Time = Annotated[
    AwareDatetime,
    BeforeValidator(parse_time),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": TIME}),
]


class Refit(Command):
    """Fit the projection to all vectors that are counted, and move the map to it."""

    family: ClassVar[str] = "command.refit"

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

    family: ClassVar[str] = "command.rollback"

    to_version: int | None = Field(
        default=None,
        ge=1,
        le=MAX_INT64,
        description="The version to return to; the parent if not given.",
    )


class Forget(Command):
    """Take a source's records out of the dataset, the public files and the model."""

    family: ClassVar[str] = "command.forget"

    source: str = Field(default="", description="Filename of the source, or its id.")


class Selection(Message):
    """Dead letters of a collection: those that fit every field that is given."""

    sequences: tuple[Sequence, ...] = Field(
        default=(), max_length=MAX_SEQUENCES, description="Their places in stream DEAD_LETTERS."
    )
    stage: Reader | None = Field(default=None, description="The stage that gave them up.")
    source: str | None = Field(
        default=None, min_length=1, description="Filename of their source, or its id."
    )
    since: Time | None = Field(
        default=None, description="Only those that were given up then or later."
    )


class LettersCommand(Selection, Command):
    """A command about dead letters; that every one is meant has to be said."""

    all: bool = Field(
        default=False, description="Every letter, as far as no other field says less."
    )

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        """Refuse what would mean every letter without saying so."""
        if not (self.all or self.sequences or self.stage or self.source or self.since):
            raise ValueError(SAY_WHICH)
        return self


class Replay(LettersCommand):
    """Try dead letters again; they leave the dead letters and are in flight again."""

    family: ClassVar[str] = "command.replay"


class Drop(LettersCommand):
    """Give dead letters up for good: they are deleted and no longer call for anything."""

    family: ClassVar[str] = "command.drop"


class Rename(Command):
    """Change what is kept of a collection; its name and its id stay."""

    family: ClassVar[str] = "command.rename"

    title: str | None = Field(
        default=None, min_length=1, max_length=MAX_TITLE, description="What people call it."
    )
    description: str | None = Field(
        default=None, max_length=MAX_DESCRIPTION, description="What is in it, for people."
    )
    is_analyzed: bool | None = Field(
        default=None,
        description="Whether what is fetched or uploaded goes through an analysis service, where "
        "one is configured.",
    )

    @model_validator(mode="after")
    def _says_what(self) -> Self:
        """Refuse what would change nothing."""
        if self.title is None and self.description is None and self.is_analyzed is None:
            raise ValueError(SAY_WHAT)
        return self


def stays_below(glob: str) -> str:
    """Return a pattern that does not lead out of its folder.

    Raises:
        ValueError: It does.
    """
    if ".." in PurePosixPath(glob).parts or not PurePosixPath(glob).parts:
        raise ValueError(f"must be a pattern below the folder, such as {DEFAULT_GLOB}")
    return glob


class NamedSource(SourceFolder):
    """A folder to read, as a command names it: nothing unknown is taken."""

    model_config = ConfigDict(extra="forbid")

    @field_validator("glob")
    @classmethod
    def _stays_below(cls, glob: str) -> str:
        return stays_below(glob)


class Create(Command):
    """Make a collection of the name that the subject ends with."""

    family: ClassVar[str] = "command.create"

    title: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_TITLE,
        description="What people call it; its name if not given.",
    )
    description: str = Field(
        default="", max_length=MAX_DESCRIPTION, description="What is in it, for people."
    )
    sources: tuple[NamedSource, ...] = Field(
        default=(),
        max_length=MOST_SOURCES,
        description="Folders to read; ingestion.allowed_roots says below which they may lie.",
    )


class Delete(Command):
    """Take a collection away for good: its map, its model, its messages and what is known of it.

    Files that it was read from stay. Its name is never used again.
    """

    family: ClassVar[str] = "command.delete"


class Submit(Command):
    """Queue a job for each of some sources; of a collection, three run at a time."""

    family: ClassVar[str] = "command.submit"

    kind: JobKind = Field(description="What is to be done with each source.")
    sources: tuple[Annotated[str, Field(min_length=1, max_length=MAX_SOURCE)], ...] = Field(
        min_length=1, max_length=MOST_JOBS, description="Filenames of the sources, or their ids."
    )
    why: str | None = Field(default=None, max_length=MAX_WHY, description="Why, for the audit.")
    is_fresh: bool = Field(
        default=False,
        description="Embed texts also if their vectors are known from before; kept are the new.",
    )
    cancels: bool = Field(
        default=False,
        description="Cancel a job that has a source, instead of refusing another one.",
    )
    with_preferences: bool = Field(
        default=False,
        description="Of re-embed: read uploaded and fetched files by the columns that the "
        "collection prefers now, instead of those that they were read by before.",
    )

    @model_validator(mode="after")
    def _prefers_what_is_read(self) -> Self:
        """Refuse preferences for what is not read."""
        if self.with_preferences and self.kind != "re-embed":
            raise ValueError("with_preferences goes with re-embed only")
        return self


class Cancel(Command):
    """Cancel a job that has not ended: its source is as before."""

    family: ClassVar[str] = "command.cancel"

    job: JobId = Field(description="The job.")


class Retry(Command):
    """Queue a failed job again, three times at most."""

    family: ClassVar[str] = "command.retry"

    job: JobId = Field(description="The job.")


COMMANDS: tuple[type[Command], ...] = (
    Refit,
    Rollback,
    Forget,
    Replay,
    Drop,
    Rename,
    Create,
    Delete,
    Upload,
    Submit,
    Fetch,
    Cancel,
    Retry,
)


UNFOLLOWED = (Create, Delete)
"""Commands about a collection of which nobody follows the events: not yet, or not any more."""


def name_of(command: Command | type[Command]) -> str:
    """Return what people call a command: ``refit``."""
    return command.family.removeprefix("command.")


BY_NAME = {name_of(one): one for one in COMMANDS}
CommandName = Annotated[str, WithJsonSchema({"enum": [*BY_NAME], "type": "string"})]
