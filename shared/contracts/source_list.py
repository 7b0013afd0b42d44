"""What discovery answers who asks for the sources of a collection."""

from typing import Literal

from pydantic import AwareDatetime, ConfigDict, Field

from shared.contracts.base import Collection, Message, Reason
from shared.contracts.uploads import UploadFacts

MOST_LISTED = 200
"""On a page."""
MOST_TEXT = 200
SourceStatus = Literal["incomplete", "reading", "dispatched", "completed", "failed", "forgotten"]
SourceKind = Literal["folder", "upload", "url"]


class ListSources(Message):
    """Asks for the sources of a collection by name, a page at a time."""

    model_config = ConfigDict(extra="forbid")

    collection: Collection = Field(description="Whose sources.")
    source: str | None = Field(default=None, min_length=1, description="Only the one of this id.")
    text: str = Field(
        default="", max_length=MOST_TEXT, description="Only those whose names have this in them."
    )
    states: tuple[SourceStatus, ...] = Field(
        default=(), description="Only those that are so; all if none is given."
    )
    kind: SourceKind | None = Field(default=None, description="Only those that come from there.")
    after: str = Field(default="", description="Only those whose names come after this.")
    limit: int = Field(
        default=MOST_LISTED, ge=1, le=MOST_LISTED, description="The most on the page."
    )
    with_totals: bool = Field(
        default=False, description="Whether all sources of the collection are counted, too."
    )


class SourceTotals(Message):
    """All sources of a collection, whatever was asked for."""

    sources: int = Field(ge=0, description="How many there are.")
    changed_at: AwareDatetime | None = Field(
        description="When the last of them was found, or its version was mapped to its end; null: "
        "there is none."
    )


class SourceRow(Message):
    """A source, and what the ledger has of its present version."""

    source_id: str = Field(description="Hash of collection and filename.")
    filename: str = Field(description="Its name on the map.")
    kind: SourceKind = Field(description="Where it comes from.")
    status: SourceStatus = Field(description="How far it is.")
    source_version: int = Field(
        ge=0, description="Counts its contents from 1; 0: none was complete yet."
    )
    size_bytes: int = Field(ge=0, description="Length of the content, as it was last seen.")
    seen: int = Field(ge=0, description="Records found, unreadable lines included.")
    staged: int = Field(ge=0, description="Records that wait to be shown with the others.")
    mapped: int = Field(ge=0, description="Records in the dataset.")
    dead: int = Field(ge=0, description="Records and lines that were dead-lettered.")
    in_flight: int = Field(ge=0, description="Records of which nothing was heard yet.")
    reason: Reason | None = Field(description="Why it cannot be read, if it cannot.")
    discovered_at: AwareDatetime = Field(description="When it was first seen, in UTC.")
    completed_at: AwareDatetime | None = Field(
        description="When this version was mapped to its end, or forgotten."
    )
    gone_at: AwareDatetime | None = Field(description="Since when it is not there any more.")
    upload: UploadFacts | None = Field(
        description="Of an uploaded one, what is kept of it; null once it was removed."
    )


class SourcePage(Message):
    """Sources in the order of their names."""

    items: tuple[SourceRow, ...] = Field(description="What is kept of each.")
    uploaded_bytes: int = Field(
        default=0, ge=0, description="What the uploaded files of the collection take together."
    )
    next_after: str | None = Field(
        default=None, description="`after` of the next page; null if this is the last."
    )
    totals: SourceTotals | None = Field(
        default=None, description="Null if that was not asked for."
    )
