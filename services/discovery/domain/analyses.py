"""Files that an analysis service reads instead of us, as the ledger knows them."""

from dataclasses import dataclass

DELEGATED = (
    "delegated: the analysis service keeps what it has found, so nothing of it is on the map "
)

READ_AS_IT_IS = "read as it is, without the analysis service: "
NOT_WANTED = f"{READ_AS_IT_IS}its collection has nothing analysed any more"
NO_ANALYSER = (
    f"{READ_AS_IT_IS}no courier asks for it that knows one; see that it runs, and analysis.url"
)
"""What stands in the log of an upload that nobody analyses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What an analysis service has told of a file."""

    phase: str
    """In its words: downloading, analyzing, matching, complete."""
    items_processed: int = 0
    items_total: int | None = None
    matches_found: int = 0
    review_queue: int = 0
    errors: int = 0
    remote_id: str | None = None
    """What it calls the file; None: it was not asked yet."""

    @property
    def told(self) -> str:
        """How far it is, for a log."""
        total = "" if self.items_total is None else f" of {self.items_total:,}"
        return f"analysis: {self.phase} ({self.items_processed:,}{total} items)"

    @property
    def counts(self) -> str:
        """What came of it, for people."""
        return (
            f"({self.items_processed:,} items, {self.matches_found:,} matched, "
            f"{self.review_queue:,} to review, {self.errors:,} errors)"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyzedFile:
    """The file that is analysed: while it is kept, nobody fetches it again."""

    blob: str
    size_bytes: int
    filename: str
    etag: str | None = None
    modified: str | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """How far an analysis came before."""

    kept: AnalyzedFile
    remote_id: str | None
    """Of this attempt, if the service was asked."""
