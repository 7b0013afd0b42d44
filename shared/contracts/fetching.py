"""Files behind URLs: the wish for them, what the courier is told to fetch, and what came of it."""

from typing import Annotated, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from shared.contracts.analysis import AnalysisBegun, Validator
from shared.contracts.base import MAX_INT64, Collection, Command, Message, Reason
from shared.contracts.jobs import MAX_WHY, JobId
from shared.contracts.uploads import NONE_KEPT, Columns, FetchColumnRule, FileName, Sha256

MOST_URLS = 100
"""In one wish."""
MOST_OF_A_URL = 2048
MOST_IN_HAND = 64
LONGEST_LIST = 512 << 10
"""Characters of a list of sources."""
LOGINS = (
    "holds a user or a password, which would be stored and shown with it: give them by "
    "courier.credentials for its host, and leave them out here"
)


def _is_fetched(url: str) -> str:
    """Refuse what the courier would refuse for how it is written.

    Raises:
        ValueError: Says why.
    """
    try:
        parts = urlsplit(url)
        is_whole = parts.hostname and parts.port != 0
    except ValueError as error:
        raise ValueError(f"must be a URL: {error}") from error
    if "@" in parts.netloc:
        raise ValueError(LOGINS)
    if parts.scheme not in ("http", "https") or not is_whole:
        raise ValueError("must look like https://HOST/PATH: only http and https are fetched")
    return url


FetchedUrl = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MOST_OF_A_URL, pattern=r"^[^\x00-\x20\x7f]+$"),
    AfterValidator(_is_fetched),
]
CourierId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8,64}$")]


class Fetch(Command):
    """Queue a job for each of some URLs: what lies there becomes a source of the collection.

    A URL that was fetched before is asked whether it has changed; if so, it is another version of
    the same source.
    """

    family: ClassVar[str] = "command.fetch"
    may_be_empty: ClassVar[frozenset[str]] = NONE_KEPT

    urls: tuple[FetchedUrl, ...] = Field(
        min_length=1,
        max_length=MOST_URLS,
        description="Where they lie; of a Google Sheet, its export as XLSX is fetched.",
    )
    filename: FileName | None = Field(
        default=None,
        description="What it is called, of one URL; not given: as its server or its URL says. If "
        "another source is called so, it becomes `name (2).ext`.",
    )
    text_columns: Columns = Field(
        default=(),
        description="Of a table, the columns that make the text of a record; none: all of them.",
    )
    context_columns: Columns | None = Field(
        default=None,
        description="Of a table, the columns that are kept as attributes; not given: all that "
        "make no text.",
    )
    columns: FetchColumnRule = Field(
        default="preferred",
        description="preferred: where no columns are named, those that the collection prefers; "
        "own: those that are named here, or all.",
    )
    why: str | None = Field(default=None, max_length=MAX_WHY, description="Why, for the audit.")

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        """Refuse one name for several files."""
        if self.filename is not None and len(self.urls) > 1:
            raise ValueError("filename names one file: give one URL with it")
        return self


class FetchWork(Message):
    """What is to be fetched for a job, or is there already and is to be analysed."""

    job: JobId = Field(description="The job.")
    attempt: int = Field(ge=0, description="How often it was retried by hand before.")
    collection: Collection = Field(description="Where it belongs.")
    url: FetchedUrl | None = Field(
        description="What was asked for; null: nothing is to be fetched, since the file was "
        "handed in. It is the one of begun."
    )
    filename: FileName | None = Field(description="What it is called; null: as its server says.")
    by: str = Field(description="Who wants it.")
    etag: Validator | None = Field(
        default=None, description="Of the content that is there already; null: there is none."
    )
    modified: Validator | None = Field(default=None, description="Its Last-Modified, the same.")
    is_analyzed: bool = Field(
        default=False,
        description="Whether an analysis service is to read it, if the courier knows one.",
    )
    has_records: bool = Field(
        default=False,
        description="Whether the content that is there was made by an analysis service.",
    )
    begun: AnalysisBegun | None = Field(
        default=None, description="How far its analysis came before; null: it has not begun."
    )
    is_manifest: bool = Field(
        default=False,
        description="Whether it is a list of sources, whose text is to be brought: of a Google "
        "Sheet, its export as CSV.",
    )


class FetchProgress(Message):
    """How much has come of a file that a courier fetches."""

    job: JobId = Field(description="The job.")
    attempt: int = Field(ge=0, description="As it was told.")
    received_bytes: int = Field(ge=0, le=MAX_INT64, description="How many bytes have come.")
    total_bytes: int | None = Field(
        default=None, ge=0, le=MAX_INT64, description="How many there are, if the server says so."
    )


class TakeFetches(Message):
    """A courier asks what it is to fetch; what is not told of any more it lets go."""

    courier: CourierId = Field(description="The process that asks.")
    holding: tuple[JobId, ...] = Field(
        default=(), max_length=MOST_IN_HAND, description="Jobs that it is fetching for."
    )
    room: int = Field(ge=0, le=MOST_IN_HAND, description="So many more it takes.")
    progress: tuple[FetchProgress, ...] = Field(
        default=(), max_length=MOST_IN_HAND, description="How far those are that it holds."
    )
    can_analyze: bool = Field(
        default=False,
        description="Whether it has files read by an analysis service. Files that were handed in "
        "wait for such a courier as long as there is one.",
    )


class FetchesTaken(Message):
    """What a courier is to fetch: what it holds and shall go on with, and what is new."""

    items: tuple[FetchWork, ...] = Field(description="Each of them.")


class DeliverFetch(Message):
    """A courier tells what came of a job."""

    job: JobId = Field(description="The job.")
    attempt: int = Field(ge=0, description="As it was told.")
    outcome: Literal["fetched", "unchanged", "failed", "delegated"] = Field(
        description="unchanged: the server says that it is what was fetched before; delegated: an "
        "analysis service has read it, and keeps what it has found."
    )
    blob: Sha256 | None = Field(default=None, description="Of fetched: by what it is kept.")
    size_bytes: int = Field(default=0, ge=0, le=MAX_INT64, description="How many bytes there are.")
    filename: FileName | None = Field(default=None, description="Of fetched: what it is called.")
    etag: Validator | None = Field(default=None, description="Its ETag.")
    modified: Validator | None = Field(default=None, description="Its Last-Modified.")
    is_analyzed: bool = Field(
        default=False,
        description="Of fetched: whether it is what an analysis service made of the file.",
    )
    reason: Reason | None = Field(default=None, description="Of failed: why.")
    is_manifest: bool = Field(default=False, description="As it was told.")
    content: Annotated[str, StringConstraints(max_length=LONGEST_LIST)] | None = Field(
        default=None, description="Of a list of sources that was fetched: its text."
    )

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        """Refuse what lacks what its outcome needs."""
        if self.is_manifest:
            if (self.outcome == "fetched") != (self.content is not None):
                raise ValueError("a list of sources that was fetched, and no other, has content")
        elif self.outcome == "fetched" and (self.blob is None or self.filename is None):
            raise ValueError("what was fetched has a blob and a filename")
        if self.outcome == "failed" and not self.reason:
            raise ValueError("what failed has a reason")
        return self


class FetchDelivered(Message):
    """What became of that."""

    is_taken: bool = Field(
        description="Whether the job has it now; if not, nobody waits for it any more."
    )
