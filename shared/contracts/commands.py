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
from shared.contracts.times import TIME, parse_time
from shared.services import Reader
from shared.settings import DEFAULT_GLOB

MAX_SEQUENCES = 10_000
SAY_WHICH = "say which: sequences, stage, source or since; or all: true"
SAY_WHAT = "say what changes: title, description"
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
    """Give a collection another title or description; its name and its id stay."""

    family: ClassVar[str] = "command.rename"

    title: str | None = Field(
        default=None, min_length=1, max_length=MAX_TITLE, description="What people call it."
    )
    description: str | None = Field(
        default=None, max_length=MAX_DESCRIPTION, description="What is in it, for people."
    )

    @model_validator(mode="after")
    def _says_what(self) -> Self:
        """Refuse what would change nothing."""
        if self.title is None and self.description is None:
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


COMMANDS: tuple[type[Command], ...] = (Refit, Rollback, Forget, Replay, Drop, Rename, Create)


def name_of(command: Command | type[Command]) -> str:
    """Return what people call a command: ``refit``."""
    return command.family.removeprefix("command.")


BY_NAME = {name_of(one): one for one in COMMANDS}
CommandName = Annotated[str, WithJsonSchema({"enum": [*BY_NAME], "type": "string"})]
