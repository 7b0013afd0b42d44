"""Files that an analysis service reads instead of us: how far it is, and what is kept of that."""

from typing import Annotated

from pydantic import Field, StringConstraints

from shared.contracts.base import MAX_INT64, Message
from shared.contracts.jobs import JobAnalysis, JobId, RemoteId
from shared.contracts.uploads import FileName, Sha256

RECORDS_TYPE = "application/x-mapstream-records"
"""The type of a content that an analysis service has made of a file."""
Validator = Annotated[str, StringConstraints(max_length=512)]


class KeptFile(Message):
    """A file that is there, by whose bytes an analysis goes on after a crash."""

    blob: Sha256 = Field(description="SHA-256 of its bytes, by which it is kept.")
    size_bytes: int = Field(ge=0, le=MAX_INT64, description="How many there are.")
    filename: FileName = Field(description="What it is called.")
    etag: Validator | None = Field(default=None, description="Its ETag.")
    modified: Validator | None = Field(default=None, description="Its Last-Modified.")


class AnalysisBegun(Message):
    """How far an analysis came before, by another courier or another attempt."""

    kept: KeptFile = Field(description="The file: it need not be fetched again.")
    remote_id: RemoteId | None = Field(
        default=None, description="Of this attempt: ask for it, do not hand the file over again."
    )


class NoteAnalysis(Message):
    """A courier tells how far the analysis of a file is; what it tells outlasts it."""

    job: JobId = Field(description="The job.")
    attempt: int = Field(ge=0, description="As it was told.")
    kept: KeptFile = Field(description="The file.")
    analysis: JobAnalysis = Field(description="How far it is.")


class AnalysisNoted(Message):
    """What became of that."""

    is_taken: bool = Field(
        description="Whether it was noted; if not, nobody waits for the file any more."
    )
