"""Uploaded files as sources."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from services.discovery.domain.jobs import Job
from services.discovery.domain.preferences import Chosen, Preferred
from services.discovery.domain.sources import SourceStat, source_id

SCHEME = "upload:"
"""The path of such a source begins so, as no file's does: those are absolute."""
_JOB = re.compile(r"[0-9a-f]{8,64}")
EARLIER_KEPT = 16
"""Of the contents that were replaced: so many commands may be delivered again after a crash."""


ColumnRule = Literal["preferred", "own", "kept"]
"""Whose columns a file is read by; kept: its own, which its collection prefers from then on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedFile:
    """What is kept of an uploaded file."""

    collection: str
    filename: str
    blob: str
    """SHA-256 of its bytes, by which they are kept."""
    job_id: str
    """Of what brought it."""
    size: int
    media_type: str
    uploaded_at: datetime
    uploaded_by: str
    text_columns: tuple[str, ...] = ()
    context_columns: tuple[str, ...] | None = None
    preferences: int | None = None
    """The version of the collection's preferences that its columns are of; None: its own."""
    earlier: tuple[str, ...] = ()
    """The jobs whose contents it had before."""

    @property
    def source_id(self) -> str:
        """Its identity as a source."""
        return source_id(self.collection, self.filename)

    @property
    def ledger_job(self) -> str:
        """The id of the job that has it read: its own, if that can be the id of one."""
        if _JOB.fullmatch(self.job_id):
            return self.job_id
        return hashlib.sha256(self.job_id.encode()).hexdigest()[:20]

    def is_same(self, other: "UploadedFile") -> bool:
        """Tell whether it has the same bytes, read in the same way."""
        return (self.blob, self.chosen) == (other.blob, other.chosen)

    @property
    def path(self) -> str:
        """What the ledger calls the place that it lies at."""
        return f"{SCHEME}{self.collection}/{self.filename}"

    @property
    def chosen(self) -> Chosen:
        """The columns by which it is read."""
        return Chosen(self.text_columns, self.context_columns)

    def read_by(self, preferred: Preferred) -> "UploadedFile":
        """Return it with the columns that its collection prefers."""
        chosen = preferred.chosen
        return replace(
            self,
            text_columns=chosen.text,
            context_columns=chosen.context,
            preferences=preferred.version,
        )

    def stat(self) -> SourceStat:
        """Say what a look finds: another content is another time.

        Two files of equal bytes are two files, so each has a number of its own, as an inode is.
        """
        moment = round(self.uploaded_at.timestamp() * 1_000_000) * 1000
        digest = hashlib.sha256(f"{self.source_id}{self.job_id}".encode()).digest()
        return SourceStat(
            collection=self.collection,
            filename=self.filename,
            path=self.path,
            size=self.size,
            mtime_ns=moment,
            ctime_ns=moment,
            inode=1 + int.from_bytes(digest[:7], "big"),
        )


def is_uploaded(path: str) -> bool:
    """Tell by its path whether a source is an uploaded file."""
    return path.startswith(SCHEME)


def collections_of(paths: Iterable[str]) -> set[str]:
    """Name the collections of uploaded files by their paths; other paths are passed over."""
    return {one.removeprefix(SCHEME).partition("/")[0] for one in paths if is_uploaded(one)}


@dataclass(frozen=True, slots=True)
class BroughtFile:
    """A file that a job has brought for its source, beside the content that this has."""

    job: str
    file: UploadedFile
    url: str | None = None
    """Where it was fetched from."""
    etag: str | None = None
    modified: str | None = None
    is_placed: bool = False
    """Whether it is what is read of the source by now."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """An uploaded file that has a job, or was a source before."""

    file: UploadedFile
    job: Job | None = None
    """None: an earlier program made it a source, without any."""


@dataclass(frozen=True, slots=True)
class NotAdmitted:
    """Why one is not."""

    reason: str
