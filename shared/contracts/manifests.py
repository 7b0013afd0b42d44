"""Manifests: lists of sources, which are applied every few hours."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AwareDatetime,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from shared.contracts.base import MAX_INT64, Collection, Message, Reason
from shared.contracts.fetching import LONGEST_LIST, FetchedUrl
from shared.contracts.jobs import JobId
from shared.contracts.schedules import Hours
from shared.contracts.uploads import Columns, file_name

DEFAULT_HOURS = 8
SAY_WHAT = "say what changes: every_hours, is_paused"
PDF = "PDF is not read: list the table itself, as CSV or XLSX"
ManifestId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{20}$")]
Count = Annotated[int, Field(ge=0, le=MAX_INT64)]
ListText = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_LIST)]
ListedFormat = Literal[
    "csv", "tsv", "excel", "xlsx", "xls", "google_sheets", "ods", "parquet", "jsonl", "json",
    "text", "markdown",
]  # fmt: skip
ItemOutcome = Literal[
    "added", "changed", "asked", "busy", "not due", "inactive", "unlisted", "bad"
]


def _is_seen(name: str) -> str:
    """Refuse a name with characters that nobody sees, or that is none.

    Raises:
        ValueError: It cannot be the name of a file, but for its slashes.
    """
    file_name(name.replace("/", "-").replace("\\", "-"))
    return name


def _is_read(written: Any) -> Any:
    """Refuse what is known and not read.

    Raises:
        ValueError: It is PDF.
    """
    plain = written.strip().lower().replace(" ", "_") if isinstance(written, str) else written
    if plain == "pdf":
        raise ValueError(PDF)
    return plain


ManifestName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    BeforeValidator(lambda one: _is_seen(one) if isinstance(one, str) else one),
]


class ManifestEntry(Message):
    """A row of a manifest: a source."""

    name: ManifestName = Field(
        description="What it is called, and by what it is known again, whatever its case."
    )
    url: FetchedUrl = Field(description="Where it lies; `source_url` is another name of this.")
    format: Annotated[ListedFormat | None, BeforeValidator(_is_read)] = Field(
        default=None, description="What it is, if neither its name nor its URL ends so."
    )
    active: bool = Field(
        default=True, description="Whether it is fetched; `enabled` is another name of this."
    )
    every_hours: Hours | None = Field(
        default=None, description="Fetched no more often than so; null: at each application."
    )
    text_columns: Columns = Field(default=(), description="As of a fetch; in CSV a|b.")
    context_columns: Columns | None = Field(default=None, description="As of a fetch; the same.")
    notes: str | None = Field(
        default=None, max_length=1000, description="Kept and shown, and no more."
    )


class ManifestCounts(Message):
    """How many of a list came out how."""

    added: Count = Field(default=0, description="Are fetched for the first time.")
    changed: Count = Field(default=0, description="Are fetched from another URL from now on.")
    asked: Count = Field(default=0, description="Are fetched again if they have changed.")
    busy: Count = Field(default=0, description="Have a job already; next time.")
    not_due: Count = Field(default=0, description="Came lately enough.")
    inactive: Count = Field(default=0, description="Are not to be fetched, by their row.")
    unlisted: Count = Field(default=0, description="Are listed no longer: kept, and not fetched.")
    bad: Count = Field(default=0, description="Rows that are no source.")


class ManifestRun(Message):
    """What became of a slot, or of several that were missed; or a run by hand."""

    id: JobId = Field(description="Its identity; jobs that it queued say manifest:ID.")
    at: AwareDatetime = Field(description="When that was decided, in UTC.")
    slot: AwareDatetime | None = Field(description="The slot, the last of several; null: by hand.")
    outcome: Literal["ran", "by hand", "missed", "overlapped"] = Field(
        description="missed: nobody was there, or it was paused; overlapped: one was under way."
    )
    slots: int = Field(default=1, ge=1, description="How many slots it is about.")
    by: str = Field(description="Who had it run.")
    state: Literal["running", "applied", "failed"] | None = Field(
        default=None,
        description="How far it is; failed: nothing has changed; null: it did not run.",
    )
    ended_at: AwareDatetime | None = Field(default=None, description="When it had ended.")
    reason: Reason | None = Field(
        default=None, description="Why it failed; of one that is applied, what was passed over."
    )
    counts: ManifestCounts | None = Field(default=None, description="Of its list.")


class ManifestRecord(Message):
    """A manifest, and what became of its slots."""

    id: ManifestId = Field(description="Its identity.")
    collection: Collection = Field(description="Where its sources belong.")
    name: str = Field(description="What it is called; if nobody named it, its URL.")
    url: FetchedUrl | None = Field(description="Where it lies; null: it was handed in.")
    every_hours: Hours = Field(description="Hours from slot to slot.")
    is_paused: bool = Field(description="Whether its slots pass without a run.")
    next_at: AwareDatetime = Field(description="The next slot of its grid.")
    ran: Count = Field(description="Slots that were run.")
    missed: Count = Field(description="Slots that nobody ran: it was paused, or nobody was there.")
    overlapped: Count = Field(description="Slots at which it was still being applied.")
    succeeded_at: AwareDatetime | None = Field(description="When it was last applied.")
    is_stale: bool = Field(
        description="Whether it was not for nine hours, or one and a half periods if that is more."
    )
    created_at: AwareDatetime = Field(description="When it was made.")
    created_by: str = Field(description="Who made it.")
    runs: tuple[ManifestRun, ...] = Field(default=(), description="The last twenty, newest first.")


class ManifestItem(Message):
    """What became of one that is, or was, listed, when the manifest was last applied."""

    row: int = Field(ge=0, description="Its row, from 1; 0: it is not listed any more.")
    name: str = Field(description="As it is listed.")
    url: str | None = Field(default=None, description="Where it is fetched from.")
    filename: str | None = Field(
        default=None, description="What its source is called, unless that was taken."
    )
    outcome: ItemOutcome = Field(description="What became of it.")
    reason: Reason | None = Field(default=None, description="Why.")
    job: JobId | None = Field(default=None, description="The last job that fetches it.")
    asked_at: AwareDatetime | None = Field(default=None, description="When that was queued.")
    every_hours: Hours | None = Field(default=None, description="As it is listed.")
    notes: str | None = Field(default=None, description="As they are listed.")


class ListManifests(Message):
    """Asks for manifests, in the order in which they were made; or for one, with its items."""

    model_config = ConfigDict(extra="forbid")

    collection: Collection | None = Field(default=None, description="Of this collection only.")
    manifest: ManifestId | None = Field(default=None, description="This one only.")


class ManifestPage(Message):
    """The manifests."""

    items: tuple[ManifestRecord, ...] = Field(description="Each of them.")
    listed: tuple[ManifestItem, ...] | None = Field(
        default=None, description="If one was asked for: what it lists, and what it listed before."
    )


class ChangeManifest(Message):
    """Has a manifest applied, changed, removed, or run by hand."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["apply", "change", "remove", "run"] = Field(
        description="apply: one that is made, or given another list, by its name."
    )
    manifest: ManifestId | None = Field(default=None, description="The manifest; of apply, none.")
    collection: Collection | None = Field(default=None, description="Of apply: the collection.")
    name: ManifestName | None = Field(default=None, description="Of apply: what it is called.")
    url: FetchedUrl | None = Field(default=None, description="Of apply: where it lies.")
    content: ListText | None = Field(default=None, description="Of apply: the list itself.")
    every_hours: Hours | None = Field(default=None, description="Of apply and change.")
    is_paused: bool | None = Field(default=None, description="Of change.")
    by: str = Field(min_length=1, max_length=200, description="Who wants it.")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        """Refuse what lacks what its action needs."""
        if self.action == "apply":
            check_list(self.name, self.url, self.content)
            if self.collection is None:
                raise ValueError("apply needs a collection")
        elif self.manifest is None:
            raise ValueError(f"{self.action} needs a manifest")
        if self.action == "change" and self.every_hours is None and self.is_paused is None:
            raise ValueError(SAY_WHAT)
        return self


class ManifestChanged(Message):
    """What became of that."""

    outcome: Literal["done", "refused", "unknown", "running", "too often"] = Field(
        description="unknown: there is none of this id; running: it is being applied."
    )
    reason: Reason | None = Field(default=None, description="Why not.")
    manifest: ManifestRecord | None = Field(
        default=None, description="As it is now; of a removed one, as it was."
    )


def check_list(name: str | None, url: str | None, content: str | None) -> None:
    """Refuse a list that lies nowhere, or at two places.

    Raises:
        ValueError: It does.
    """
    if (url is None) == (content is None):
        raise ValueError("give url, where the list lies, or content, the list itself")
    if content is not None and name is None:
        raise ValueError("a list that is handed in needs a name, by which it is replaced later")
