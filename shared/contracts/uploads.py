"""Uploaded files: what they may be called, and how they are kept as sources."""

import re
import unicodedata
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints

from shared.contracts.base import Command, Message, Outcome
from shared.contracts.sources import SourceEvent

LONGEST_NAME = 200
"""Bytes of UTF-8: there is room for a number behind it, whatever keeps names."""
MOST_COLUMNS = 200
DIRECTING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""What turns the direction of text around, so that a name is not what it looks like."""
_PATH = re.compile(r"[/\\]")


def file_name(given: str) -> str:
    """Return what a file is called here, of the name that somebody gave it.

    Folders before it are left out, and it is written in one way of Unicode (NFC).

    Raises:
        ValueError: It cannot be the name of a file; says why.
    """
    name = unicodedata.normalize("NFC", _PATH.split(given)[-1].strip())
    if name in ("", ".", ".."):
        raise ValueError("it has no name: give it one, such as table.csv")
    for one in name:
        if unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp") or one in DIRECTING:
            raise ValueError(
                f"its name has the character U+{ord(one):04X}, which nobody sees: rename it"
            )
    if len(name.encode()) > LONGEST_NAME:
        raise ValueError(f"its name is longer than {LONGEST_NAME} bytes: shorten it")
    return name


def numbered(name: str, number: int) -> str:
    """Return the name of the so-manieth file of a name: ``name (2).ext``; the first has none."""
    if number == 1:
        return name
    stem, dot, suffix = name.rpartition(".")
    return f"{stem} ({number}){dot}{suffix}" if stem else f"{name} ({number})"


def _is_tidy(name: str) -> str:
    """Refuse a name that the door would have written otherwise.

    Raises:
        ValueError: It would.
    """
    if name != file_name(name):
        raise ValueError(f"must be written {file_name(name)!r}")
    return name


FileName = Annotated[
    str, StringConstraints(min_length=1, max_length=LONGEST_NAME), AfterValidator(_is_tidy)
]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
JobId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Column = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
Columns = Annotated[tuple[Column, ...], Field(max_length=MOST_COLUMNS, strict=False)]
"""A list, too, where bodies are taken strictly: JSON has no tuples."""
NONE_KEPT = frozenset({"context_columns"})
"""What may be an empty list: then no column is kept; not given, all that make no text are."""
FetchColumnRule = Literal["preferred", "own"]
ColumnRule = Literal["preferred", "own", "kept"]
"""Whose columns are taken: of the collection where none are named; those that are said here, even
if that is none; or those, and for the collection, too."""


class Upload(Command):
    """Have a file that was handed in read as a source of the collection."""

    family: ClassVar[str] = "command.upload"
    may_be_empty: ClassVar[frozenset[str]] = NONE_KEPT

    filename: FileName = Field(
        description="What it is called; if there is one of that name, it becomes `name (2).ext`."
    )
    blob: Sha256 = Field(description="SHA-256 of its bytes, by which it is kept.")
    job_id: JobId = Field(description="Of what brought it; names the note beside its bytes.")
    replace: bool = Field(
        default=False,
        description="Whether it takes the place of the uploaded file of its name, if there is.",
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
    columns: ColumnRule = Field(
        default="preferred",
        description="preferred: where no columns are named, those that the collection prefers; "
        "own: those that are named here, or all; kept: those, and the collection prefers them "
        "from now on.",
    )


class SourceUploaded(SourceEvent):
    """A file that was handed in has its name; a job has it read as that source, in its turn."""

    family: ClassVar[str] = "source.uploaded"
    settles_as: ClassVar[Outcome | None] = "done"

    blob: Sha256 = Field(description="SHA-256 of its bytes.")
    job_id: JobId = Field(description="Of what brought it.")
    size_bytes: int = Field(ge=0, description="How many there are.")
    has_replaced: bool = Field(
        description="Whether it takes the place of another content of the same name."
    )
    job: str | None = Field(
        default=None, description="The job that has it read; null: an earlier program took it."
    )


class UploadFacts(Message):
    """What is kept of a source that was uploaded."""

    blob: Sha256 = Field(description="SHA-256 of its bytes.")
    job_id: JobId = Field(description="Of what brought it.")
    size_bytes: int = Field(ge=0, description="How many there are.")
    media_type: str = Field(description="What it was said to be when it was handed in.")
    uploaded_at: AwareDatetime = Field(description="When its last byte came, in UTC.")
    uploaded_by: str = Field(description="Who handed it in.")
    text_columns: tuple[str, ...] = Field(
        description="The columns that make the text of a record; none: all of them."
    )
    context_columns: tuple[str, ...] | None = Field(
        description="The columns that are kept as attributes; null: all that make no text."
    )
    url: str | None = Field(
        default=None, description="Where it was fetched from; null: somebody handed it in."
    )
    preferences: int | None = Field(
        default=None,
        description="The version of the collection's preferences that its columns are of; null: "
        "they are its own.",
    )
