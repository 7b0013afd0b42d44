"""Events about sources: discovery tells what it found and what became of it."""

from typing import ClassVar, Literal

from pydantic import AwareDatetime, Field

from shared.contracts.base import Event, Outcome, Reason
from shared.services import Stage


class SourceEvent(Event):
    """An event about one source."""

    source_id: str = Field(description="Hash of collection and filename.")
    filename: str = Field(description="The source's path below its root, with '/'.")


class SourceDiscovered(SourceEvent):
    """A source is complete and will be read.

    One that has grown is told again with the same version.
    """

    family: ClassVar[str] = "source.discovered"

    fingerprint: str = Field(description="SHA-256 of the content.")
    source_version: int = Field(ge=1, description="1 for the first content, then counting.")
    size_bytes: int = Field(ge=0, description="Length of the content.")
    moved_from: str | None = Field(
        default=None,
        description="The filename under which the same file was mapped before: its records go "
        "over to this one as they are, with other ids, and are not read again.",
    )


class SourceCompleted(SourceEvent):
    """Every record of a source's content is mapped or dead-lettered.

    Told again when what was appended is mapped, too, with the same version.
    """

    family: ClassVar[str] = "source.completed"

    fingerprint: str = Field(description="SHA-256 of the content.")
    source_version: int = Field(ge=1, description="1 for the first content, then counting.")
    seen: int = Field(ge=0, description="Records found, unreadable lines included.")
    mapped: int = Field(ge=0, description="Records in the dataset.")
    dead: int = Field(ge=0, description="Records and lines that were dead-lettered.")


class SourceFailed(SourceEvent):
    """A source could not be read, or not be shown; it is tried again when it changes."""

    family: ClassVar[str] = "source.failed"

    reason: Reason = Field(description="What went wrong, with the remedy if there is one.")
    is_held: bool = Field(
        default=False,
        description="Whether it was read, but too much of it died: the version before stays on "
        "the map, and the new one waits beside it for letters to be sent again or given up.",
    )


class SourceStalled(SourceEvent):
    """A source's numbers neither close nor change; told once, until they change.

    When they close after all, ``source.completed`` follows as ever.
    """

    family: ClassVar[str] = "source.stalled"

    source_version: int = Field(ge=1, description="1 for the first content, then counting.")
    stage: Literal[Stage, "bus"] = Field(
        description="What holds it; bus: no stage has anything of it before it, so it was lost "
        "there and will be sent again."
    )
    since: AwareDatetime = Field(description="When the numbers last changed.")
    seen: int = Field(ge=0, description="Records found so far, unreadable lines included.")
    mapped: int = Field(ge=0, description="Records in the dataset.")
    dead: int = Field(ge=0, description="Records and lines that were dead-lettered.")
    in_flight: int = Field(ge=0, description="Records of which nothing was heard yet.")


class SourceGone(SourceEvent):
    """A source that was mapped is not there any more; its records stay until they are forgotten.

    ``source.forgotten`` follows where the configuration says so, or where its file has another
    name under which it is mapped.
    """

    family: ClassVar[str] = "source.gone"

    source_version: int = Field(ge=1, description="The version that was mapped last.")
    mapped: int = Field(ge=0, description="Records of it in the dataset.")
    same_as: str | None = Field(
        default=None,
        description="Filename of the source that the same file is read as now, since each file "
        "is read once; null: there is no such file.",
    )


class SourceReturned(SourceEvent):
    """A source that was gone is there again; if its content is new, it is read."""

    family: ClassVar[str] = "source.returned"

    source_version: int = Field(ge=1, description="The version that was mapped last.")


class SourceForgotten(SourceEvent):
    """A source's records were taken off the map; it stays away until its content changes."""

    family: ClassVar[str] = "source.forgotten"
    settles_as: ClassVar[Outcome | None] = "done"

    source_version: int = Field(ge=1, description="The version that has no records.")


class SourceRejected(Event):
    """A command about a source could not be carried out; nothing has changed."""

    family: ClassVar[str] = "source.rejected"
    settles_as: ClassVar[Outcome | None] = "rejected"

    command: str = Field(description="Subject of the refused command.")
    reason: Reason = Field(description="Why it was refused.")
    is_unknown: bool = Field(
        default=False, description="Whether that is since there is no such source."
    )
