"""Collections: what discovery keeps of each, tells of it, and answers who asks for them."""

from typing import Annotated, ClassVar, Literal

from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints

from shared.contracts.base import Collection, Event, Message, Outcome
from shared.settings import DEFAULT_GLOB

Kind = Literal["logs", "table", "documents"]
Origin = Literal["configuration", "command"]
State = Literal["active", "deleting"]
MAX_TITLE, MAX_DESCRIPTION = 200, 2000
MAX_PATH, MAX_GLOB, MOST_SOURCES = 1024, 256, 8
MOST_COLLECTIONS = 500
"""On a page; with long descriptions there are fewer."""
SourcePath = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_PATH, pattern=r"^/[^\x00]*$")
]
Glob = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_GLOB, pattern=r"^[^/\x00][^\x00]*$")
]


class SourceFolder(Message):
    """A folder whose files a collection has."""

    path: SourcePath = Field(description="The folder, or a single file; from the root.")
    glob: Glob = Field(
        default=DEFAULT_GLOB, description="Which files below it; ** stands for any folders."
    )


class CollectionRecord(Message):
    """What is kept of a collection."""

    id: str = Field(
        min_length=1,
        description="Its identity: never given to another one, not even to one of its name.",
    )
    name: Collection = Field(
        description="The last token of its subjects and the name of its folder; it stays."
    )
    title: str = Field(max_length=MAX_TITLE, description="What people call it.")
    description: str = Field(
        default="", max_length=MAX_DESCRIPTION, description="What is in it, for people."
    )
    kind: Kind = Field(default="logs", description="What its sources are.")
    origin: Origin = Field(
        default="configuration",
        description="Who made it. One of the configuration is served while that names it.",
    )
    state: State = Field(
        default="active",
        description="deleting: it is being taken away, and nothing may be done with it any more.",
    )
    revision: int = Field(ge=1, description="1 at first, then counting its changes.")
    created_at: AwareDatetime = Field(description="When it was recorded, in UTC.")
    sources: tuple[SourceFolder, ...] = Field(
        default=(),
        description="The folders that its command named; of the configuration, that has them.",
    )


class CollectionChanged(Event):
    """A collection was made, or what is kept of it has changed."""

    family: ClassVar[str] = "collection.changed"
    settles_as: ClassVar[Outcome | None] = "done"

    record: CollectionRecord = Field(description="All that is kept of it now.")


class ListCollections(Message):
    """Asks for the collections by name, a page at a time; an empty body asks for the first."""

    model_config = ConfigDict(extra="forbid")

    name: Collection | None = Field(default=None, description="Only the one of this name.")
    after: str = Field(default="", description="Only those whose names come after this.")
    limit: int = Field(
        default=MOST_COLLECTIONS, ge=1, le=MOST_COLLECTIONS, description="The most on the page."
    )


class CollectionPage(Message):
    """Collections in the order of their names."""

    items: tuple[CollectionRecord, ...] = Field(description="What is kept of each.")
    next_after: str | None = Field(
        default=None, description="`after` of the next page; null if this is the last."
    )
