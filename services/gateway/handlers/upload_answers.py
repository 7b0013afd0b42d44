"""The bodies of the answers about uploads."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Body(BaseModel):
    """A JSON body of an answer."""

    model_config = ConfigDict(frozen=True)


class Uploaded(Body):
    """A file that a job has read as a source."""

    correlation_id: str = Field(description="The command's, as in every event about it.")
    collection: str = Field(description="The collection.")
    source_id: str = Field(description="Hash of collection and filename.")
    filename: str = Field(description="Its name on the map.")
    has_replaced: bool = Field(description="Whether it takes the place of another content.")
    job: str | None = Field(default=None, description="The job that has it read.")


class TakenFile(Body):
    """What became of a file of an upload."""

    given_name: str = Field(description="What it was called.")
    state: Literal["added", "pending", "refused"] = Field(
        description="added: its job is queued; pending: discovery has not answered yet, "
        "`GET /operations/{correlation_id}` tells; refused: nothing of it is kept."
    )
    reason: str | None = Field(default=None, description="Why it was refused.")
    source_id: str | None = Field(default=None, description="Of a source: its id.")
    filename: str | None = Field(default=None, description="Of a source: its name on the map.")
    size_bytes: int | None = Field(default=None, description="How many bytes have come.")
    sha256: str | None = Field(default=None, description="The hash of them.")
    job: str | None = Field(
        default=None,
        description="The job that has it read, see `GET /api/jobs/{job}`; of a pending one, the "
        "job that it gets when discovery takes it.",
    )
    correlation_id: str | None = Field(
        default=None, description="Of the command that it was told to discovery by."
    )


class UploadAnswer(Body):
    """What became of the files of a request, in their order."""

    collection: str = Field(description="Where they belong.")
    files: list[TakenFile] = Field(description="Each of them.")


class ResumableUpload(Body):
    """An upload that can be continued, or is at its end."""

    id: str = Field(description="Its id, and that of the job that has it read in the end.")
    collection: str = Field(description="Where it belongs.")
    filename: str = Field(description="What it was called.")
    length: int = Field(description="How many bytes it has.")
    offset: int = Field(description="How many of them have come.")
    expires_at: datetime = Field(description="When it is removed if nothing comes before.")
    file: TakenFile | None = Field(
        description="What became of it; null: its bytes have not all come."
    )


class ResumableUploads(Body):
    """The uploads that somebody has in a collection."""

    items: list[ResumableUpload] = Field(description="The one first that expires first.")


class UploadRules(Body):
    """What may be uploaded."""

    max_file_bytes: int = Field(description="The largest file.")
    max_files: int = Field(description="The most files of one request.")
    quota_bytes: int = Field(description="The most that the files of a collection may take.")
    max_unfinished: int = Field(
        description="The most resumable uploads of a person in a collection that are not at their "
        "end."
    )
    max_name_bytes: int = Field(description="The longest name, in UTF-8.")
    formats: list[str] = Field(description="What is read; what a file is, its content tells.")
    header: str = Field(description="The header that an upload needs, with any value.")


class ExampleRules(Body):
    """The logs that come with the program."""

    files: int = Field(description="How many there are.")
    size_bytes: int = Field(description="How large they are together.")
    why_not: str | None = Field(description="Why none can be had; null: they can.")
