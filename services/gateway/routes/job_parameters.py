"""The parameters and bodies of requests about jobs."""

from typing import Annotated, Self

from fastapi import Path, Query
from pydantic import Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from services.gateway.routes.parameters import COLLECTION, MOST, CommandRequest
from shared.contracts.fetching import MOST_URLS, FetchedUrl
from shared.contracts.jobs import MAX_SOURCE, MAX_WHY, MOST_JOBS, JobKind, JobState
from shared.contracts.uploads import Columns, FetchColumnRule, FileName

JOB = r"^[0-9a-f]{8,64}$"
SOURCE_ID = r"^[0-9a-f]{16,64}$"
JobId = Annotated[str, Path(pattern=JOB, description="The job's id.")]
SourceId = Annotated[str, Path(pattern=SOURCE_ID, description="The source's id.")]
AnyCollection = Annotated[
    Annotated[str, Field(pattern=COLLECTION)] | SkipJsonSchema[None],
    Query(description="Only of this collection; of all if not given."),
]
OfStates = Annotated[
    list[JobState] | SkipJsonSchema[None],
    Query(description="Only those in this state; may be given more than once."),
]
OfKind = Annotated[JobKind | SkipJsonSchema[None], Query(description="Only those of this kind.")]
OfSource = Annotated[
    Annotated[str, Field(min_length=1, max_length=MAX_SOURCE)] | SkipJsonSchema[None],
    Query(description="Only about this source: its id, or with `collection` its filename."),
]
OfJob = Annotated[
    Annotated[str, Field(pattern=JOB)] | SkipJsonSchema[None],
    Query(description="Only about this job."),
]
Before = Annotated[
    Annotated[int, Field(ge=1, le=MOST)] | SkipJsonSchema[None],
    Query(description="Begin before this one; `next_before` of the page before."),
]
Cancels = Annotated[
    bool, Query(description="Cancel a job that has the source, instead of refusing: one job.")
]


class FetchRequest(CommandRequest):
    """Queue a job for each of some URLs."""

    urls: Annotated[list[FetchedUrl], Field(min_length=1, max_length=MOST_URLS)] = Field(
        description="Where the files lie: http or https, without a user or a password; of a "
        "Google Sheet, its export as XLSX is fetched."
    )
    filename: FileName | SkipJsonSchema[None] = Field(
        default=None,
        description="What the file is called, of one URL; else as its server or its URL says.",
    )
    text_columns: Columns = Field(
        default=(),
        description="Of tables, the columns that make the text of a record; none: all of them.",
    )
    context_columns: Columns | None = Field(
        default=None,
        description="Of tables, the columns that are kept as attributes; null: all that make no "
        "text.",
    )
    columns: FetchColumnRule = Field(
        default="preferred",
        description="preferred: where no columns are named, those that the collection prefers; "
        "own: those that are named here, or all.",
    )
    why: Annotated[str, Field(max_length=MAX_WHY)] | SkipJsonSchema[None] = Field(
        default=None, description="Why, for the audit."
    )

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        """Refuse one name for several files."""
        if self.filename is not None and len(self.urls) > 1:
            raise ValueError("filename names one file: give one URL with it")
        return self


class SubmitRequest(CommandRequest):
    """Queue a job for each of some sources."""

    kind: JobKind = Field(description="What is to be done with each.")
    sources: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=MAX_SOURCE)]],
        Field(min_length=1, max_length=MOST_JOBS),
    ] = Field(description="Their filenames, or their ids.")
    why: Annotated[str, Field(max_length=MAX_WHY)] | SkipJsonSchema[None] = Field(
        default=None, description="Why, for the audit."
    )
    is_fresh: bool = Field(
        default=False,
        description="Embed texts also if their vectors are known from before.",
    )
    cancels: bool = Field(
        default=False,
        description="Cancel a job that has a source, instead of refusing another one.",
    )
    with_preferences: bool = Field(
        default=False,
        description="Of re-embed: read uploaded and fetched files by the columns that the "
        "collection prefers now.",
    )

    @model_validator(mode="after")
    def _prefers_what_is_read(self) -> Self:
        """Refuse preferences for what is not read."""
        if self.with_preferences and self.kind != "re-embed":
            raise ValueError("with_preferences goes with re-embed only")
        return self
