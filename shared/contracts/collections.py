"""Collections: what discovery keeps of each, tells of it, and answers who asks for them."""

from typing import Annotated, ClassVar, Literal

from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints

from shared.contracts.base import Collection, Event, Message, Outcome, Reason
from shared.settings import DEFAULT_GLOB

Kind = Literal["logs", "table", "documents"]
Origin = Literal["configuration", "command"]
State = Literal["active", "deleting", "deleted"]
MAX_TITLE, MAX_DESCRIPTION = 200, 2000
MAX_PATH, MAX_GLOB, MOST_SOURCES = 1024, 256, 8
MOST_COLLECTIONS = 500
"""On a page; with long descriptions there are fewer."""
LONGEST_WAIT_S = 30.0
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
        description="deleting: it is being taken away, and nothing may be done with it any more; "
        "deleted: nothing is left of it but this, and its name is never used again.",
    )
    revision: int = Field(ge=1, description="1 at first, then counting its changes.")
    created_at: AwareDatetime = Field(description="When it was recorded, in UTC.")
    sources: tuple[SourceFolder, ...] = Field(
        default=(),
        description="The folders that its command named; of the configuration, that has them.",
    )
    is_analyzed: bool = Field(
        default=True,
        description="Whether what is fetched or uploaded goes through an analysis service, where "
        "one is configured.",
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
    is_busy: bool = Field(
        default=False,
        description="Only those that are worked on now; of these there are few, on one page.",
    )
    known: str = Field(
        default="",
        description="`revision` of the list that is known: while that is the one, only so much "
        "is answered.",
    )
    wait_s: float = Field(
        default=0.0,
        ge=0,
        le=LONGEST_WAIT_S,
        description="How long the answer may wait for another list than the known one.",
    )


class WakeCollection(Message):
    """Asks to have a collection worked on, since there is something to do for it."""

    model_config = ConfigDict(extra="forbid")

    name: Collection = Field(description="Its name.")


class WokenCollection(Message):
    """What became of that."""

    record: CollectionRecord | None = Field(
        default=None,
        description="What is kept of it; it is worked on. Null if there is none of this name.",
    )


class CollectionPage(Message):
    """Collections in the order of their names."""

    items: tuple[CollectionRecord, ...] = Field(description="What is kept of each.")
    revision: str = Field(
        default="",
        description="Of the whole list: another one with each change, and whenever discovery "
        "starts.",
    )
    is_unchanged: bool = Field(
        default=False, description="Whether the list is the known one; then it has no items."
    )
    next_after: str | None = Field(
        default=None, description="`after` of the next page; null if this is the last."
    )


class RemoveCollection(Message):
    """Has a service leave a collection and remove all that it keeps of it; asked until it is."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(min_length=1, description="The identity of the collection.")
    name: Collection = Field(description="Its name.")


class CollectionRemoved(Message):
    """What a process of a service still has of a collection."""

    id: str = Field(min_length=1, description="The identity of the collection.")
    is_gone: bool = Field(
        description="Whether this process works on it no more, and keeps nothing of it."
    )
    why_not: Reason | None = Field(default=None, description="What keeps it from being gone.")
