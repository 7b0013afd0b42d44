"""The bodies of requests about whole collections."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field, field_validator, model_validator
from pydantic.json_schema import SkipJsonSchema

from services.gateway.routes.parameters import COLLECTION, CommandRequest
from shared.contracts.collections import (
    MAX_DESCRIPTION,
    MAX_GLOB,
    MAX_PATH,
    MAX_TITLE,
    MOST_SOURCES,
)
from shared.contracts.commands import SAY_WHAT, Create, NamedSource, stays_below
from shared.settings import DEFAULT_GLOB


class RenameRequest(CommandRequest):
    """Change what is kept of a collection; its name stays."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    title: Annotated[str, Field(min_length=1, max_length=MAX_TITLE)] | SkipJsonSchema[None] = (
        Field(default=None, description="What people call it.")
    )
    description: Annotated[str, Field(max_length=MAX_DESCRIPTION)] | SkipJsonSchema[None] = Field(
        default=None, description="What is in it, for people."
    )
    is_analyzed: bool | SkipJsonSchema[None] = Field(
        default=None,
        description="Whether what is fetched or uploaded goes through an analysis service, where "
        "one is configured.",
    )

    @model_validator(mode="before")
    @classmethod
    def _says_what(cls, fields: Any) -> Any:
        """Refuse what would change nothing."""
        if fields == {}:
            raise ValueError(SAY_WHAT)
        return fields


class SourceRequest(CommandRequest):
    """A folder to read, on the machine of discovery."""

    path: Annotated[str, Field(pattern=r"^/[^\x00]*$", max_length=MAX_PATH)] = Field(
        description="The folder, or a single file; from the root."
    )
    glob: Annotated[str, Field(pattern=r"^[^/\x00][^\x00]*$", max_length=MAX_GLOB)] = Field(
        default=DEFAULT_GLOB, description="Which files below it; ** stands for any folders."
    )

    @field_validator("glob")
    @classmethod
    def _stays_below(cls, glob: str) -> str:
        return stays_below(glob)


class CreateRequest(CommandRequest):
    """Make a collection."""

    name: str = Field(pattern=COLLECTION, description="Its name; it stays.")
    title: Annotated[str, Field(min_length=1, max_length=MAX_TITLE)] | SkipJsonSchema[None] = (
        Field(default=None, description="What people call it; its name if not given.")
    )
    description: Annotated[str, Field(max_length=MAX_DESCRIPTION)] = Field(
        default="", description="What is in it, for people."
    )
    sources: Annotated[list[SourceRequest], Field(max_length=MOST_SOURCES)] = Field(
        default=[], description="Folders to read, where discovery's configuration lets it."
    )

    def command(self) -> Create:
        """Return the same as a command says it."""
        named = (NamedSource(path=one.path, glob=one.glob) for one in self.sources)
        return Create(title=self.title, description=self.description, sources=tuple(named))
